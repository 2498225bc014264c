/** @jsxImportSource hono/jsx */
import type { Child, PropsWithChildren } from "hono/jsx";
import { formatBytes } from "../../domain/size.ts";
import type { SiteStatus } from "../../domain/site.ts";
import type { SleepView } from "../../domain/sleep.ts";
import type { FleetRow, HostView } from "../deps.ts";
import { type FleetQuery, fleetHref } from "../fleet-order.ts";
import { siteWord } from "../words.ts";
import { Bar } from "./meter.tsx";

const Figure = (
  props: PropsWithChildren<{ label: string; value: string; of: Child; used?: number; limit?: number }>,
) => (
  <div class="figure">
    <dt>{props.label}</dt>
    <dd>
      <strong>{props.value}</strong> <span class="soft">{props.of}</span>
      {props.limit !== undefined && <Bar used={props.used ?? null} limit={props.limit} />}
    </dd>
    {props.children}
  </div>
);

const bytes = (n: number): [string, string] => formatBytes(n).split(" ") as [string, string];

/** `2.1` `of 3.8 GB`, or `410` `MB of 1 GB` where the units differ. */
const usedOf = (used: number, limit: number): [string, string] => {
  const [[value, unit], [limitValue, limitUnit]] = [bytes(used), bytes(limit)];
  return [value, `${unit === limitUnit ? "" : `${unit} `}of ${limitValue} ${limitUnit}`];
};

/** Memory that a site has given back since it sleeps. */
const savedBytes = ({ memory }: SleepView): number =>
  memory === null ? 0 : Math.max(0, memory.beforeBytes - memory.afterBytes);

const order: SiteStatus[] = ["failed", "deploying", "running", "sleeping", "stopped", "archived"];

/** Five figures of the machine, each against its capacity; the first one filters the list. */
export const HostFigures = ({
  rows,
  host,
  query,
}: {
  rows: FleetRow[];
  host: HostView;
  query: FleetQuery;
}) => {
  const sent = rows.reduce(
    (sum, row) => sum + (row.usage ? row.usage.month.bytesIn + row.usage.month.bytesOut : 0),
    0,
  );
  const allowed = rows.reduce((sum, row) => sum + row.site.limits.asked.bandwidthBytesPerMonth, 0);
  const states = order
    .map((status) => ({ status, n: rows.filter((row) => row.site.status === status).length }))
    .filter(({ n }) => n > 0);
  const saved = rows.reduce((sum, { site: { sleep } }) => sum + savedBytes(sleep), 0);
  const memory = host.memory ? usedOf(host.memory.usedBytes, host.memory.totalBytes) : null;
  const disk = host.disk ? usedOf(host.disk.usedBytes, host.disk.totalBytes) : null;
  const moved = usedOf(sent, Math.max(allowed, 1));
  return (
    <dl class="figures">
      <Figure
        label="Sites"
        value={String(rows.length)}
        of={states.map(({ status, n }) => (
          <a
            class={`state-link ${status === "failed" ? "rust" : ""} ${query.state === status ? "current" : ""}`}
            href={fleetHref(query, { state: query.state === status ? null : status })}
            aria-current={query.state === status ? "true" : undefined}
          >
            {n} {siteWord(status).text.toLowerCase()}
          </a>
        ))}
      />
      <Figure
        label="Memory"
        value={memory?.[0] ?? "–"}
        of={
          <>
            {memory?.[1] ?? "not measured yet"}
            {saved > 0 && `, ${formatBytes(saved)} given back asleep`}
          </>
        }
        used={host.memory?.usedBytes}
        limit={host.memory?.totalBytes}
      />
      <Figure
        label="CPU, last hour"
        value={host.cpuPercent === null ? "–" : String(Math.round(host.cpuPercent / host.cores))}
        of={host.cpuPercent === null ? "not measured yet" : `% of ${host.cores} cores`}
        used={host.cpuPercent ?? undefined}
        limit={host.cpuPercent === null ? undefined : host.cores * 100}
      />
      <Figure
        label="Disk"
        value={disk?.[0] ?? "–"}
        of={disk?.[1] ?? "not measured yet"}
        used={host.disk?.usedBytes}
        limit={host.disk?.totalBytes}
      />
      <Figure
        label="In and out this month"
        value={moved[0]}
        of={allowed > 0 ? `${moved[1]} allowed` : bytes(sent)[1]}
        used={sent}
        limit={Math.max(allowed, 1)}
      />
    </dl>
  );
};
