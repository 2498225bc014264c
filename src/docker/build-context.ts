import { lstat, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import dockerignore from "@balena/dockerignore";
import { deployFailed } from "./errors.ts";
import { cacheLabel } from "./labels.ts";
import { tarEntry } from "./tar-entry.ts";

/** Where a generated Dockerfile lies in the context that the builder gets; never in the image. */
export const generatedDockerfile = ".croft.Dockerfile";
const maxIgnoreBytes = 256 * 1024;

/** The context's `.dockerignore`; a link or a giant counts as none, since it is the tenant's file. */
const readIgnore = async (contextDir: string): Promise<string | null> => {
  const path = join(contextDir, ".dockerignore");
  const facts = await lstat(path).catch(() => null);
  return facts?.isFile() && facts.size <= maxIgnoreBytes ? await readFile(path, "utf8") : null;
};

/**
 * All paths to send, relative to the context, folders included. Like Docker's own client it sends Dockerfile
 * and `.dockerignore` even when ignored: the builder needs them, and leaves them out of COPY itself.
 */
const listPaths = async (
  contextDir: string,
  ignoreText: string | null,
  always: string[],
  signal: AbortSignal,
): Promise<string[]> => {
  // a folder can be ignored and a file in it taken back with `!`, so folders are walked either way then
  const ignores = ignoreText === null ? null : dockerignore({ ignorecase: false }).add(ignoreText);
  const hasExceptions = ignoreText !== null && /^\s*!/m.test(ignoreText);
  const paths: string[] = [];
  const pending = [""];
  while (pending.length > 0) {
    signal.throwIfAborted();
    const folder = pending.pop()!;
    for (const entry of await readdir(join(contextDir, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      const ignored = !always.includes(path) && (ignores?.ignores(path) ?? false);
      const isFolder = entry.isDirectory();
      if (isFolder && (!ignored || hasExceptions || always.some((each) => each.startsWith(`${path}/`))))
        pending.push(path);
      // sockets, pipes and devices are nothing that a build can use
      if (!ignored && (isFolder || entry.isFile() || entry.isSymbolicLink())) paths.push(path);
    }
  }
  return paths.sort();
};

/** Values that mean themselves inside double quotes, whatever the Dockerfile's escape character is. */
const plainValue = /^[\w.:/-]*$/;

/** A `FROM` that ends with its line; one that goes on, or is part of a longer instruction, is left as it is. */
const fromLine = /^([ \t]*FROM[ \t][^\r\n]*[^\s\\`])[ \t]*\r?$/gim;

/**
 * The Dockerfile with every stage labelled from its first step on: always the same, so that it costs a step only
 * once for each base image. Stages and layers that no image needs any more are found again by it.
 * @param owner letters, digits, `-` and `_`
 */
export const withCacheLabel = (dockerfile: string, owner: string): string =>
  dockerfile.replace(fromLine, `$1\nLABEL ${cacheLabel}=${owner}`);

/**
 * The Dockerfile with all labels as one last instruction, so of its last stage. Each label given to the builder's
 * own parameter is a step with a container and a commit instead.
 * @returns null where that is not safe: values to be quoted, or a last line that goes on in the next
 */
export const withLabels = (dockerfile: string, labels: Record<string, string>): string | null => {
  const pairs = Object.entries(labels);
  if (!pairs.every(([key, value]) => plainValue.test(key) && plainValue.test(value))) return null;
  // A continued line goes on past empty lines and comments.
  const last = dockerfile.split(/\r?\n/).findLast((line) => !/^\s*(#|$)/.test(line));
  if (last === undefined || /[\\`]\s*$/.test(last)) return null;
  return `${dockerfile}\nLABEL ${pairs.map(([key, value]) => `${key}="${value}"`).join(" ")}\n`;
};

export interface BuildContext {
  /** Path of the Dockerfile inside the context, for the builder. */
  dockerfile: string;
  /** Those that the builder must still be given: they are not in the Dockerfile. */
  labels: Record<string, string>;
  tar: AsyncGenerator<Uint8Array>;
}

/**
 * A build context as a tar stream: written by tar(1), so links stay links and a large tree keeps off the event
 * loop; everything belongs to root, as from Docker's own client.
 * @throws `deploy_failed` when the Dockerfile is not there
 */
export const buildContext = async (
  contextDir: string,
  dockerfile: { path: string } | { text: string },
  labels: Record<string, string>,
  cacheOwner: string,
  signal: AbortSignal,
): Promise<BuildContext> => {
  const ignoreText = await readIgnore(contextDir);
  const ownName = "path" in dockerfile ? dockerfile.path.replace(/^(?:\.?\/)+/, "") : null;
  if (ownName !== null && !(await lstat(join(contextDir, ownName)).catch(() => null))?.isFile())
    throw deployFailed(`there is no file ${ownName} in the source`);
  const text = "text" in dockerfile ? dockerfile.text : await readFile(join(contextDir, ownName!), "utf8");
  const labelled = withLabels(withCacheLabel(text, cacheOwner), labels);
  // An own Dockerfile that cannot be added to goes up as it is.
  if (ownName !== null && labelled === null) {
    const paths = await listPaths(contextDir, ignoreText, [ownName, ".dockerignore"], signal);
    return { dockerfile: ownName, labels, tar: writeTar(contextDir, paths, [], signal) };
  }
  // Under another name, so that copying the source does not copy labels that are new each time. The builder takes
  // out of the context what `.dockerignore` names, of these two files.
  const name = generatedDockerfile;
  const hidesIgnore = ownName === null || ignoreText === null;
  const extra = [
    tarEntry(name, labelled ?? text),
    tarEntry(".dockerignore", `${ignoreText ?? ""}\n${hidesIgnore ? ".dockerignore\n" : ""}${name}\n`),
  ];
  const listed = await listPaths(contextDir, ignoreText, [], signal);
  const paths = listed.filter((path) => path !== name && path !== ".dockerignore");
  return {
    dockerfile: name,
    labels: labelled === null ? labels : {},
    tar: writeTar(contextDir, paths, extra, signal),
  };
};

async function* writeTar(
  contextDir: string,
  paths: string[],
  extra: Uint8Array[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  yield* extra;
  // Checkouts are closed to others on this host; inside an image any user may have to read them, as from git.
  const owner = ["--owner=0", "--group=0", "--numeric-owner", "--mode=go=rX", "--format=gnu"];
  // --directory counts for what comes after it, the list included
  const list = [
    `--directory=${contextDir}`,
    "--no-recursion",
    "--null",
    "--verbatim-files-from",
    "--files-from=-",
  ];
  const tar = Bun.spawn(["tar", "--create", "--file=-", ...owner, ...list], {
    stdin: new Blob([paths.map((path) => `./${path}\0`).join("")]),
    stdout: "pipe",
    stderr: "pipe",
    signal,
  });
  const stderr = new Response(tar.stderr).text();
  try {
    yield* tar.stdout as unknown as AsyncIterable<Uint8Array>;
    const code = await tar.exited;
    signal.throwIfAborted();
    // 1 means that a file changed while it was read; the context is a checkout of ours, so that is an error too
    if (code !== 0) throw new Error(`tar ended with ${code}: ${(await stderr).slice(0, 2000)}`);
  } finally {
    tar.kill();
  }
}
