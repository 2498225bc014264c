/** @jsxImportSource hono/jsx */
import type { SiteView, UsagePoint } from "../../domain/views.ts";
import { bytesOf, cores, count } from "../format.ts";
import { wholeLimits } from "../whole-limits.ts";
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
  const whole = wholeLimits(site);
  const several = whole.replicas > 1 ? `all ${whole.replicas} replicas` : undefined;
  // What was measured last says nothing of a site whose replicas are gone.
  const runs = site.replicas.some((replica) => replica.state === "running");
  const unknown = runs ? "not measured yet" : "not running";
  const memory = runs ? (usage.point?.memoryBytes.avg ?? null) : null;
  const cpu = runs ? (usage.point?.cpuPercent.avg ?? null) : null;
  const disk = usage.point?.diskBytes ?? site.diskUsedBytes;
  const perMinute = usage.requestsPerMinute;
  const isStatic = site.currentRelease !== null && site.currentRelease.imageDigest === null;
  return (
    <dl class="meters">
      {!isStatic && (
        <>
          <Meter
            label="Memory"
            text={memory === null ? unknown : bytesOf(memory, whole.memoryBytes)}
            note={several}
            used={memory}
            limit={whole.memoryBytes}
          />
          <Meter
            label="CPU"
            text={cpu === null ? unknown : `${cores(cpu * 10)} of ${cores(whole.cpuMillicores)} cores`}
            note={several}
            used={cpu}
            limit={whole.cpuMillicores / 10}
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
