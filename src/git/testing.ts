import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Helpers of the tests in this folder: temporary folders, and git as a person at a terminal would run it.

export const temporaryFolder = async (): Promise<{ path: string } & AsyncDisposable> => {
  const path = await mkdtemp(join(tmpdir(), "croft-git-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
};

export interface ClientResult {
  exitCode: number;
  /** Standard output and error, as a person sees them. */
  text: string;
}

/** Runs the client's git, without any configuration of this machine. */
export const git = async (
  cwd: string,
  args: string[],
  options: { env?: Record<string, string>; signal?: AbortSignal; mustWork?: boolean } = {},
): Promise<ClientResult> => {
  const child = Bun.spawn(["git", ...args], {
    cwd,
    env: {
      PATH: process.env.PATH ?? "",
      HOME: "/nonexistent",
      LC_ALL: "C.UTF-8",
      GIT_CONFIG_NOSYSTEM: "1",
      GIT_CONFIG_GLOBAL: "/dev/null",
      GIT_TERMINAL_PROMPT: "0",
      GIT_AUTHOR_NAME: "Ada Lovelace",
      GIT_AUTHOR_EMAIL: "ada@example.org",
      GIT_COMMITTER_NAME: "Ada Lovelace",
      GIT_COMMITTER_EMAIL: "ada@example.org",
      ...options.env,
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    signal: options.signal,
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (options.mustWork !== false && exitCode !== 0)
    throw new Error(`git ${args.join(" ")} ended with ${exitCode}: ${stderr}`);
  return { exitCode, text: stdout + stderr };
};

/** A work tree with these files committed on `branch`. @returns the commit's hash */
export const commitFiles = async (
  folder: string,
  files: Record<string, string | Uint8Array>,
  options: { branch?: string; message?: string } = {},
): Promise<string> => {
  if (!(await Bun.file(join(folder, ".git/HEAD")).exists()))
    await git("/", ["init", "--quiet", `--initial-branch=${options.branch ?? "main"}`, folder]);
  for (const [name, content] of Object.entries(files)) await Bun.write(join(folder, name), content);
  await git(folder, ["add", "--all"]);
  await git(folder, ["commit", "--quiet", "--allow-empty", "-m", options.message ?? "change"]);
  return (await git(folder, ["rev-parse", "HEAD"])).text.trim();
};

/** A certificate authority of the test's own and a certificate for `names`, made by openssl. */
export const makeCertificate = async (
  folder: string,
  names: string[],
): Promise<{ caFile: string; key: string; cert: string }> => {
  const openssl = async (...args: string[]) => {
    const child = Bun.spawn(["openssl", ...args], { cwd: folder, stdout: "ignore", stderr: "pipe" });
    if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
  };
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-subj",
    "/CN=Test CA",
    "-days",
    "2",
  );
  await openssl("req", ...key, "-keyout", "host.key", "-out", "host.csr", "-subj", "/CN=git host");
  const altNames = names.map((name) => `${/^[\d.]+$/.test(name) ? "IP" : "DNS"}:${name}`).join(",");
  await Bun.write(join(folder, "host.ext"), `subjectAltName=${altNames}\n`);
  const signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "host.ext"];
  await openssl("x509", "-req", "-in", "host.csr", "-out", "host.pem", "-days", "2", ...signed);
  return {
    caFile: join(folder, "ca.pem"),
    key: await Bun.file(join(folder, "host.key")).text(),
    cert: await Bun.file(join(folder, "host.pem")).text(),
  };
};
