/** @jsxImportSource hono/jsx */
import type { PropsWithChildren } from "hono/jsx";
import { Badge } from "../components/badge.tsx";
import { Command } from "../components/command.tsx";
import { Empty } from "../components/empty.tsx";
import { HostFigures } from "../components/host-figures.tsx";
import { Live } from "../components/live.tsx";
import { SmallMeter } from "../components/meter.tsx";
import { hostOfUrl } from "../components/site-header.tsx";
import { Sparkline } from "../components/sparkline.tsx";
import { Cell, Head, NameCell, Row, Table } from "../components/table.tsx";
import { Time } from "../components/time.tsx";
import type { FleetRow, HostView } from "../deps.ts";
import { type FleetPage, type FleetQuery, type FleetSort, fleetHref } from "../fleet-order.ts";
import { bytesOf, cores, count, firstLine, plural, shortCount, shortHash } from "../format.ts";
import { useShell } from "../shell.ts";
import { wholeLimits } from "../whole-limits.ts";
import { siteWord } from "../words.ts";

/** All sites of the person, the ones that need them first. */
export const Fleet = (props: { all: FleetRow[]; page: FleetPage; query: FleetQuery; host: HostView }) => (
  <>
    <header class="page-head">
      <h1>Sites</h1>
      <div class="acts">
        <a class="button main" href="/sites/new">
          New site
        </a>
      </div>
    </header>
    <Live id="fleet" everySeconds={props.all.length === 0 ? null : 10}>
      <HostFigures rows={props.all} host={props.host} query={props.query} />
      {props.all.length === 0 ? <NoSites /> : <FleetTable {...props} />}
    </Live>
  </>
);

const FleetTable = ({ page, query }: { page: FleetPage; query: FleetQuery }) => {
  const narrowed = query.q !== "" || query.state !== null;
  return (
    <>
      {narrowed && (
        <p class="narrowed" role="status">
          {plural(page.matching, "site")}
          {query.q && ` with “${query.q}”`}
          {query.state && `, ${siteWord(query.state).text.toLowerCase()}`} · <a href="/">Show all</a>
        </p>
      )}
      {page.rows.length > 0 && (
        <Table caption="Sites" class="fleet" heads={<Heads query={query} />}>
          {page.rows.map((row) => (
            <SiteRow row={row} />
          ))}
        </Table>
      )}
      {(page.next || query.after) && (
        <nav class="pages" aria-label="Further sites">
          {query.after && <a href={fleetHref(query, {})}>To the first</a>}
          {page.next && <a href={fleetHref(query, { after: page.next })}>Next</a>}
        </nav>
      )}
    </>
  );
};

/** Numbers begin with the largest, names and states with the first. */
const SortHead = (props: PropsWithChildren<{ query: FleetQuery; sort: FleetSort; num?: boolean }>) => {
  const current = props.query.sort === props.sort;
  const first = props.sort !== "name" && props.sort !== "state";
  const descending = current ? !props.query.descending : first;
  return (
    <Head num={props.num} sort={current ? (props.query.descending ? "descending" : "ascending") : undefined}>
      <SortLink {...props} descending={descending} current={current} />
    </Head>
  );
};

const SortLink = (
  props: PropsWithChildren<{ query: FleetQuery; sort: FleetSort; descending: boolean; current: boolean }>,
) => (
  <a class="sort" href={fleetHref(props.query, { sort: props.sort, descending: props.descending })}>
    {props.children}
    {props.current && <span aria-hidden="true">{props.query.descending ? " ↓" : " ↑"}</span>}
  </a>
);

const Heads = ({ query }: { query: FleetQuery }) => {
  const limitSort = (sort: FleetSort, text: string) => {
    const current = query.sort === sort;
    return (
      <SortLink query={query} sort={sort} current={current} descending={current ? !query.descending : true}>
        {text}
      </SortLink>
    );
  };
  const byLimit = ["memory", "cpu", "disk"].includes(query.sort);
  return (
    <>
      <SortHead query={query} sort="name">
        Site
      </SortHead>
      <SortHead query={query} sort="state">
        State
      </SortHead>
      <SortHead query={query} sort="deploy">
        Last deploy
      </SortHead>
      <Head>Requests, 24 h</Head>
      <Head sort={byLimit ? (query.descending ? "descending" : "ascending") : undefined}>
        <span class="limit-heads">
          {limitSort("memory", "Memory")} {limitSort("cpu", "CPU")} {limitSort("disk", "Disk")}
        </span>
      </Head>
      <SortHead query={query} sort="requests" num>
        Req/h
      </SortHead>
    </>
  );
};

