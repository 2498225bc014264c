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
let tether: string[] | undefined;

/**
 * The argv that runs git inside kernel limits: a crafted object can make git ask for any amount of memory, and a
 * small pack can unfold to any size. Soft limits, so that a hook can lift its own. Without util-linux's
 * `prlimit` git runs without them.
 */
export const limitedGit = (args: readonly string[], maxFileBytes = GB): string[] => {
  prlimit ??= Bun.which("prlimit");
  tether ??= tetherOf();
  const limits = prlimit
    ? [prlimit, `--as=${addressSpaceBytes}:`, `--fsize=${maxFileBytes}:`, "--core=0"]
    : [];
  return [...tether, ...limits, "git", ...args];
};

/**
 * Git must not outlive a daemon that was killed, least of all one that waits for a host that hangs. The kernel tells
 * only the first child (prctl(2), PR_SET_PDEATHSIG), and git keeps such a signal from its helpers; timeout(1) hands
 * it on to the whole group. Politely, so that git takes its lock files along. The time is only a last resort: every
 * caller has a shorter deadline.
 */
const tetherOf = (): string[] => {
  const [setpriv, timeout] = [Bun.which("setpriv"), Bun.which("timeout")];
  return setpriv && timeout
    ? [...expendable(), setpriv, "--pdeathsig", "TERM", timeout, "--kill-after=5", "2h"]
    : [];
};

/**
 * When memory runs out the kernel spares the daemon, and what it starts along with it (proc_pid_oom_score_adj(5)).
 * Git works on what tenants push: it is to go before anything else of the machine's, as sites do.
 */
const expendable = (): string[] => {
  const choom = Bun.which("choom");
  return choom === null ? [] : [choom, "--adjust", "500", "--"];
};

/** Signals a process group. @returns false when nothing of it is left */
const signalGroup = (pid: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
};

const politeMs = 2000;

/**
 * Ends a detached process and all it started: politely, so that git removes its temporary files, then for sure.
 * The leader may be gone long before its children are.
 */
export const endGroup = async (child: Bun.Subprocess): Promise<void> => {
  signalGroup(child.pid, "SIGTERM");
  for (let waitedMs = 0; waitedMs < politeMs && signalGroup(child.pid, 0); waitedMs += 10)
    await Bun.sleep(10);
  signalGroup(child.pid, "SIGKILL");
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
