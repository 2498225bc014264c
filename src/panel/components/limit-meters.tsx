/** @jsxImportSource hono/jsx */
import type { SiteView, UsagePoint } from "../../domain/views.ts";
import { bytesOf, cores, count } from "../format.ts";
import { Meter } from "./meter.tsx";

export interface CurrentUsage {
  /** The newest sample; null before the first. */
  point: UsagePoint | null;
  /** Mean over the newest samples. */
  requestsPerMinute: number | null;
  bandwidthMonthBytes: number;
}

/** What the site uses now, each figure against its limit. */
export const LimitMeters = ({ site, usage }: { site: SiteView; usage: CurrentUsage }) => {
  const { asked } = site.limits;
  const memory = usage.point?.memoryBytes.avg ?? null;
  const cpu = usage.point?.cpuPercent.avg ?? null;
  const disk = usage.point?.diskBytes ?? site.diskUsedBytes;
  const perMinute = usage.requestsPerMinute;
  const isStatic = usage.point !== null && memory === null;
  return (
    <dl class="meters">
      {!isStatic && (
        <>
          <Meter
            label="Memory"
            text={memory === null ? "not measured yet" : bytesOf(memory, asked.memoryBytes)}
            used={memory}
            limit={asked.memoryBytes}
          />
          <Meter
            label="CPU"
            text={
              cpu === null ? "not measured yet" : `${cores(cpu * 10)} of ${cores(asked.cpuMillicores)} cores`
            }
            used={cpu}
            limit={asked.cpuMillicores / 10}
          />
        </>
      )}
      <Meter
        label="Disk"
        text={disk === null ? "not measured yet" : bytesOf(disk, asked.diskBytes)}
        used={disk}
        limit={asked.diskBytes}
      />
      <Meter
        label="In and out this month"
        text={bytesOf(usage.bandwidthMonthBytes, asked.bandwidthBytesPerMonth)}
        used={usage.bandwidthMonthBytes}
        limit={asked.bandwidthBytesPerMonth}
        note={
          site.bandwidth.state === "ok"
            ? undefined
            : site.bandwidth.state === "warn"
              ? "used up"
              : site.bandwidth.state
        }
      />
      <Meter
        label="Requests"
        text={
          perMinute === null
            ? "not measured yet"
            : `${count(perMinute)} of ${count(asked.requestsPerMinute)} a minute`
        }
        used={perMinute}
        limit={asked.requestsPerMinute}
      />
    </dl>
  );
};
