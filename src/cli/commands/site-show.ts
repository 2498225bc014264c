import type { EdgeRulesView } from "../../domain/edge-rules.ts";
import { formatBytes } from "../../domain/size.ts";
import type { ReplicaView, SiteView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";
import { cores, facts, localTime, noAddress } from "../text.ts";

const times = (n: number, word: string): string => (n === 0 ? "" : `, ${n} ${word}${n === 1 ? "" : "s"}`);

const bandwidthWords = {
  ok: null,
  warn: "used up this month; served all the same",
  throttled: "used up this month; slowed down until the next",
  blocked: "used up this month; visitors get 509 until the next",
} satisfies Record<SiteView["bandwidth"]["state"], string | null>;

/** What visitors meet otherwise than usual. */
const unusual = (
  { pause, split, bandwidth }: SiteView,
  rules: EdgeRulesView | null,
): [string, string | null][] => [
  [
    "maintenance",
    rules?.maintenance ? `every visitor gets 503, back in ${rules.maintenance.retryAfterSeconds} s` : null,
  ],
  [
    "paused",
    pause && `requests wait ${pause.maxSeconds} s at most; it goes on at ${localTime(pause.resumesAt)}`,
  ],
  ["visitors", split && split.releases.map((one) => `release #${one.release}: ${one.weight}`).join(", ")],
  ["bandwidth", bandwidthWords[bandwidth.state]],
];

const describe = (site: SiteView, rules: EdgeRulesView | null): string => {
  const { asked } = site.limits;
  const release = site.currentRelease;
  const commit = release?.commit ? `, ${release.commit.hash.slice(0, 10)} ${release.commit.message}` : "";
  const latest = site.latestDeployment;
  const rows: [string, string | null][] = [
    ["site", site.name === "" || site.name === site.slug ? site.slug : `${site.slug} (${site.name})`],
    ["status", site.statusReason === null ? site.status : `${site.status}: ${site.statusReason}`],
    ["address", site.urls.join(" ") || noAddress],
    ...unusual(site, rules),
    ["git remote", site.gitRemote],
    ["repository", site.repositoryUrl],
    ["image", site.image],
    ["branch", `${site.branch}${site.autoDeploy ? "" : " (not deployed by itself)"}`],
    ["type", site.type],
    ["folder", site.rootDirectory || null],
    ["build command", site.buildCommand],
    ["start command", site.startCommand],
    ["port", site.port === null ? null : String(site.port)],
    ["release", release ? `#${release.number} of ${localTime(release.createdAt)}${commit}` : "none yet"],
    [
      "deployment",
      latest
        ? `${latest.id} ${latest.status}${latest.error ? `: ${latest.error.message}` : ""} (${localTime(latest.createdAt)})`
        : null,
    ],
    ...site.replicas.flatMap(replicaRows),
    [
      "limits",
      `${formatBytes(asked.memoryBytes)}, ${cores(asked.cpuMillicores)}, ${asked.pids} processes${(site.together?.replicas ?? 1) > 1 ? ", of each replica" : ""} (croft site limits ${site.slug})`,
    ],
    [
      "disk",
      `${site.diskUsedBytes === null ? "not measured" : formatBytes(site.diskUsedBytes)} of ${formatBytes(asked.diskBytes)}`,
    ],
    ["volumes", site.volumes.map((volume) => `${volume.name} at ${volume.mountPath}`).join(", ") || null],
    ["owner", site.owner],
  ];
  return facts(rows);
};

/** Its state, and while it is not well what it printed last. */
const replicaRows = (replica: ReplicaView): [string, string][] => {
  const { process, restarts, lastExit } = replica;
  const state = replica.state.replaceAll("_", " ");
  const why = replica.reason?.split("; it last printed:", 1)[0];
  const signal = lastExit?.signal && !why?.includes(lastExit.signal) ? ` (${lastExit.signal})` : "";
  const lines = restarts > 0 && lastExit ? lastExit.lastLines : [];
  return [
    [
      process === "web" ? "replica" : `replica of ${process}`,
      `${state}${times(restarts, "restart")}${times(replica.oomKills, "OOM kill")}${why ? `: ${why}${signal}` : ""}`,
    ],
    ...lines.map((line, i): [string, string] => [i === 0 ? "it last printed" : "", line]),
  ];
};

export const siteShow = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print, json }, [slug], { environment }) => {
    const api = await client();
    const site = await api.get<SiteView>(sitePath(slug!, "", { environment }));
    // For one line of the text; the document with --json is the site's alone.
    const rules = json
      ? null
      : await api.get<EdgeRulesView>(sitePath(slug!, "/rules", { environment })).catch(() => null);
    print(site, () => describe(site, rules));
  },
});
