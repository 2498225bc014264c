import { defineCommand } from "../command.ts";
import { localTime } from "../text.ts";
import { UsageError } from "../usage-error.ts";

/** On the host itself: a daemon could not take its own database away. */
export const backupRestore = defineCommand({
  options: {
    from: { type: "string" },
    at: { type: "string" },
    "without-key": { type: "boolean" },
  },
  words: [0, 0],
  run: async ({ hostBackup, io, print }, _words, { from, at, "without-key": withoutKey }) => {
    if (from !== undefined && at !== undefined) throw new UsageError("--from and --at exclude one another");
    if (at !== undefined && Number.isNaN(Date.parse(at)))
      throw new UsageError(`--at takes a time such as 2026-01-31T12:00:00Z, not ${JSON.stringify(at)}`);
    const restored = await (await hostBackup()).restore({ from, at, withoutKey, signal: io.signal });
    for (const note of restored.notes) io.err(`Note: ${note}\n`);
    const { backup } = restored;
    print(restored, () => `Backup ${backup.id} of ${localTime(backup.createdAt)} is back in place\n`);
  },
});
