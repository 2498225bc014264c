import type { Command } from "./command.ts";

export interface CommandEntry {
  /** As typed: one word, or a noun and a verb. */
  name: string;
  /** What follows the name; help and completion read the options from it. */
  usage: string;
  summary: string;
  /** Loaded only when it runs: the command line starts in the time of its smallest command. */
  load(): Promise<Command>;
}

const siteFields =
  "[--type auto|static|app|dockerfile|image] [--repo URL] [--branch B] [--root DIR] [--port N] [--image REF] [--build-command C] [--start-command C] [--health http|tcp] [--health-path P] [--replicas N] [--name TEXT] [--description TEXT] [--no-auto-deploy]";

export const commands: readonly CommandEntry[] = [
  {
    name: "serve",
    usage: "",
    summary: "run the daemon (starts the edge); settings come from CROFT_… variables",
    // The program's entry starts the daemon before it comes here, so only --help and wrong usage do.
    load: async () => ({ options: {}, words: [0, 0], run: async () => 2 }),
  },
  {
    name: "setup",
    usage: "--username U --email E [--password-stdin]",
    summary: "make the first owner account, on the host itself",
    load: async () => (await import("./commands/setup.ts")).setup,
  },
  {
    name: "login",
    usage: "[URL] [--username U] [--password-stdin | --key-stdin]",
    summary: "sign in to a Croft and keep a key for it",
    load: async () => (await import("./commands/login.ts")).login,
  },
  {
    name: "logout",
    usage: "",
    summary: "revoke the kept key and forget it",
    load: async () => (await import("./commands/logout.ts")).logout,
  },
  {
    name: "site create",
    usage: `SLUG ${siteFields} [--wait[=success|watch]]`,
    summary: "create a site; with --repo or --image it is deployed at once",
    load: async () => (await import("./commands/site-create.ts")).siteCreate,
  },
  {
    name: "site list",
    usage: "",
    summary: "all sites you may see",
    load: async () => (await import("./commands/site-list.ts")).siteList,
  },
  {
    name: "site show",
    usage: "SLUG",
    summary: "one site: address, status, releases, limits",
    load: async () => (await import("./commands/site-show.ts")).siteShow,
  },
  {
    name: "site change",
    usage: `SLUG ${siteFields} [--auto-deploy]`,
    summary: "change a site's fields; they hold from the next deployment on",
    load: async () => (await import("./commands/site-change.ts")).siteChange,
  },
  {
    name: "site limits",
    usage:
      "SLUG [--memory 128m] [--cpu 0.5] [--pids 128] [--disk 256m] [--bandwidth 10g] [--rpm 600] [--concurrent 100] [--max-body 50m]",
    summary: "show limits asked and applied; with options, change them live",
    load: async () => (await import("./commands/site-limits.ts")).siteLimits,
  },
  {
    name: "site rules",
    usage:
      "SLUG [--maintenance on|off|SECONDS] [--user NAME [--password-stdin]] [--remove-user NAME] [--allow NETWORK,…|none] [--deny NETWORK,…|none] [--redirect '/old /new 301'] [--remove-redirect /old] [--header 'NAME: VALUE'] [--remove-header NAME] [--page notFound=FILE|none] [--hsts 365d|off] [--spa on|off] [--precompressed on|off] [--compression on|off] [--client-rpm 60|none] [--bandwidth-policy throttle|block|warn] [--throttle 256k] [--websocket-message 16m] [--access-log off|anonymous|full] [--access-log-size 8m] [--access-log-days 7] [--from FILE.json|-]",
    summary: "show what the edge does for a site; with options, change it at once",
    load: async () => (await import("./commands/site-rules.ts")).siteRules,
  },
  {
    name: "site pause",
    usage: "SLUG [--max-seconds 30]",
    summary: "let requests wait at the edge until the site is resumed, ten minutes at most",
    load: async () => (await import("./commands/site-pause.ts")).sitePause,
  },
  {
    name: "site resume",
    usage: "SLUG",
    summary: "let the requests of a paused site go on",
    load: async () => (await import("./commands/site-pause.ts")).siteResume,
  },
  {
    name: "site split",
    usage: "SLUG [RELEASE=WEIGHT …] [--off]",
    summary: "share visitors out among releases; without words, show how they are",
    load: async () => (await import("./commands/site-split.ts")).siteSplit,
  },
  {
    name: "site stop",
    usage: "SLUG",
    summary: "stop a site's containers",
    load: async () => (await import("./commands/site-state.ts")).siteStop,
  },
  {
    name: "site restart",
    usage: "SLUG",
    summary: "give a site new containers of its current release; requests wait meanwhile",
    load: async () => (await import("./commands/site-state.ts")).siteRestart,
  },
  {
    name: "site start",
    usage: "SLUG",
    summary: "start a stopped site with its current release",
    load: async () => (await import("./commands/site-state.ts")).siteStart,
  },
  {
    name: "site delete",
    usage: "SLUG --confirm SLUG [--volumes]",
    summary: "delete a site for good; volumes stay unless --volumes is given",
    load: async () => (await import("./commands/site-delete.ts")).siteDelete,
  },
  {
    name: "deploy",
    usage: "SLUG [--dir PATH | --commit SHA | --branch B | --image REF] [--wait[=success|watch]]",
    summary: "deploy a folder, a commit, a branch or an image",
    load: async () => (await import("./commands/deploy.ts")).deploy,
  },
  {
    name: "plan",
    usage:
      "[--dir PATH] [--dockerfile] [--type T] [--root DIR] [--port N] [--build-command C] [--start-command C]",
    summary: "what would be built from a folder, and the generated Dockerfile",
    load: async () => (await import("./commands/plan.ts")).plan,
  },
  {
    name: "rollback",
    usage: "SLUG [--to RELEASE] [--wait[=success|watch]]",
    summary: "bring an earlier release back",
    load: async () => (await import("./commands/rollback.ts")).rollback,
  },
  {
    name: "deployments",
    usage: "SLUG [--limit N] [--before ID]",
    summary: "deployments of a site, newest first",
    load: async () => (await import("./commands/deployments.ts")).deployments,
  },
  {
    name: "cancel",
    usage: "DEPLOYMENT",
    summary: "cancel a deployment that has not switched yet",
    load: async () => (await import("./commands/cancel.ts")).cancel,
  },
  {
    name: "releases",
    usage: "SLUG",
    summary: "releases of a site that can be rolled back to",
    load: async () => (await import("./commands/releases.ts")).releases,
  },
  {
    name: "logs",
    usage: "SLUG [-f|--follow] [--lines N] [--deployment ID]",
    summary: "what a site prints, or the log of a deployment",
    load: async () => (await import("./commands/logs.ts")).logs,
  },
  {
    name: "env list",
    usage: "SLUG",
    summary: "environment variables; secrets are never shown",
    load: async () => (await import("./commands/env.ts")).envList,
  },
  {
    name: "env set",
    usage: "SLUG KEY=VALUE … [--secret] [--stdin]",
    summary: "set variables; KEY alone with --stdin reads its value from standard input",
    load: async () => (await import("./commands/env.ts")).envSet,
  },
  {
    name: "env unset",
    usage: "SLUG KEY …",
    summary: "remove variables",
    load: async () => (await import("./commands/env.ts")).envUnset,
  },
  {
    name: "volume list",
    usage: "SLUG",
    summary: "volumes of a site",
    load: async () => (await import("./commands/volume.ts")).volumeList,
  },
  {
    name: "volume add",
    usage: "SLUG NAME PATH",
    summary: "keep what is under PATH in the container from release to release",
    load: async () => (await import("./commands/volume.ts")).volumeAdd,
  },
  {
    name: "volume remove",
    usage: "SLUG NAME --confirm NAME",
    summary: "remove a volume and what it holds",
    load: async () => (await import("./commands/volume.ts")).volumeRemove,
  },
  {
    name: "domain list",
    usage: "SLUG",
    summary: "domains of a site: what each waits for, and its certificate",
    load: async () => (await import("./commands/domain.ts")).domainList,
  },
  {
    name: "domain add",
    usage: "SLUG DOMAIN [--primary] [--www]",
    summary: "let a site answer at a domain; says which DNS record to add",
    load: async () => (await import("./commands/domain.ts")).domainAdd,
  },
  {
    name: "domain verify",
    usage: "SLUG [DOMAIN]",
    summary: "look now whether a domain leads here; exit 0 when it does",
    load: async () => (await import("./commands/domain.ts")).domainVerify,
  },
  {
    name: "domain set",
    usage:
      "SLUG DOMAIN [--primary|--no-primary] [--redirect-to DOMAIN|none] [--automatic-https|--no-automatic-https]",
    summary: "make a domain the primary one, or let it lead to another",
    load: async () => (await import("./commands/domain.ts")).domainSet,
  },
  {
    name: "domain remove",
    usage: "SLUG DOMAIN",
    summary: "the site no longer answers there",
    load: async () => (await import("./commands/domain.ts")).domainRemove,
  },
  {
    name: "certificate list",
    usage: "[SLUG]",
    summary: "uploaded certificates of a site; without a site all there are (operators)",
    load: async () => (await import("./commands/certificate.ts")).certificateList,
  },
  {
    name: "certificate status",
    usage: "",
    summary: "the panel's certificate, the sites' common one, and the authority's state (operators)",
    load: async () => (await import("./commands/certificate.ts")).certificateStatus,
  },
  {
    name: "certificate retry",
    usage: "",
    summary: "try the panel's and the sites' common certificate again now, after a failure (operators)",
    load: async () => (await import("./commands/certificate.ts")).certificateRetry,
  },
  {
    name: "certificate add",
    usage: "SLUG|--installation --certificate FILE --key FILE",
    summary: "use a certificate of your own (PEM) for a site's names, or for the panel and all sites",
    load: async () => (await import("./commands/certificate.ts")).certificateAdd,
  },
  {
    name: "certificate remove",
    usage: "SLUG|--installation CERTIFICATE",
    summary: "remove an uploaded certificate; its names get an automatic one",
    load: async () => (await import("./commands/certificate.ts")).certificateRemove,
  },
  {
    name: "dns list",
    usage: "",
    summary: "DNS providers, where records for wildcard certificates can be put (operators)",
    load: async () => (await import("./commands/dns.ts")).dnsList,
  },
  {
    name: "dns add",
    usage: "ZONE --server ADDRESS --key FILE | --url URL [--username U] [--password-stdin]",
    summary: "add a name server that takes signed updates (RFC 2136), or a webhook, and test it",
    load: async () => (await import("./commands/dns.ts")).dnsAdd,
  },
  {
    name: "dns test",
    usage: "ZONE",
    summary: "put a record in place, wait until it is seen, take it away; exit 0 when that works",
    load: async () => (await import("./commands/dns.ts")).dnsTest,
  },
  {
    name: "dns remove",
    usage: "ZONE",
    summary: "remove a DNS provider",
    load: async () => (await import("./commands/dns.ts")).dnsRemove,
  },
  {
    name: "hook list",
    usage: "SLUG",
    summary: "webhooks of a site",
    load: async () => (await import("./commands/hook.ts")).hookList,
  },
  {
    name: "hook add",
    usage: "SLUG [--provider github]",
    summary: "make a webhook; its secret is shown once",
    load: async () => (await import("./commands/hook.ts")).hookAdd,
  },
  {
    name: "hook rotate",
    usage: "SLUG HOOK",
    summary: "give a webhook a new secret",
    load: async () => (await import("./commands/hook.ts")).hookRotate,
  },
  {
    name: "hook remove",
    usage: "SLUG HOOK",
    summary: "remove a webhook",
    load: async () => (await import("./commands/hook.ts")).hookRemove,
  },
  {
    name: "hook deliveries",
    usage: "SLUG HOOK",
    summary: "what a webhook received, and what came of it",
    load: async () => (await import("./commands/hook.ts")).hookDeliveries,
  },
  {
    name: "access-log",
    usage:
      "SLUG [-f|--follow] [--format text|combined|json] [--status 5xx] [--path /api] [--since 1h] [--limit N]",
    summary: "requests to a site as the edge saw them",
    load: async () => (await import("./commands/access-log.ts")).accessLog,
  },
  {
    name: "paths",
    usage: "SLUG [--from 24h] [--to T]",
    summary: "what visitors asked for most, with errors and response times",
    load: async () => (await import("./commands/paths.ts")).paths,
  },
  {
    name: "usage",
    usage: "SLUG [--resolution raw|hour|day] [--from T] [--to T]",
    summary: "memory, CPU, disk, traffic and response times",
    load: async () => (await import("./commands/usage.ts")).usage,
  },
  {
    name: "backup create",
    usage: "",
    summary: "take a backup now, while everything runs",
    load: async () => (await import("./commands/backup.ts")).backupCreate,
  },
  {
    name: "backup list",
    usage: "",
    summary: "backups there are",
    load: async () => (await import("./commands/backup.ts")).backupList,
  },
  {
    name: "backup verify",
    usage: "[BACKUP]",
    summary: "read a backup back whole, by id, or by path on the host; the newest one by default",
    load: async () => (await import("./commands/backup.ts")).backupVerify,
  },
  {
    name: "backup restore",
    usage: "[--from BACKUP | --at TIME] [--without-key]",
    summary: "put a backup back, on the host, with the daemon stopped; the newest one by default",
    load: async () => (await import("./commands/backup-restore.ts")).backupRestore,
  },
  {
    name: "user list",
    usage: "",
    summary: "accounts of this installation (operators)",
    load: async () => (await import("./commands/user.ts")).userList,
  },
  {
    name: "user create",
    usage: "USERNAME --email E [--admin] [--password-stdin]",
    summary: "make an account (operators)",
    load: async () => (await import("./commands/user.ts")).userCreate,
  },
  {
    name: "key list",
    usage: "",
    summary: "your API keys",
    load: async () => (await import("./commands/key.ts")).keyList,
  },
  {
    name: "key create",
    usage: "NAME --scope read|deploy|write|admin|metrics … [--expires-in-days N]",
    summary: "make an API key; it is shown once",
    load: async () => (await import("./commands/key.ts")).keyCreate,
  },
  {
    name: "key revoke",
    usage: "KEY",
    summary: "revoke an API key, by id or prefix",
    load: async () => (await import("./commands/key.ts")).keyRevoke,
  },
  {
    name: "host",
    usage: "",
    summary: "the server: engine, edge, disk",
    load: async () => (await import("./commands/host.ts")).host,
  },
  {
    name: "doctor",
    usage: "",
    summary: "check what Croft needs on this machine, and say how to mend it",
    load: async () => (await import("./commands/doctor.ts")).doctor,
  },
  {
    name: "version",
    usage: "",
    summary: "version of this program",
    load: async () => (await import("./commands/version.ts")).version,
  },
  {
    name: "completion",
    usage: "bash|zsh|fish",
    summary: "print a completion script for a shell",
    load: async () => (await import("./commands/completion.ts")).completion,
  },
];

/** The command that the words begin with, and what is left of them. */
export const findCommand = (
  words: readonly string[],
): { entry: CommandEntry; rest: readonly string[] } | null => {
  for (const length of [2, 1]) {
    const entry = commands.find((one) => one.name === words.slice(0, length).join(" "));
    if (entry) return { entry, rest: words.slice(entry.name.split(" ").length) };
  }
  return null;
};

/** Options of a command, with their dashes, as its usage names them. */
export const optionsOf = (entry: CommandEntry): string[] => [
  ...new Set(`${entry.usage} --json --help`.match(/--[a-z][a-z-]*/g)),
];
