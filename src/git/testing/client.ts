import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

// For tests: temporary folders, and git as a person at a terminal would run it.

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
