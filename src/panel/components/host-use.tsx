/** @jsxImportSource hono/jsx */
import type { StorageView } from "../../domain/housekeeping.ts";
import { formatBytes } from "../../domain/size.ts";
import type { FleetRow } from "../deps.ts";
import { cores, plural } from "../format.ts";

const most = 5;

const top = (rows: FleetRow[], valueOf: (row: FleetRow) => number | null) =>
  rows
    .map((row) => ({ slug: row.site.slug, value: valueOf(row) ?? 0 }))
    .filter(({ value }) => value > 0)
    .toSorted((a, b) => b.value - a.value)
    .slice(0, most);

const List = (props: { title: string; items: { slug: string; text: string }[]; none: string }) => (
  <div>
    <h3>{props.title}</h3>
    {props.items.length === 0 ? (
      <p class="soft">{props.none}</p>
    ) : (
      <dl class="facts-list">
        {props.items.map(({ slug, text }) => (
          <>
            <dt>
              <a href={`/sites/${slug}`}>{slug}</a>
            </dt>
            <dd>{text}</dd>
          </>
        ))}
      </dl>
    )}
  </div>
);

/** Which sites use most of the machine now, and which sleep. */
export const HostUse = ({ rows, storage }: { rows: FleetRow[]; storage: StorageView }) => {
  const asleep = rows.filter(({ site }) => site.status === "sleeping");
  const saved = asleep.reduce(
    (sum, { site: { sleep } }) =>
      sum + (sleep.memory ? sleep.memory.beforeBytes - sleep.memory.afterBytes : 0),
    0,
  );
  const freeable = storage.parts.reduce((sum, part) => sum + part.freeableBytes, 0);
  return (
    <section class="card" aria-labelledby="use">
      <div class="section-head">
        <h2 id="use">In use now</h2>
        <p class="soft">at the last sample</p>
      </div>
      <div class="use-lists">
        <List
          title="Memory"
          none="Nothing runs"
          items={top(rows, ({ usage }) => usage?.last?.memoryBytes.avg ?? null).map(({ slug, value }) => ({
            slug,
            text: formatBytes(value),
          }))}
        />
        <List
          title="CPU"
          none="Nothing to speak of"
          items={top(rows, ({ usage }) => usage?.last?.cpuPercent.avg ?? null)
            .filter(({ value }) => value >= 0.1)
            .map(({ slug, value }) => ({ slug, text: `${cores(value * 10)} cores` }))}
        />
        <List
          title="Disk"
          none="Nothing was counted yet"
          items={storage.sites
            .slice(0, most)
            .map(({ site, bytes }) => ({ slug: site, text: formatBytes(bytes) }))}
        />
      </div>
      <p>
        {asleep.length === 0 ? (
          "No site sleeps."
        ) : (
          <>
            <a href="/?state=sleeping">{plural(asleep.length, "site")}</a>{" "}
            {asleep.length === 1 ? "sleeps" : "sleep"}
            {saved > 0 && `, which saves ${formatBytes(saved)} of memory`}.
          </>
        )}{" "}
        <a href="/host/storage">
          {freeable > 0 ? `${formatBytes(freeable)} of disk space can go` : "What takes disk space"}
        </a>{" "}
        · <a href="/host/doctor">What the doctor says</a> · <a href="/events">What happened</a>
      </p>
    </section>
  );
};
