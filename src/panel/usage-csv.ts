import type { UsagePoint } from "../domain/views.ts";

const columns: [string, (point: UsagePoint) => string | number | null][] = [
  ["at", (p) => p.at],
  ["memory_avg_bytes", (p) => p.memoryBytes.avg],
  ["memory_max_bytes", (p) => p.memoryBytes.max],
  ["cpu_avg_percent_of_core", (p) => p.cpuPercent.avg],
  ["cpu_max_percent_of_core", (p) => p.cpuPercent.max],
  ["cpu_seconds", (p) => p.cpuSeconds],
  ["disk_bytes", (p) => p.diskBytes],
  ["bytes_in", (p) => p.bytesIn],
  ["bytes_out", (p) => p.bytesOut],
  ["requests", (p) => p.requests],
  ["errors", (p) => p.errors],
  ["response_avg_ms", (p) => p.responseMs.avg],
  ["response_p50_ms", (p) => p.responseMs.p50],
  ["response_p95_ms", (p) => p.responseMs.p95],
  ["response_p99_ms", (p) => p.responseMs.p99],
  ["active_requests", (p) => p.activeRequests],
  ["uptime_seconds", (p) => p.uptimeSeconds],
  ["throttled_seconds", (p) => p.throttledSeconds],
  ["oom_kills", (p) => p.oomKills],
  ["memory_limit_hits", (p) => p.memoryLimitHits],
  ["memory_stall_seconds", (p) => p.memoryStallSeconds],
];

/** RFC 4180, times in ISO 8601 UTC; a figure that was not measured is an empty field. */
export const usageCsv = (points: readonly UsagePoint[]): string =>
  [columns.map(([name]) => name), ...points.map((point) => columns.map(([, of]) => of(point) ?? ""))]
    .map((row) => `${row.join(",")}\r\n`)
    .join("");
