import { formatBytes } from "../../domain/size.ts";
import { defineCommand } from "../command.ts";
import { localTime, table } from "../text.ts";

interface BackupAnswer {
  id: string;
  kind: string;
  path: string;
  bytes: number;
  createdAt: string;
  verifiedAt: string | null;
}

export const backupCreate = defineCommand({
  options: {},
  words: [0, 0],
  run: async ({ client, print, io }) => {
    io.err("Taking a backup …\n");
    const backup = await (await client()).send<BackupAnswer>("POST", "/backups");
    print(backup, () => `Backup ${backup.id}: ${formatBytes(backup.bytes)} in ${backup.path}\n`);
  },
});

export const backupList = defineCommand({
  options: {},
  words: [0, 0],
  run: async ({ client, print }) => {
    const answer = await (await client()).get<{ items: BackupAnswer[] }>("/backups");
    print(answer, () => {
      if (answer.items.length === 0) return "No backups yet: croft backup create\n";
      const rows = answer.items.map((one) => [
        one.id,
        one.kind,
        localTime(one.createdAt),
        formatBytes(one.bytes),
        one.verifiedAt === null ? "not yet" : localTime(one.verifiedAt),
        one.path,
      ]);
      return table([["BACKUP", "KIND", "AT", "SIZE", "CHECKED", "PATH"], ...rows]);
    });
  },
});
