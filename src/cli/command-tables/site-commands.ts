import type { CommandEntry } from "../command-entry.ts";

const siteFields =
  "[--type auto|static|app|dockerfile|image] [--repo URL] [--branch B] [--root DIR] [--port N] [--image REF] [--build-command C] [--start-command C] [--health http|tcp] [--health-path P] [--replicas N] [--internal on|off] [--name TEXT] [--description TEXT] [--egress on|off] [--read-only-root on|off] [--restore-priority N] [--no-auto-deploy]";

/** A site, its limits and processes. */
export const siteCommands: readonly CommandEntry[] = [
  {
    name: "site create",
    usage: `SLUG ${siteFields} [--wait[=success|watch]]`,
    summary: "create a site; with --repo or --image it is deployed at once",
    load: async () => (await import("../commands/site-create.ts")).siteCreate,
  },
  {
    name: "site list",
    usage: "",
    summary: "all sites you may see",
    load: async () => (await import("../commands/site-list.ts")).siteList,
  },
  {
    name: "site show",
    usage: "SLUG",
    summary: "one site: address, status, releases, limits",
    load: async () => (await import("../commands/site-show.ts")).siteShow,
  },
  {
    name: "site change",
    usage: `SLUG ${siteFields} [--auto-deploy]`,
    summary: "change a site's fields; it says from when on they hold",
    load: async () => (await import("../commands/site-change.ts")).siteChange,
  },
  {
    name: "site limits",
    usage:
      "SLUG [--memory 128m] [--cpu 0.5] [--cpu-burst on|off] [--pids 128] [--disk 256m] [--bandwidth 10g] [--rpm 600] [--concurrent 100] [--max-body 50m]",
    summary: "show limits asked and applied; with options, change them live",
    load: async () => (await import("../commands/site-limits.ts")).siteLimits,
  },
  {
    name: "site rules",
    usage:
      "SLUG [--maintenance on|off|SECONDS] [--user NAME [--password-stdin]] [--remove-user NAME] [--allow NETWORK,…|none] [--deny NETWORK,…|none] [--redirect '/old /new 301'] [--remove-redirect /old] [--header 'NAME: VALUE'] [--remove-header NAME] [--page notFound=FILE|none] [--hsts 365d|off] [--spa on|off] [--precompressed on|off] [--compression on|off] [--client-rpm 60|none] [--bandwidth-policy throttle|block|warn] [--throttle 256k] [--websocket-message 16m] [--access-log off|anonymous|full] [--access-log-size 8m] [--access-log-days 7] [--from FILE.json|-]",
    summary: "show what the edge does for a site; with options, change it at once",
    load: async () => (await import("../commands/site-rules.ts")).siteRules,
  },
  {
    name: "site pause",
    usage: "SLUG [--max-seconds 30]",
    summary: "let requests wait at the edge until the site is resumed, ten minutes at most",
    load: async () => (await import("../commands/site-pause.ts")).sitePause,
  },
  {
    name: "site resume",
    usage: "SLUG",
    summary: "let the requests of a paused site go on",
    load: async () => (await import("../commands/site-pause.ts")).siteResume,
  },
  {
    name: "site sleep",
    usage: "SLUG [--stop]",
    summary: "put a site to sleep now; the next request wakes it",
    load: async () => (await import("../commands/site-sleep.ts")).siteSleep,
  },
  {
    name: "site wake",
    usage: "SLUG",
    summary: "wake a site that sleeps",
    load: async () => (await import("../commands/site-sleep.ts")).siteWake,
  },
  {
    name: "site sleep-policy",
    usage:
      "SLUG [--never on|off] [--freeze-after 30m|off|default] [--stop-after 6h|off|default] [--wake-at '0 8 * * 1-5'|none] [--time-zone Europe/Berlin]",
    summary: "show whether a site sleeps and when; with options, change when",
    load: async () => (await import("../commands/site-sleep.ts")).sitePolicy,
  },
  {
    name: "site split",
    usage: "SLUG [RELEASE=WEIGHT …] [--off]",
    summary: "share visitors out among releases; without words, show how they are",
    load: async () => (await import("../commands/site-split.ts")).siteSplit,
  },
  {
    name: "site stop",
    usage: "SLUG",
    summary: "stop a site's containers",
    load: async () => (await import("../commands/site-state.ts")).siteStop,
  },
  {
    name: "site restart",
    usage: "SLUG",
    summary: "give a site new containers of its current release; requests wait meanwhile",
    load: async () => (await import("../commands/site-state.ts")).siteRestart,
  },
  {
    name: "site start",
    usage: "SLUG",
    summary: "start a stopped site with its current release",
    load: async () => (await import("../commands/site-state.ts")).siteStart,
  },
  {
    name: "site delete",
    usage: "SLUG --confirm SLUG [--volumes]",
    summary: "delete a site for good; volumes stay unless --volumes is given",
    load: async () => (await import("../commands/site-delete.ts")).siteDelete,
  },
  {
    name: "site log-storage",
    usage: "SLUG [--max-size 50m|default] [--days 7|default]",
    summary: "how much of what a site prints is kept; with options, change it",
    load: async () => (await import("../commands/retention.ts")).siteLogStorage,
  },
  {
    name: "ps",
    usage: "SLUG",
    summary: "processes of a site and their replicas: state, restarts, memory, CPU",
    load: async () => (await import("../commands/processes.ts")).ps,
  },
  {
    name: "scale",
    usage: "SLUG [PROCESS=NUMBER …]",
    summary: "set how many replicas of each process run, such as web=2 worker=1, without a deployment",
    load: async () => (await import("../commands/processes.ts")).scale,
  },
  {
    name: "process set",
    usage: "SLUG NAME [--command C] [--port N] [--replicas N] [--memory 256m] [--cpu 0.5] [--pids 64]",
    summary: "add a process besides web, or change one; command and port come with the next deployment",
    load: async () => (await import("../commands/processes.ts")).processSet,
  },
  {
    name: "process remove",
    usage: "SLUG NAME",
    summary: "take back what was set of a process",
    load: async () => (await import("../commands/processes.ts")).processRemove,
  },
  {
    name: "links",
    usage: "SLUG",
    summary: "sites that a site reaches by name, and those that reach it",
    load: async () => (await import("../commands/link.ts")).links,
  },
  {
    name: "link",
    usage: "SLUG --to SITE [--as NAME]",
    summary: "let a site reach another of yours by name, such as its database",
    load: async () => (await import("../commands/link.ts")).link,
  },
  {
    name: "unlink",
    usage: "SLUG NAME",
    summary: "cut a link; connections over it end",
    load: async () => (await import("../commands/link.ts")).unlink,
  },
];
