/** @jsxImportSource hono/jsx */
import { formatBytes } from "../../domain/size.ts";
import type { SiteView, UsagePoint } from "../../domain/views.ts";
import { type ChartData, hasFigures } from "../chart-data.ts";
import { SiteHeader } from "../components/site-header.tsx";
import { NoFigures, StaticChart } from "../components/static-chart.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import { Time } from "../components/time.tsx";
import { bytesOf, cores, count, millis, plural } from "../format.ts";
import { wholeLimits } from "../whole-limits.ts";
import { type UsageRange, usageRanges } from "../usage-range.ts";

export interface UsageProps {
  site: SiteView;
  range: UsageRange;
  charts: ChartData[];
  /** One per row of the table, oldest first. */
  rows: UsagePoint[];
  whole: UsagePoint;
  bandwidthMonthBytes: number;
}

/** What the site used over time, against its limits: drawn, as a table, as CSV. */
export const SiteUsage = (props: UsageProps) => {
  const { site, range, charts } = props;
  const base = `/sites/${site.slug}/usage`;
  const drawn = charts.filter(hasFigures);
  return (
    <>
      <SiteHeader site={site} tab="Usage" />
      <div class="toolbar">
        <nav class="choices" aria-label="Span">
          {[...usageRanges]
            .sort((a, b) => a.spanMs - b.spanMs)
            .map((one) => (
              <a
                href={`${base}?range=${one.name}`}
                aria-current={one.name === range.name ? "true" : undefined}
              >
                {one.label.replace(/^h/, "H")}
              </a>
            ))}
        </nav>
        <a href={`/sites/${site.slug}/usage.csv?range=${range.name}`}>Download as CSV</a>
      </div>
      {drawn.length === 0 ? (
        <div class="card">
          <NoFigures since={site.createdAt} />
        </div>
      ) : (
        <>
          <div class="charts">
            {drawn.map((chart) => (
              <ChartCard chart={chart} {...props} />
            ))}
          </div>
          <UsageTable {...props} />
        </>
      )}
    </>
  );
};

/** How often memory ran short; nothing where it never did. */
const memoryPressure = ({ memoryLimitHits, memoryStallSeconds }: UsagePoint): string =>
  (memoryLimitHits > 0 ? ` · at its limit ${plural(memoryLimitHits, "time")}` : "") +
  (memoryStallSeconds !== null && memoryStallSeconds >= 0.1
    ? ` · ${memoryStallSeconds.toFixed(1)} s lost waiting for memory`
    : "");

/** The span in one line, with what each figure is measured against. */
const summaryOf = (chart: ChartData, { whole, site, bandwidthMonthBytes }: UsageProps): string => {
  const { asked } = site.limits;
  const together = wholeLimits(site);
  switch (chart.name) {
    case "memory":
      return `avg ${formatBytes(whole.memoryBytes.avg ?? 0)} · peak ${bytesOf(whole.memoryBytes.max ?? 0, together.memoryBytes)} · ${plural(whole.oomKills, "OOM kill")}${memoryPressure(whole)}`;
    case "cpu":
      return `avg ${cores((whole.cpuPercent.avg ?? 0) * 10)} · peak ${cores((whole.cpuPercent.max ?? 0) * 10)} of ${cores(together.cpuMillicores)} cores · held back ${count(whole.throttledSeconds)} s`;
    case "requests":
      return `${count(whole.requests)} requests · ${plural(whole.errors, "error")}${whole.responseMs.avg === null ? "" : ` · mean answer ${millis(whole.responseMs.avg)}`}`;
    case "bandwidth":
      return `${formatBytes(whole.bytesOut)} out · ${formatBytes(whole.bytesIn)} in · this month ${bytesOf(bandwidthMonthBytes, asked.bandwidthBytesPerMonth)}`;
  }
};

const ChartCard = (props: UsageProps & { chart: ChartData }) => {
  const { chart, range } = props;
  const summary = summaryOf(chart, props);
  return (
    <section class="card chart-card" aria-labelledby={`chart-${chart.name}`}>
      <div class="section-head">
        <h2 id={`chart-${chart.name}`}>{chart.title}</h2>
        <p class="soft">{summary}</p>
      </div>
      <div class="live-chart" data-chart={JSON.stringify(chart)}>
        <StaticChart
          chart={chart}
          summary={`${chart.title}, last ${range.label}: ${summary}; ${chart.limit?.label ?? ""}`}
        />
      </div>
      {chart.lines.length > 1 && (
        <p class="legend">
          {chart.lines.map((line) => (
            <span class={line.tone}>{line.label}</span>
          ))}
        </p>
      )}
    </section>
  );
};

const or = (value: number | null, text: (value: number) => string): string =>
  value === null ? "–" : text(value);

const UsageTable = ({ rows, range }: UsageProps) => (
  <details class="figures-table">
    <summary>The same as a table, per {range.tableStepWord}</summary>
    <Table
      caption={`Usage per ${range.tableStepWord}, newest first`}
      class="usage"
      heads={
        <>
          <Head>From</Head>
          <Head num>Memory avg</Head>
          <Head num>Memory peak</Head>
          <Head num>CPU avg</Head>
          <Head num>Requests</Head>
          <Head num>Errors</Head>
          <Head num>Mean answer</Head>
          <Head num>Out</Head>
          <Head num>In</Head>
        </>
      }
    >
      {[...rows].reverse().map((row) => (
        <Row>
          <NameCell>
            <Time at={row.at} show="exact" />
          </NameCell>
          <Cell num label="Memory avg">
            {or(row.memoryBytes.avg, formatBytes)}
          </Cell>
          <Cell num label="Memory peak">
            {or(row.memoryBytes.max, formatBytes)}
          </Cell>
          <Cell num label="CPU avg">
            {or(row.cpuPercent.avg, (value) => `${cores(value * 10)} cores`)}
          </Cell>
          <Cell num label="Requests">
            {count(row.requests)}
          </Cell>
          <Cell num label="Errors">
            {count(row.errors)}
          </Cell>
          <Cell num label="Mean answer">
            {or(row.responseMs.avg, millis)}
          </Cell>
          <Cell num label="Out">
            {formatBytes(row.bytesOut)}
          </Cell>
          <Cell num label="In">
            {formatBytes(row.bytesIn)}
          </Cell>
        </Row>
      ))}
    </Table>
  </details>
);
