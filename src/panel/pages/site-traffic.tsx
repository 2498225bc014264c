/** @jsxImportSource hono/jsx */
import type { AccessLine } from "../../domain/access-log.ts";
import type { EdgeRulesView } from "../../domain/edge-rules.ts";
import type { PathView } from "../../domain/path-usage.ts";
import { formatBytes } from "../../domain/size.ts";
import type { SiteView } from "../../domain/views.ts";
import type { TopPaths } from "../../requests/top-paths.ts";
import { AccessLines } from "../components/access-lines.tsx";
import { AccessSetting } from "../components/access-setting.tsx";
import { AnswerClasses } from "../components/answer-classes.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import type { Refusal, Typed } from "../form.ts";
import { count, millis, plural, sentence, share } from "../format.ts";

export const trafficRanges = [
  { name: "24h", label: "24 hours", words: "in the last 24 hours" },
  { name: "today", label: "Today", words: "today (UTC)" },
  { name: "7d", label: "7 days", words: "in the last 7 days" },
] as const;
export type TrafficRange = (typeof trafficRanges)[number];

export const statusChoices = ["2xx", "3xx", "4xx", "5xx"] as const;

export interface TrafficProps {
  site: SiteView;
  range: TrafficRange;
  /** Null when the person may not see them; then `problem` says so. */
  paths: TopPaths | null;
  lines: AccessLine[];
  /** How many lines the disk did not take. */
  dropped: number;
  filter: { status: string; path: string };
  problem: string | null;
  rules: EdgeRulesView;
  setting: { typed: Typed; refusal: Refusal | null };
}

/** Who asked for what, and how it was answered: by path over time, and request by request. */
export const SiteTraffic = (props: TrafficProps) => {
  const { site, range, paths, problem } = props;
  const base = `/sites/${site.slug}/traffic`;
  return (
    <>
      <SiteHeader site={site} tab="Traffic" />
      {problem !== null && (
        <p class="reason" role="status">
          {sentence(problem)}
        </p>
      )}
      {paths !== null && (
        <>
          <div class="toolbar">
            <nav class="choices" aria-label="Span">
              {trafficRanges.map((one) => (
                <a href={`${base}?range=${one.name}`} aria-current={one === range ? "true" : undefined}>
                  {one.label}
                </a>
              ))}
            </nav>
          </div>
          {paths.items.length === 0 && paths.other === null ? (
            <div class="card">
              <p class="no-figures">
                Nobody asked for anything {range.words}. Figures are a few seconds behind.
              </p>
            </div>
          ) : (
            <Answers {...props} paths={paths} />
          )}
          <Requests {...props} base={base} />
          <AccessSetting slug={site.slug} {...props.setting} />
        </>
      )}
    </>
  );
};

const Answers = ({ paths, range }: TrafficProps & { paths: TopPaths }) => {
  const all = [...paths.items, ...(paths.other === null ? [] : [paths.other])];
  const total = all.reduce((sum, path) => sum + path.requests, 0);
  return (
    <>
      <section class="card" aria-labelledby="answers-title">
        <div class="section-head">
          <h2 id="answers-title">Answers</h2>
          <p class="soft">
            {plural(total, "request")} {range.words}
          </p>
        </div>
        <AnswerClasses paths={all} />
      </section>
      <div class="section-head list-head">
        <h2>Asked for most</h2>
        <p class="soft">Numbers, ids and addresses in a path stand as :id and :email</p>
      </div>
      <Table
        caption={`Paths ${range.words}, most requests first`}
        class="paths"
        heads={
          <>
            <Head>Path</Head>
            <Head num>Requests</Head>
            <Head num>4xx</Head>
            <Head num>5xx</Head>
            <Head num>Median</Head>
            <Head num>p95</Head>
            <Head num>Out</Head>
          </>
        }
      >
        {all.map((path) => (
          <PathRow path={path} total={total} />
        ))}
      </Table>
    </>
  );
};

