import type { CommandEntry } from "../command-entry.ts";

/** The machine. */
export const hostCommands: readonly CommandEntry[] = [
  {
    name: "storage",
    usage: "",
    summary: "what takes disk space, and what can go",
    load: async () => (await import("../commands/storage.ts")).storage,
  },
  {
    name: "storage clean",
    usage: "",
    summary: "remove layers and images that nothing needs; never volumes",
    load: async () => (await import("../commands/storage.ts")).storageClean,
  },
  {
    name: "backup create",
    usage: "",
    summary: "take a backup now, while everything runs",
    load: async () => (await import("../commands/backup.ts")).backupCreate,
  },
  {
    name: "backup list",
    usage: "",
    summary: "backups there are",
    load: async () => (await import("../commands/backup.ts")).backupList,
  },
  {
    name: "backup verify",
    usage: "[BACKUP]",
    summary: "read a backup back whole, by id, or by path on the host; the newest one by default",
    load: async () => (await import("../commands/backup.ts")).backupVerify,
  },
  {
    name: "backup restore",
    usage: "[--from BACKUP | --at TIME] [--without-key]",
    summary: "put a backup back, on the host, with the daemon stopped; the newest one by default",
    load: async () => (await import("../commands/backup-restore.ts")).backupRestore,
  },
  {
    name: "host",
    usage: "",
    summary: "the server: engine, edge, disk",
    load: async () => (await import("../commands/host.ts")).host,
  },
  {
    name: "host sleep",
    usage: "[--freeze-after 30m|off] [--stop-after 6h|off]",
    summary: "how long sites may be idle that do not say otherwise; with options, change it",
    load: async () => (await import("../commands/site-sleep.ts")).hostSleep,
  },
  {
    name: "retention",
    usage:
      "[--app-log-days 14] [--app-log-size 100m] [--deployment-log-days 90] [--audit-days 365] [--security-event-days 365] [--event-days 90] [--delivery-days 30] [--replica-days 30] [--build-cache-days 7] [--releases-kept 5]",
    summary: "how long logs and records are kept; with options, change it (operators)",
    load: async () => (await import("../commands/retention.ts")).retention,
  },
  {
    name: "guard",
    usage:
      "[--min-disk 2g] [--min-memory 512m] [--memory-stall 40] [--cpu-busy 95] [--cpu-stall 60] [--io-stall 80] [--patience 10] [--step 10] [--calm 30]",
    summary: "what the host guard sees, holds and did; with options, change its thresholds (operators)",
    load: async () => (await import("../commands/guard.ts")).guard,
  },
  {
    name: "guard release",
    usage: "SLUG",
    summary: "undo what the host guard holds of a site, and leave it alone for ten minutes (operators)",
    load: async () => (await import("../commands/guard.ts")).guardRelease,
  },
  {
    name: "doctor",
    usage: "",
    summary: "check what Croft needs on this machine, and say how to mend it",
    load: async () => (await import("../commands/doctor.ts")).doctor,
  },
];
