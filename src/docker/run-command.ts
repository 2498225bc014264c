export interface CommandResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

const systemPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Runs a program by argv, never a shell; killed at the deadline. `null` when the program is not installed. */
export const runCommand = async (
  argv: [string, ...string[]],
  options: { deadlineMs: number; stdin?: string },
): Promise<CommandResult | null> => {
  // services and cron often lack the sbin folders in their PATH
  const program = Bun.which(argv[0], { PATH: `${process.env.PATH ?? ""}:${systemPath}` });
  if (program === null) return null;
  const child = Bun.spawn([program, ...argv.slice(1)], {
    stdin: new Blob([options.stdin ?? ""]),
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: systemPath, LC_ALL: "C" },
    timeout: options.deadlineMs,
    killSignal: "SIGKILL",
  });
  const [exitCode, stdout, stderr] = await Promise.all([
    child.exited,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exitCode, stdout, stderr };
};
