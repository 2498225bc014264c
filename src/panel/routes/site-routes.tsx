/** @jsxImportSource hono/jsx */
import { Hono } from "hono";
import { formatBytes } from "../../domain/size.ts";
import type { SiteView, TogetherView, UsagePoint } from "../../domain/views.ts";
import { type ChartData, chartsOf, hasFigures, releaseMarks } from "../chart-data.ts";
import type { PanelDeps, PanelEnv, Person } from "../deps.ts";
import { cores, count } from "../format.ts";
import { SiteOverview } from "../pages/site-overview.tsx";
import { SiteUsage } from "../pages/site-usage.tsx";
import { type RenderPage, signedIn } from "../render.tsx";
import { bucketed, merge, spacingMs } from "../series.ts";
import { usageCsv } from "../usage-csv.ts";
import { drawnFrom, overviewRange, rangeNamed, readingOf, type UsageRange } from "../usage-range.ts";
import { wholeLimits } from "../whole-limits.ts";

const chartPoints = 288;

/** How each limit is written beside its line. */
export const limitWords = (site: SiteView) => {
  const { asked, applied } = site.limits;
  const kernel = (text: string, held: string | null) =>
    held === null ? `limit ${text}` : `limit ${text}, applied ${held}`;
  const { together } = site;
  const several = (show: (whole: TogetherView) => string): string | null =>
    together === null || together.replicas < 2
      ? null
      : `limit ${show(together)} of all ${together.replicas} replicas`;
  return {
    memory:
      several((one) => formatBytes(one.memoryBytes)) ??
      kernel(formatBytes(asked.memoryBytes), applied?.memoryBytes ? formatBytes(applied.memoryBytes) : null),
    cpu:
      several((one) => `${cores(one.cpuMillicores)} cores`) ??
      kernel(
        `${cores(asked.cpuMillicores)} cores`,
        applied?.cpuMillicores ? cores(applied.cpuMillicores) : null,
      ),
    requests: `limit ${count(asked.requestsPerMinute)} a minute`,
    bandwidth: `even pace of ${formatBytes(asked.bandwidthBytesPerMonth)} a month`,
  };
};

/** Mean over the newest samples, at most five minutes of them. */
const requestsPerMinute = (points: UsagePoint[]): number | null => {
  const newest = points.slice(-10);
  const stepMs = spacingMs(newest);
  if (stepMs === null) return null;
  return newest.reduce((sum, point) => sum + point.requests, 0) / ((newest.length * stepMs) / 60_000);
};

/** Pages that show a site: overview, logs, usage. */
export const siteRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  const usageOf = async (person: Person, site: SiteView, rangeName: string | undefined | UsageRange) => {
    const range = typeof rangeName === "object" ? rangeName : rangeNamed(rangeName);
    const toMs = deps.clock.nowMs();
    const reading = readingOf(range, toMs, deps.sampleSeconds, Date.parse(site.createdAt));
    const points = await deps.usage(person, site.slug, { ...reading, toMs });
    return { range, fromMs: drawnFrom(reading.fromMs, Date.parse(site.createdAt), toMs), toMs, points };
  };

  const charts = async (
    person: Person,
    site: SiteView,
    fromMs: number,
    toMs: number,
    points: UsagePoint[],
  ): Promise<ChartData[]> => {
    const marks = releaseMarks(await deps.listReleases(person, site.slug), fromMs, toMs);
    return chartsOf(
      points,
      { fromMs, toMs, most: chartPoints },
      { ...site.limits.asked, ...wholeLimits(site) },
      limitWords(site),
      marks,
    );
  };

  app.get("/sites/:slug", async (c) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, c.req.param("slug"));
    const wanted = overviewRange(Date.parse(site.createdAt), deps.clock.nowMs());
    const [{ range, fromMs, toMs, points }, deployments, month, rules, own, domains, events] =
      await Promise.all([
        usageOf(person, site, wanted),
        deps.listDeployments(person, site.slug, { limit: 5 }),
        deps.monthToDate(person, site.slug),
        deps.showRules(person, site.slug),
        deps.ownAddress(person, site.slug),
        deps.listDomains(person, site.slug),
        deps.siteEvents(person, site.slug, { limit: 6 }),
      ]);
    const bandwidthMonthBytes = month.bytesIn + month.bytesOut;
    const drawn = await charts(person, site, fromMs, toMs, points);
    return page(
      c,
      {
        title: site.slug,
        refreshSeconds: site.status === "deploying" ? 10 : null,
        scripts: ["live.js"],
      },
      <SiteOverview
        site={site}
        events={events.items}
        deployments={deployments.items}
        chart={drawn.find(hasFigures) ?? drawn[0]!}
        range={range}
        whole={merge(points)}
        usage={{
          point: points.at(-1) ?? null,
          requestsPerMinute: requestsPerMinute(points),
          bandwidthMonthBytes,
        }}
        banners={{ rules, own, domains, bandwidthMonthBytes }}
      />,
    );
  });

  app.get("/sites/:slug/usage", async (c) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, c.req.param("slug"));
    const { range, fromMs, toMs, points } = await usageOf(person, site, c.req.query("range"));
    const month = await deps.monthToDate(person, site.slug);
    return page(
      c,
      { title: `Usage of ${site.slug}`, scripts: ["usage-chart.js"] },
      <SiteUsage
        site={site}
        range={range}
        charts={await charts(person, site, fromMs, toMs, points)}
        rows={bucketed(points, range.tableStepMs)}
        whole={merge(points)}
        bandwidthMonthBytes={month.bytesIn + month.bytesOut}
      />,
    );
  });

  app.get("/sites/:slug/usage.csv", async (c) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, c.req.param("slug"));
    const { range, points } = await usageOf(person, site, c.req.query("range"));
    c.header("Content-Type", "text/csv; charset=utf-8");
    c.header("Content-Disposition", `attachment; filename="${site.slug}-usage-${range.name}.csv"`);
    return c.body(usageCsv(points));
  });

  return app;
};
