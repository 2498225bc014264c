import type { BackupView } from "../../backup/view.ts";
import { formatBytes } from "../../domain/size.ts";
import { notFound } from "../../errors.ts";
import { ApiError, type Client } from "../client.ts";
import { type Context, defineCommand } from "../command.ts";
import { localTime, table } from "../text.ts";

/** Volumes can be large; the server has bounds of its own. */
const timeoutMs = 6 * 3_600_000;

const isUnreachable = (error: unknown): boolean => error instanceof ApiError && error.code === "unreachable";

/** Asks the daemon; where none answers and this host has backups of its own, looks there. */
const fromDaemonOrHost = async <T>(
  context: Context,
  ask: (client: Client) => Promise<T>,
  look: () => Promise<T>,
): Promise<T> => {
  try {
    return await ask(await context.client());
  } catch (error) {
    if (!isUnreachable(error)) throw error;
    context.io.err("croft: no daemon answers; looking into the data directory on this host\n");
    return look();
  }
};

export const backupCreate = defineCommand({
  options: {},
  words: [0, 0],
  run: async ({ client, print, io }) => {
    io.err("Taking a backup …\n");
    const backup = await (await client()).send<BackupView>("POST", "/backups", undefined, { timeoutMs });
    for (const text of [...backup.warnings, ...backup.notes]) io.err(`Note: ${text}\n`);
    print(backup, () => `Backup ${backup.id}: ${formatBytes(backup.bytes)} in ${backup.path}\n`);
  },
});

export const backupList = defineCommand({
  options: {},
  words: [0, 0],
  run: async (context) => {
    const answer = await fromDaemonOrHost(
      context,
      (client) => client.get<{ items: BackupView[] }>("/backups"),
      async () => ({ items: await (await context.hostBackup()).list() }),
    );
    context.print(answer, () => {
      if (answer.items.length === 0) return "No backups yet: croft backup create\n";
      const rows = answer.items.map((one) => [
        one.id,
        one.kind,
        localTime(one.createdAt),
        formatBytes(one.bytes),
        one.state === "whole" ? `checked ${localTime(one.verifiedAt)}` : one.state,
        one.path,
      ]);
      return table([["BACKUP", "KIND", "AT", "SIZE", "STATE", "PATH"], ...rows]);
    });
  },
});

const newestOf = (items: readonly BackupView[]): string => {
  const newest = items.find((one) => one.state === "whole");
  if (!newest) throw notFound("a backup that could be checked");
  return newest.id;
};

export const backupVerify = defineCommand({
  options: {},
  words: [0, 1],
  run: async (context, [which]) => {
    const onHost = async () => {
      const host = await context.hostBackup();
      return host.verify(which ?? newestOf(await host.list()));
    };
    // The daemon takes ids alone: paths are for whoever has the host's files.
    const backup =
      which !== undefined && !which.startsWith("bak_")
        ? await onHost()
        : await fromDaemonOrHost(
            context,
            async (client) => {
              const id = which ?? newestOf((await client.get<{ items: BackupView[] }>("/backups")).items);
              const path = `/backups/${encodeURIComponent(id)}/verify`;
              return client.send<BackupView>("POST", path, undefined, { timeoutMs });
            },
            onHost,
          );
    context.print(backup, () => `Backup ${backup.id} of ${localTime(backup.createdAt)} is whole\n`);
  },
});
