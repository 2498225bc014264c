import { AppError } from "../errors.ts";

export type GitConfig = readonly (readonly [key: string, value: string])[];

export interface GitCall {
  args: readonly string[];
  cwd: string;
  /** Handed over in the environment, where other users of the machine cannot read it as they can arguments. */
  config?: GitConfig;
  env?: Record<string, string>;
  signal: AbortSignal;
  /** Gets what git says while it runs; without it that is part of the result. */
  onProgress?(text: string): void;
}

export interface GitResult {
  exitCode: number;
  stdout: string;
  /** What was said on stderr, its end at least. */
  stderr: string;
}

const configEnv = (config: GitConfig): Record<string, string> => ({
  GIT_CONFIG_COUNT: String(config.length),
  ...Object.fromEntries(
    config.flatMap(([key, value], i) => [
      [`GIT_CONFIG_KEY_${i}`, key],
      [`GIT_CONFIG_VALUE_${i}`, value],
    ]),
  ),
});

const keptChars = 8192;

const readAll = async (stream: ReadableStream<Uint8Array>, onText: (text: string) => void): Promise<void> => {
  const decoder = new TextDecoder();
  for await (const chunk of stream) onText(decoder.decode(chunk, { stream: true }));
};

/** @throws AppError `unavailable` when there is no git here */
export const runGit = async (call: GitCall): Promise<GitResult> => {
  const { args, cwd, config = [], env = {}, signal, onProgress } = call;
  // Variables of a git that this runs under (a hook, an alias) would point it at another repository.
  const { GIT_DIR, GIT_WORK_TREE, GIT_INDEX_FILE, GIT_OBJECT_DIRECTORY, ...inherited } = process.env;
  let child;
  try {
    child = Bun.spawn(["git", ...args], {
      cwd,
      env: { ...inherited, ...configEnv(config), GIT_TERMINAL_PROMPT: "0", ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      signal,
    });
  } catch (cause) {
    throw new AppError("unavailable", "git could not be started; is it installed?", { cause });
  }
  let stdout = "";
  let stderr = "";
  await Promise.all([
    readAll(child.stdout, (text) => (stdout += text)),
    readAll(child.stderr, (text) => {
      stderr = (stderr + text).slice(-keptChars);
      onProgress?.(text);
    }),
  ]);
  const exitCode = await child.exited;
  signal.throwIfAborted();
  return { exitCode, stdout, stderr };
};
