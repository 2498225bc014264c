import { AppError } from "../errors.ts";

const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Path of a system program, null when it is not installed; services often lack the sbin folders in their PATH. */
export const whichTool = (name: string): string | null =>
  Bun.which(name, { PATH: `${systemPath}:${process.env.PATH ?? ""}` });

export interface ToolResult {
  exitCode: number;
  /** What it printed and complained, for messages. */
  words: string;
}

/**
 * Runs a system program by argv, never a shell; killed at the deadline.
 * @throws AppError `unavailable` when it is not installed
 */
export const runTool = async (
  argv: readonly [string, ...string[]],
  deadlineMs = 60_000,
): Promise<ToolResult> => {
  const program = whichTool(argv[0]);
  if (program === null) throw new AppError("unavailable", `${argv[0]} is not installed on this server`);
  const child = Bun.spawn([program, ...argv.slice(1)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: systemPath, LC_ALL: "C" },
    timeout: deadlineMs,
    killSignal: "SIGKILL",
  });
  const [exitCode, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exitCode, words: `${stdout}${stderr}`.trim().slice(0, 1000) };
};

/** As `runTool`. @throws AppError `unavailable` also when it fails, with what was to be done */
export const mustRun = async (
  what: string,
  argv: readonly [string, ...string[]],
  deadlineMs?: number,
): Promise<string> => {
  const { exitCode, words } = await runTool(argv, deadlineMs);
  if (exitCode !== 0)
    throw new AppError("unavailable", `${what}: ${argv[0]} ended with ${exitCode}`, {
      cause: new Error(words),
    });
  return words;
};
