import { lstat, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import dockerignore from "@balena/dockerignore";
import { deployFailed } from "./errors.ts";
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

export interface BuildContext {
  /** Path of the Dockerfile inside the context, for the builder. */
  dockerfile: string;
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
  signal: AbortSignal,
): Promise<BuildContext> => {
  const ignoreText = await readIgnore(contextDir);
  const extra: Uint8Array[] = [];
  const generated = "text" in dockerfile;
  const name = generated ? generatedDockerfile : dockerfile.path.replace(/^(?:\.?\/)+/, "");
  if (generated) {
    extra.push(tarEntry(name, dockerfile.text));
    // the builder takes out of the context what `.dockerignore` names, of these two files
    extra.push(tarEntry(".dockerignore", `${ignoreText ?? ""}\n.dockerignore\n${name}\n`));
  } else if (!(await lstat(join(contextDir, name)).catch(() => null))?.isFile())
    throw deployFailed(`there is no file ${name} in the source`);
  const replaced = generated ? [name, ".dockerignore"] : [];
  const listed = await listPaths(contextDir, ignoreText, generated ? [] : [name, ".dockerignore"], signal);
  const paths = listed.filter((path) => !replaced.includes(path));
  return { dockerfile: name, tar: writeTar(contextDir, paths, extra, signal) };
};

async function* writeTar(
  contextDir: string,
  paths: string[],
  extra: Uint8Array[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  yield* extra;
  const owner = ["--owner=0", "--group=0", "--numeric-owner", "--format=gnu"];
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
