/** @jsxImportSource hono/jsx */
import type { LogStorageView } from "../../domain/retention.ts";
import { formatBytes } from "../../domain/size.ts";
import type { SiteView } from "../../domain/views.ts";
import type { SiteLogPage } from "../../logs/site-logs.ts";
import { AppLogLines } from "../components/app-log-lines.tsx";
import { Empty } from "../components/empty.tsx";
import { SiteHeader } from "../components/site-header.tsx";
import { Time } from "../components/time.tsx";
import { plural, sentence } from "../format.ts";
import {
  isFiltered,
  leastLevels,
  logAddress,
  type LogFields,
  logLineChoices,
  logQueryOf,
  logSpans,
} from "../log-query.ts";

export interface SiteLogsProps {
  site: SiteView;
  fields: LogFields;
  /** Null when nothing can be shown; then `problem` says why. */
  page: SiteLogPage | null;
  storage: LogStorageView | null;
  problem: string | null;
  nowMs: number;
}

/** What the app prints: live, of before, and what of it matches. */
export const SiteLogs = (props: SiteLogsProps) => {
  const { site, fields, page, problem, nowMs } = props;
  const base = `/sites/${site.slug}/logs`;
  const lines = page?.items ?? [];
  const filtered = isFiltered(fields);
  const older = fields.cursor !== "";
  const title = filtered
    ? `${plural(lines.length, "line")} that ${lines.length === 1 ? "matches" : "match"}`
    : older
      ? "Older lines"
      : "What it prints";
  return (
    <>
      <SiteHeader site={site} tab="Logs" />
      <Filter {...props} base={base} />
      {problem && (
        <p class="reason rust" role="status">
          {sentence(problem)}
        </p>
      )}
      {page && !page.stored && (
        <p class="reason amber">
          Only what the engine still holds of running containers is shown: its log files cannot be read from
          here.
        </p>
      )}
      {lines.length === 0 && !filtered && !older ? (
        <NoLines site={site} />
      ) : (
        <>
          <div class="section-head">
            <h2 id="log-title">{title}</h2>
            <p class="soft" role="status" id="live-state" />
            <Storage {...props} />
          </div>
          <div class="log app" role="region" aria-labelledby="log-title" tabindex={0} id="log">
            {page?.next && (
              <p class="earlier">
                <a href={logAddress(base, { ...fields, cursor: page.next })}>
                  {page.whole ? "Older lines" : "Look further back"}
                </a>
              </p>
            )}
            <ol id="lines">
              <AppLogLines lines={lines} nowMs={nowMs} />
            </ol>
            <ol id="live-lines" />
            {lines.length === 0 && (
              <p class="none soft" id="none">
                {page?.whole === false
                  ? "Nothing that matches so far; there is more to look through."
                  : "No line that is kept matches."}
              </p>
            )}
          </div>
          {older && (
            <p>
              <a href={logAddress(base, { ...fields, cursor: "" })}>To the newest lines</a>
            </p>
          )}
          <div
            id="site-log"
            data-slug={site.slug}
            data-query={streamQuery(fields)}
            data-place={page?.stored ? page.end : ""}
            data-live={!older && fields.to === "" && site.replicas.length > 0 ? "yes" : "no"}
          />
        </>
      )}
    </>
  );
};

/** What the live stream and the download ask for besides a place. */
const streamQuery = (fields: LogFields): string => {
  const { search, level, process, since, until } = logQueryOf(fields);
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries({ search, level, process, since, until }))
    if (value !== undefined) query.set(name, String(value));
  return query.toString();
};

const Filter = ({ site, fields, page, base }: SiteLogsProps & { base: string }) => {
  // Jobs and processes of before are known by their lines alone.
  const named = [...site.replicas, ...(page?.items ?? [])].map((one) => one.process);
  const processes = [...new Set([...named, ...(fields.process ? [fields.process] : [])])].sort();
  const download = new URLSearchParams(streamQuery(fields));
  download.set("gzip", "true");
  return (
    <div class="toolbar">
      <form method="get" action={base} class="inline-form log-filter" role="search">
        <label for="log-q">Lines with</label>
        <input id="log-q" type="search" name="q" value={fields.q} autocomplete="off" class="mono" />
        <label for="log-level">Level</label>
        <select id="log-level" name="level">
          {leastLevels.map(({ value, label }) => (
            <option value={value} selected={value === fields.level}>
              {label}
            </option>
          ))}
        </select>
        <label for="log-since">Within</label>
        <select id="log-since" name="since">
          {logSpans.map(({ value, label }) => (
            <option value={value} selected={value === fields.since}>
              {label}
            </option>
          ))}
        </select>
        {processes.length > 1 && (
          <>
            <label for="log-process">Process</label>
            <select id="log-process" name="process">
              <option value="">All</option>
              {processes.map((name) => (
                <option value={name} selected={name === fields.process}>
                  {name}
                </option>
              ))}
            </select>
          </>
        )}
        <details class="log-times" open={fields.from !== "" || fields.to !== ""}>
          <summary>Exact times</summary>
          <label for="log-from">From (UTC)</label>
          <input id="log-from" type="datetime-local" name="from" value={fields.from} step="1" />
          <label for="log-to">To (UTC)</label>
          <input id="log-to" type="datetime-local" name="to" value={fields.to} step="1" />
        </details>
        {fields.lines !== logLineChoices[0] && (
          <input type="hidden" name="lines" value={String(fields.lines)} />
        )}
        <button>Filter</button>
        {isFiltered(fields) && <a href={base}>Clear</a>}
      </form>
      <p class="choices">
        <span id="newest">Newest</span>
        {logLineChoices.map((count) => (
          <a
            href={logAddress(base, { ...fields, lines: count, cursor: "" })}
            aria-current={count === fields.lines ? "true" : undefined}
            aria-describedby="newest"
          >
            {count}
          </a>
        ))}
        <a href={`/api/v1/sites/${site.slug}/logs/download?${download}`} download>
          Download
        </a>
      </p>
    </div>
  );
};

const Storage = ({ storage, site }: SiteLogsProps) =>
  storage?.stored ? (
    <p class="soft">
      {formatBytes(storage.usedBytes)} of {formatBytes(storage.maxBytes)}, {storage.days} days
      {storage.oldestAt !== null && (
        <>
          {" "}
          (oldest <Time at={storage.oldestAt} />)
        </>
      )}
      : <a href={`/sites/${site.slug}/logs/storage`}>change</a>
    </p>
  ) : null;

const NoLines = ({ site }: { site: SiteView }) => (
  <Empty title="Nothing was printed">
    {site.currentRelease?.imageDigest === null ? (
      <p>This site is static: the edge serves its files, and no process runs that could print anything.</p>
    ) : (
      <p>
        What the app writes to its standard output and error appears here. The build's own log is with each{" "}
        <a href={`/sites/${site.slug}/deployments`}>deployment</a>.
      </p>
    )}
  </Empty>
);
