import { formatBytes } from "../../domain/size.ts";
import type { SiteView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";
import { cores, facts, localTime } from "../text.ts";

const times = (n: number, word: string): string => (n === 0 ? "" : `, ${n} ${word}${n === 1 ? "" : "s"}`);

const describe = (site: SiteView): string => {
  const { asked } = site.limits;
  const release = site.currentRelease;
  const commit = release?.commit ? `, ${release.commit.hash.slice(0, 10)} ${release.commit.message}` : "";
  const latest = site.latestDeployment;
  const rows: [string, string | null][] = [
    ["site", site.name === "" || site.name === site.slug ? site.slug : `${site.slug} (${site.name})`],
    ["status", site.statusReason === null ? site.status : `${site.status}: ${site.statusReason}`],
    ["address", site.urls.join(" ")],
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
    ...site.replicas.map((replica): [string, string] => [
      "replica",
      `${replica.state}${times(replica.restarts, "restart")}${times(replica.oomKills, "OOM kill")}${replica.reason ? `: ${replica.reason.replaceAll("\n", " | ")}` : ""}`,
    ]),
    [
      "limits",
      `${formatBytes(asked.memoryBytes)}, ${cores(asked.cpuMillicores)}, ${asked.pids} processes (croft site limits ${site.slug})`,
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

export const siteShow = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [slug], { environment }) => {
    const site = await (await client()).get<SiteView>(sitePath(slug!, "", { environment }));
    print(site, () => describe(site));
  },
});