const bandwidthWords = {
  warn: "month's bandwidth used up",
  throttled: "bandwidth used up: slowed down",
  blocked: "bandwidth used up: answers 509",
};

const SiteRow = ({ row: { site, usage } }: { row: FleetRow }) => {
  const { asked } = site.limits;
  const whole = wholeLimits(site);
  const last = site.latestDeployment;
  const idle = site.status === "sleeping" || site.status === "stopped" || site.status === "archived";
  const disk = usage?.last?.diskBytes ?? site.diskUsedBytes;
  const memory = usage?.last?.memoryBytes.avg ?? null;
  const cpu = usage?.last?.cpuPercent.avg ?? null;
  const of = (used: number | null, text: (used: number) => string) =>
    used === null ? "not measured" : text(used);
  return (
    <Row>
      <NameCell>
        <a href={`/sites/${site.slug}`}>{site.slug}</a>
        {site.urls[0] && <span class="sub">{hostOfUrl(site.urls[0])}</span>}
      </NameCell>
      <Cell class="state">
        <Badge word={siteWord(site.status)} />
        {site.statusReason && site.status === "failed" && <span class="sub why">{site.statusReason}</span>}
        {site.status === "sleeping" && site.sleep.state !== "awake" && (
          <span class="sub">{site.sleep.state}</span>
        )}
        {site.pause && <span class="sub why">paused: requests wait</span>}
        {site.bandwidth.state !== "ok" && <span class="sub why">{bandwidthWords[site.bandwidth.state]}</span>}
      </Cell>
      <Cell label="Last deploy" class="last">
        {last ? (
          <>
            <Time at={last.createdAt} />
            {(last.commit || last.image) && (
              <span class="sub people-text">
                {last.commit ? firstLine(last.commit.message) || shortHash(last.commit.hash) : last.image}
              </span>
            )}
          </>
        ) : (
          <span class="soft">never</span>
        )}
      </Cell>
      <Cell class="spark-cell">
        <Sparkline
          values={usage?.requestsByHour ?? []}
          tone={idle ? "quiet" : "moss"}
          label={`${count((usage?.requestsByHour ?? []).reduce((a, b) => a + b, 0))} requests in 24 hours`}
        />
      </Cell>
      <Cell class="against">
        <SmallMeter
          label="mem"
          used={memory}
          limit={whole.memoryBytes}
          title={`Memory: ${of(memory, (used) => bytesOf(used, whole.memoryBytes))}`}
        />
        <SmallMeter
          label="cpu"
          used={cpu}
          limit={whole.cpuMillicores / 10}
          title={`CPU: ${of(cpu, (used) => `${cores(used * 10)} of ${cores(whole.cpuMillicores)} cores`)}`}
        />
        <SmallMeter
          label="disk"
          used={disk}
          limit={asked.diskBytes}
          title={`Disk: ${of(disk, (used) => `${bytesOf(used, asked.diskBytes)}`)}`}
        />
      </Cell>
      <Cell label="Requests an hour" num class="rate">
        {shortCount(usage?.requestsLastHour ?? 0)}
        {(usage?.errorsLastHour ?? 0) > 0 && (
          <span class="sub rust-text">{plural(usage!.errorsLastHour, "error")}</span>
        )}
      </Cell>
    </Row>
  );
};

const NoSites = () => {
  const { publicUrl } = useShell();
  return (
    <Empty title="No site yet">
      <p>
        <a href="/sites/new">Paste a git address</a> and it is built and put online, nothing else to fill in.
        Or from a folder on your own machine, with an <a href="/account/keys">API key</a> as the password:
      </p>
      <Command
        lines={[
          "croft site create my-site",
          `git push ${publicUrl.replace(/^(https?:\/\/)/, "$1croft@")}/git/my-site.git HEAD:main`,
        ]}
      />
    </Empty>
  );
};
