/** @jsxImportSource hono/jsx */
import type { EventView } from "../../domain/event.ts";
import { formatBytes } from "../../domain/size.ts";
import type { DeploymentSummary, SiteView, UsagePoint } from "../../domain/views.ts";
import { type ChartData, hasFigures } from "../chart-data.ts";
import { Badge } from "../components/badge.tsx";
import { DeploymentTable, deploymentTitle } from "../components/deployment-table.tsx";
import { LastExit } from "../components/last-exit.tsx";
import { type CurrentUsage, LimitMeters } from "../components/limit-meters.tsx";
import { EventList } from "../components/event-list.tsx";
import { Live } from "../components/live.tsx";
import { PushHere } from "../components/push-here.tsx";
import { type BannerProps, bannersMove, SiteBanners } from "../components/site-banners.tsx";
import { hostOfUrl, SiteHeader } from "../components/site-header.tsx";
import { NoFigures, StaticChart } from "../components/static-chart.tsx";
import { Time } from "../components/time.tsx";
import { count, millis, plural } from "../format.ts";
import type { UsageRange } from "../usage-range.ts";
import { deploymentWord, typeWords } from "../words.ts";

export interface OverviewProps {
  site: SiteView;
  /** The newest few. */
  events: EventView[];
  deployments: DeploymentSummary[];
  /** Memory, or requests where memory is not measured. */
  chart: ChartData;
  /** All samples of the chart's span as one. */
  whole: UsagePoint;
  range: UsageRange;
  usage: CurrentUsage;
  banners: Omit<BannerProps, "site">;
}

/** The state of one site at a glance. */
export const SiteOverview = (props: OverviewProps) => {
  const { site, deployments } = props;
  const running = deployments.find((one) => ["pending", "building", "deploying"].includes(one.status));
  const virgin = deployments.length === 0 && site.currentRelease === null;
  return (
    <>
      <SiteHeader site={site} tab="Overview" />
      <Live
        id="state"
        everySeconds={running || site.status === "failed" || bannersMove(props.banners) ? 3 : null}
      >
        <SiteBanners site={site} {...props.banners} />
        {running && <UnderWay site={site} running={running} />}
        <LastExit site={site} />
      </Live>
      <div class="columns">
        <div class="wide-column">
          {virgin ? <FirstPush site={site} /> : <DayChart {...props} />}
          {!virgin && (
            <section aria-labelledby="latest" id="deployments" data-live>
              <div class="section-head">
                <h2 id="latest">Latest deployments</h2>
                <a href={`/sites/${site.slug}/deployments`}>All</a>
              </div>
              <DeploymentTable items={deployments} liveRelease={site.currentRelease?.number ?? null} />
            </section>
          )}
          {props.events.length > 0 && (
            <section class="card" aria-labelledby="happened">
              <div class="section-head">
                <h2 id="happened">What happened</h2>
                <a href={`/sites/${site.slug}/events`}>All</a>
              </div>
              <EventList items={props.events} withSite={false} />
            </section>
          )}
        </div>
        <div class="side-column">
          <section class="card" aria-labelledby="against">
            <h2 id="against">Against its limits</h2>
            <LimitMeters site={site} usage={props.usage} />
          </section>
          {!virgin && site.type !== "image" && (
            <section class="card" aria-labelledby="push">
              <h2 id="push">Push here</h2>
              <PushHere site={site} first={false} />
            </section>
          )}
          <Facts {...props} />
        </div>
      </div>
    </>
  );
};

const UnderWay = ({ site, running }: { site: SiteView; running: DeploymentSummary }) => (
  <p class="under-way" data-say={`Deployment: ${deploymentWord(running.status).text}`}>
    <Badge word={deploymentWord(running.status)} />
    <a class="people-text" href={`/deployments/${running.id}`}>
      {deploymentTitle(running)}
    </a>
    {site.currentRelease && <span class="soft">release {site.currentRelease.number} still serves</span>}
  </p>
);

const FirstPush = ({ site }: { site: SiteView }) => (
  <section class="empty">
    <h2>Nothing was deployed yet</h2>
    <p>Push a folder with a Dockerfile, a Node, Bun or Python app, or plain HTML. From inside it:</p>
    <PushHere site={site} first />
  </section>
);

const daySummary = ({ chart, whole }: OverviewProps): string => {
  if (chart.name !== "memory") return `${count(whole.requests)} requests · ${plural(whole.errors, "error")}`;
  const { avg, max } = whole.memoryBytes;
  return `avg ${formatBytes(avg ?? 0)} · peak ${formatBytes(max ?? 0)} · ${plural(whole.oomKills, "OOM kill")}`;
};

const DayChart = (props: OverviewProps) => {
  const { chart, site, range } = props;
  const summary = daySummary(props);
  return (
    <section class="card chart-card" aria-labelledby="day">
      <div class="section-head">
        <h2 id="day">
          {chart.title}, last {range.label}
        </h2>
        {hasFigures(chart) && <p class="soft">{summary}</p>}
      </div>
      {hasFigures(chart) ? (
        <StaticChart
          chart={chart}
          summary={`${chart.title}, last ${range.label}: ${summary}; ${chart.limit?.label ?? ""}`}
        />
      ) : (
        <NoFigures since={site.createdAt} />
      )}
      <p class="more">
        <a href={`/sites/${site.slug}/usage`}>CPU, requests, bandwidth, and the figures as a table</a>
      </p>
    </section>
  );
};

const Facts = ({ site, whole, range }: OverviewProps) => (
  <section class="card" aria-labelledby="facts">
    <h2 id="facts">Facts</h2>
    <dl class="facts-list">
      {whole.responseMs.avg !== null && (
        <>
          <dt>Answers in</dt>
          <dd>
            {millis(whole.responseMs.avg)}, mean of {range.label}
          </dd>
        </>
      )}
      {whole.requests > 0 && (
        <>
          <dt>Errors</dt>
          <dd>
            {count(whole.errors)} of {plural(whole.requests, "request")}
          </dd>
        </>
      )}
      {site.replicas.some((replica) => replica.restarts > 0) && (
        <>
          <dt>Restarts</dt>
          <dd>{count(site.replicas.reduce((sum, replica) => sum + replica.restarts, 0))}</dd>
        </>
      )}
      <dt>Kind</dt>
      <dd>{typeWords[site.type]}</dd>
      {site.repositoryUrl && (
        <>
          <dt>From</dt>
          <dd class="wrap">{hostOfUrl(site.repositoryUrl)}</dd>
        </>
      )}
      {site.image && (
        <>
          <dt>Image</dt>
          <dd class="wrap">{site.image}</dd>
        </>
      )}
      {site.type !== "image" && (
        <>
          <dt>Branch</dt>
          <dd class="wrap">{site.branch}</dd>
          <dt>Deploys</dt>
          <dd>{site.autoDeploy ? "at each push" : "when asked"}</dd>
        </>
      )}
      <dt>Owner</dt>
      <dd>{site.owner}</dd>
      <dt>Made</dt>
      <dd>
        <Time at={site.createdAt} />
      </dd>
    </dl>
  </section>
);
