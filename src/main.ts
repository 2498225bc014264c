import { AppError } from "./errors.ts";

/** argv -> command. Each loads only what it needs: a git hook must start in a moment. */
const run = async (argv: string[]): Promise<number> => {
  const [command, ...rest] = argv;
  switch (command) {
    case "serve": {
      if (rest.length > 0) break;
      const { serve } = await import("./daemon.ts");
      await serve(process.env);
      return 0;
    }
    case "edge": {
      const { edgeArguments, runEdge } = await import("./edge/main.ts");
      const { edgeVersion } = await import("./edge-version.ts");
      await runEdge({ ...edgeArguments(rest), version: edgeVersion });
      return 0;
    }
    case "git-hook": {
      const { runGitHook } = await import("./git/hook-client.ts");
      return runGitHook(rest[0] ?? "", process.env, Bun.stdin.stream());
    }
  }
  const { runCli } = await import("./cli/run.ts");
  const hostBackup = async () => (await import("./daemon/host-backup.ts")).hostBackup(process.env);
  return runCli(argv, process.env, { hostBackup });
};

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  process.stderr.write(
    `croft: ${error instanceof AppError ? error.publicMessage : String((error as Error).stack ?? error)}\n`,
  );
  process.exitCode = 1;
}
// A daemon that has ended what it started is through: a pusher who still listens must not hold it up.
if (process.argv[2] === "serve") process.exit();