const took = (ms: number | null): string => (ms === null ? "–" : millis(ms));

const PathRow = ({ path, total }: { path: PathView; total: number }) => (
  <Row>
    <NameCell>
      {path.path === "" ? (
        <span class="soft">All others</span>
      ) : (
        <>
          <span class="soft">{path.method}</span> <code>{path.path}</code>
        </>
      )}
    </NameCell>
    <Cell num label="Requests">
      <span>
        {count(path.requests)} <small class="soft">{share(path.requests, total)}</small>
      </span>
    </Cell>
    <ErrorCell label="4xx" errors={path.status["4xx"]} requests={path.requests} tone="amber-text" />
    <ErrorCell label="5xx" errors={path.status["5xx"]} requests={path.requests} tone="rust-text" />
    <Cell num label="Median">
      {took(path.responseMs.p50)}
    </Cell>
    <Cell num label="p95">
      {took(path.responseMs.p95)}
    </Cell>
    <Cell num label="Out">
      {formatBytes(path.bytesOut)}
    </Cell>
  </Row>
);

const ErrorCell = (props: { label: string; errors: number; requests: number; tone: string }) => (
  <Cell num label={props.label}>
    {props.errors === 0 ? (
      <span class="soft">0</span>
    ) : (
      <span class={props.tone}>
        {count(props.errors)} <small>{share(props.errors, props.requests)}</small>
      </span>
    )}
  </Cell>
);

const Requests = (props: TrafficProps & { base: string }) => {
  const { site, lines, filter, rules, base, range } = props;
  const filtered = filter.status !== "" || filter.path !== "";
  if (rules.accessLog === "off" && lines.length === 0)
    return (
      <section class="empty">
        <h2>Single requests are not written down</h2>
        <p>Say below what the log may hold, and they appear here as they come.</p>
      </section>
    );
  const query = new URLSearchParams({ format: "combined" });
  if (filter.status) query.set("status", filter.status);
  if (filter.path) query.set("path", filter.path);
  return (
    <>
      <div class="section-head list-head">
        <h2 id="log-title">{filtered ? "Requests that match" : "Requests"}</h2>
        <p class="soft" role="status" id="live-state" />
      </div>
      <div class="toolbar">
        <form method="get" action={base} class="inline-form log-filter" role="search">
          <label for="status">Answers</label>
          <select id="status" name="status">
            <option value="">All</option>
            {statusChoices.map((one) => (
              <option value={one} selected={one === filter.status}>
                {one}
              </option>
            ))}
          </select>
          <label for="path">Path begins with</label>
          <input
            id="path"
            type="search"
            name="path"
            value={filter.path}
            autocomplete="off"
            class="mono"
            placeholder="/"
          />
          <input type="hidden" name="range" value={range.name} />
          <button>Filter</button>
        </form>
        <p class="log-acts">
          <button type="button" class="small" id="pause" hidden>
            Pause
          </button>
          <a href={`/api/v1/sites/${site.slug}/access-log?${query}`} download>
            Download as Combined
          </a>
        </p>
      </div>
      {props.dropped > 0 && (
        <p class="reason amber">
          {plural(props.dropped, "request")} are missing here: the disk did not take them. Visitors noticed
          nothing.
        </p>
      )}
      <div class="log access" role="region" aria-labelledby="log-title" tabindex={0} id="log">
        <ol id="requests">
          <AccessLines lines={lines} />
        </ol>
        <ol id="live-requests" />
        {lines.length === 0 && (
          <p class="none soft" id="none">
            {filtered
              ? "No request in the log matches."
              : "No request is in the log yet. The next one appears within a second."}
          </p>
        )}
      </div>
      <div
        id="access-log"
        data-slug={site.slug}
        data-status={filter.status}
        data-path={filter.path}
        data-live={rules.accessLog === "off" ? "no" : "yes"}
      />
    </>
  );
};
