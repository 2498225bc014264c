import type { CommandEntry } from "../command-entry.ts";

/** What a site does and did. */
export const lookCommands: readonly CommandEntry[] = [
  {
    name: "logs",
    usage:
      "SLUG [-f|--follow] [--lines N] [--since 1h] [--until T] [--search TEXT [--match-case]] [--level warn] [--process web] [--release N] [--replica ID] [--stream stdout|stderr|croft] [--limit N] [--times] [--download FILE] [--deployment ID]",
    summary: "what a site prints, live and of before, or the log of a deployment",
    load: async () => (await import("../commands/logs.ts")).logs,
  },
  {
    name: "access-log",
    usage:
      "SLUG [-f|--follow] [--format text|combined|json] [--status 5xx] [--path /api] [--since 1h] [--limit N]",
    summary: "requests to a site as the edge saw them",
    load: async () => (await import("../commands/access-log.ts")).accessLog,
  },
  {
    name: "paths",
    usage: "SLUG [--from 24h] [--to T]",
    summary: "what visitors asked for most, with errors and response times",
    load: async () => (await import("../commands/paths.ts")).paths,
  },
  {
    name: "events",
    usage: "[SLUG] [--limit 50]",
    summary: "what happened to sites or the host without anybody asking",
    load: async () => (await import("../commands/events.ts")).events,
  },
  {
    name: "usage",
    usage: "SLUG [--resolution raw|hour|day] [--from T] [--to T]",
    summary: "memory, CPU, disk, traffic and response times",
    load: async () => (await import("../commands/usage.ts")).usage,
  },
];
