import type { CommandEntry } from "../command-entry.ts";

/** What runs beside a site, and what it is given. */
export const runCommands: readonly CommandEntry[] = [
  {
    name: "exec",
    usage: "SLUG [--in-replica] [--no-tty] [--timeout SECONDS] [-- CMD …]",
    summary: "run a command with a site's image, variables and volumes; a shell on a terminal without one",
    load: async () => (await import("../commands/exec.ts")).exec,
  },
  {
    name: "job list",
    usage: "SLUG",
    summary: "scheduled jobs of a site",
    load: async () => (await import("../commands/job.ts")).jobList,
  },
  {
    name: "job add",
    usage:
      "SLUG NAME --schedule '30 3 * * *' [--time-zone Europe/Berlin] [--timeout SECONDS] [--overlap skip|queue|replace|allow] [--missed skip|run] [--disabled] -- CMD …",
    summary: "run a command by the clock, in a container of its own",
    load: async () => (await import("../commands/job.ts")).jobAdd,
  },
  {
    name: "job change",
    usage:
      "SLUG NAME [--name NAME] [--schedule '30 3 * * *'] [--time-zone Europe/Berlin] [--timeout SECONDS] [--overlap skip|queue|replace|allow] [--missed skip|run] [--enabled|--no-enabled] [-- CMD …]",
    summary: "change a job; what is left out stays",
    load: async () => (await import("../commands/job.ts")).jobChange,
  },
  {
    name: "job remove",
    usage: "SLUG NAME",
    summary: "remove a job and its history",
    load: async () => (await import("../commands/job.ts")).jobRemove,
  },
  {
    name: "job run",
    usage: "SLUG NAME [--wait]",
    summary: "run a job now",
    load: async () => (await import("../commands/job.ts")).jobRun,
  },
  {
    name: "job stop",
    usage: "SLUG NAME",
    summary: "end the run of a job that is under way",
    load: async () => (await import("../commands/job.ts")).jobStop,
  },
  {
    name: "job runs",
    usage: "SLUG NAME [--limit N] [--before RUN] [--output]",
    summary: "runs of a job, newest first",
    load: async () => (await import("../commands/job.ts")).jobRuns,
  },
  {
    name: "env list",
    usage: "SLUG",
    summary: "environment variables; secrets are never shown",
    load: async () => (await import("../commands/env.ts")).envList,
  },
  {
    name: "env set",
    usage: "SLUG KEY=VALUE … [--secret] [--stdin]",
    summary: "set variables; KEY alone with --stdin reads its value from standard input",
    load: async () => (await import("../commands/env.ts")).envSet,
  },
  {
    name: "env unset",
    usage: "SLUG KEY …",
    summary: "remove variables",
    load: async () => (await import("../commands/env.ts")).envUnset,
  },
  {
    name: "volume list",
    usage: "SLUG",
    summary: "volumes of a site",
    load: async () => (await import("../commands/volume.ts")).volumeList,
  },
  {
    name: "volume add",
    usage: "SLUG NAME PATH [--size 500m]",
    summary: "keep what is under PATH in the container from release to release",
    load: async () => (await import("../commands/volume.ts")).volumeAdd,
  },
  {
    name: "volume resize",
    usage: "SLUG NAME SIZE",
    summary: "make a volume larger while the site runs",
    load: async () => (await import("../commands/volume.ts")).volumeResize,
  },
  {
    name: "volume remove",
    usage: "SLUG NAME --confirm NAME",
    summary: "remove a volume and what it holds",
    load: async () => (await import("../commands/volume.ts")).volumeRemove,
  },
];
