import { GB } from "../domain/size.ts";
import { AppError } from "../errors.ts";
import { gitEnv, type GitConfig } from "./git-env.ts";

export interface RunGit {
  /** Arguments after `git`; never a shell string. */
  args: readonly string[];
  gitDir?: string;
  config?: readonly GitConfig[];
  env?: Record<string, string>;
  signal?: AbortSignal;
  deadlineMs: number;
  /** Output past this many bytes ends the process; default 1 MB. */
  maxOutputBytes?: number;
  /** No file that git writes may grow past this; default 1 GB. */
  maxFileBytes?: number;
}

export interface GitResult {
  exitCode: number;
  stdout: string;
  /** At most 16 KB. */
  stderr: string;
  /** What ended it: itself, the deadline, or more output than was allowed. */
  ended: "exit" | "deadline" | "too_much";
}

const addressSpaceBytes = 2 * GB;
let prlimit: string | null | undefined;

/**
 * The argv that runs git inside kernel limits: a crafted object can make git ask for any amount of memory, and a
 * small pack can unfold to any size. Soft limits, so that a hook can lift its own. Without util-linux's
 * `prlimit` git runs without them.
 */
export const limitedGit = (args: readonly string[], maxFileBytes = GB): string[] => {
  prlimit ??= Bun.which("prlimit");
  const limits = prlimit
    ? [prlimit, `--as=${addressSpaceBytes}:`, `--fsize=${maxFileBytes}:`, "--core=0"]
    : [];
  return [...limits, "git", ...args];
};

/** Ends a detached process and all it started: politely, so that git removes its temporary files, then for sure. */
export const endGroup = async (child: Bun.Subprocess): Promise<void> => {
  const send = (signal: NodeJS.Signals) => {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // the whole group is gone already
    }
  };
  send("SIGTERM");
  const soon = await Promise.race([child.exited.then(() => true), Bun.sleep(2000).then(() => false)]);
  // A leader that is gone may leave children behind, hence the second signal in any case.
  if (soon) await Bun.sleep(20);
  send("SIGKILL");
  await child.exited;
};

/** Reads at most `limit` bytes as text; beyond it calls `onExcess` and reads on without keeping. */
export const readBounded = async (
  stream: ReadableStream<Uint8Array>,
  limit: number,
  onExcess: () => void = () => {},
): Promise<string> => {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    if (size + chunk.length > limit) {
      chunks.push(chunk.subarray(0, limit - size));
      size = limit;
      onExcess();
      continue;
    }
    chunks.push(chunk);
    size += chunk.length;
  }
  return Buffer.concat(chunks).toString("utf8");
};

/**
 * Runs one git command to its end. A non-zero exit is a result, not an error.
 * @throws the signal's reason when aborted; AppError `unavailable` when git is not installed
 */
export const runGit = async (options: RunGit): Promise<GitResult> => {
  options.signal?.throwIfAborted();
  const extra = { ...options.env, ...(options.gitDir ? { GIT_DIR: options.gitDir } : {}) };
  let child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  try {
    child = Bun.spawn(limitedGit(options.args, options.maxFileBytes), {
      env: gitEnv(options.config, extra),
      cwd: options.gitDir ?? "/",
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
  } catch (cause) {
    throw new AppError("unavailable", "git could not be started; is it installed?", { cause });
  }
  let ended: GitResult["ended"] = "exit";
  let ending: Promise<void> | null = null;
  const end = (why?: GitResult["ended"]) => {
    if (why && !ending) ended = why;
    ending ??= endGroup(child);
  };
  const onAbort = () => end();
  const timer = setTimeout(() => end("deadline"), options.deadlineMs);
  options.signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const [stdout, stderr, exitCode] = await Promise.all([
      readBounded(child.stdout, options.maxOutputBytes ?? 1024 * 1024, () => end("too_much")),
      readBounded(child.stderr, 16 * 1024),
      child.exited,
    ]);
    await ending;
    options.signal?.throwIfAborted();
    return { exitCode, stdout, stderr, ended };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
  }
};
