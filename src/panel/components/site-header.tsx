/** @jsxImportSource hono/jsx */
import type { SiteView } from "../../domain/views.ts";
import { plural, sentence } from "../format.ts";
import { siteWord } from "../words.ts";
import { Badge } from "./badge.tsx";
import { ActButton } from "./form.tsx";
import { SleepNotice } from "./sleep-notice.tsx";
import { TrafficNotice } from "./traffic-notice.tsx";

export const siteTabs = [
  { path: "", label: "Overview" },
  { path: "/deployments", label: "Deployments" },
  { path: "/logs", label: "Logs" },
  { path: "/terminal", label: "Terminal" },
  { path: "/jobs", label: "Jobs" },
  { path: "/usage", label: "Usage" },
  { path: "/traffic", label: "Traffic" },
  { path: "/processes", label: "Processes" },
  { path: "/limits", label: "Limits" },
  { path: "/domains", label: "Domains" },
  { path: "/rules", label: "Rules" },
  { path: "/environment", label: "Environment" },
  { path: "/volumes", label: "Volumes" },
  { path: "/hooks", label: "Hooks" },
  { path: "/settings", label: "Settings" },
] as const;
export type SiteTab = (typeof siteTabs)[number]["label"];

/** Only addresses that a browser may follow. */
export const safeUrl = (url: string): string | undefined => (/^https?:\/\//i.test(url) ? url : undefined);

/** `bikes.example.org` of `https://bikes.example.org/` */
export const hostOfUrl = (url: string): string => url.replace(/^https?:\/\//i, "").replace(/\/$/, "");

/** Whether there is anything that a deploy without further words could take. */
export const canDeploy = (site: SiteView): boolean =>
  site.repositoryUrl !== null || site.image !== null || site.latestDeployment !== null;

const replicaFacts = (site: SiteView): string | null => {
  const running = site.replicas.filter((replica) => replica.state === "running").length;
  if (site.replicas.length === 0) return null;
  return running === site.replicas.length
    ? plural(running, "replica")
    : `${running} of ${site.replicas.length} replicas`;
};

/** State, address and the two acts, on every page of a site, and its tabs. */
export const SiteHeader = ({ site, tab }: { site: SiteView; tab: SiteTab | null }) => {
  const base = `/sites/${site.slug}`;
  const replicas = replicaFacts(site);
  const address = site.urls[0];
  return (
    <>
      <header class="site-head">
        <div class="title" id="site-title" data-live>
          <h1>{site.slug}</h1>
          <Badge word={siteWord(site.status)} />
          <p class="facts">
            {address && <a href={safeUrl(address)}>{hostOfUrl(address)}</a>}
            {site.internal && <span>internal</span>}
            {site.currentRelease && <span>release {site.currentRelease.number}</span>}
            {replicas && <span>{replicas}</span>}
            {site.name !== "" && site.name !== site.slug && <span class="people-text">{site.name}</span>}
          </p>
        </div>
        <div class="acts">
          {site.currentRelease && (
            <a class="button" href={`${base}/rollback`}>
              Roll back
            </a>
          )}
          {canDeploy(site) ? (
            <ActButton action={`${base}/deploy`} class="main">
              Deploy
            </ActButton>
          ) : (
            <a class="button main" href={`${base}/deployments#deploy`}>
              Deploy
            </a>
          )}
        </div>
      </header>
      {site.statusReason && site.status !== "sleeping" && (
        <p class={`reason ${siteWord(site.status).tone}`} role="status">
          {sentence(site.statusReason)}
        </p>
      )}
      <SleepNotice site={site} />
      <TrafficNotice site={site} />
      <nav class="tabs" aria-label={`Pages of ${site.slug}`}>
        {/* Where they do not fit beside each other: opened, it lets them wrap (by CSS). */}
        <details class="all-tabs">
          <summary aria-label="Show all pages at once">All</summary>
        </details>
        <ul>
          {siteTabs.map((one) => (
            <li>
              <a href={`${base}${one.path}`} aria-current={one.label === tab ? "page" : undefined}>
                {one.label}
              </a>
            </li>
          ))}
        </ul>
      </nav>
    </>
  );
};
