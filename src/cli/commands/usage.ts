import type { Limits } from "../../domain/limits.ts";
import { formatBytes } from "../../domain/size.ts";
import type { UsagePoint } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";
import { localTime, table } from "../text.ts";
import { UsageError } from "../usage-error.ts";

interface UsageAnswer {
  resolution: string;
  items: UsagePoint[];
  limits: Limits;
}

const spans: Record<string, number> = { m: 60, h: 3600, d: 86_400, w: 604_800 };

/** A point in time, or a span back from now such as 90m, 24h or 7d. @returns ISO 8601. @throws UsageError */
export const timeFlag = (name: string, text: string | undefined, nowMs = Date.now()): string | undefined => {
  if (text === undefined) return undefined;
  const span = /^(\d{1,6})([mhdw])$/.exec(text);
  const atMs = span ? nowMs - Number(span[1]) * spans[span[2]!]! * 1000 : Date.parse(text);
  if (Number.isNaN(atMs))
    throw new UsageError(
      `--${name} takes a time such as 2026-01-31T12:00:00Z or 24h, not ${JSON.stringify(text)}`,
    );
  return new Date(atMs).toISOString();
};

const bytes = (n: number | null): string => (n === null ? "-" : formatBytes(n));
const number = (n: number | null, digits: number): string => (n === null ? "-" : n.toFixed(digits));

const row = (point: UsagePoint, seconds: boolean): string[] => [
  localTime(point.at, seconds),
  bytes(point.memoryBytes.avg),
  bytes(point.memoryBytes.max),
  number(point.cpuPercent.avg, 1),
  bytes(point.diskBytes),
  bytes(point.bytesIn),
  bytes(point.bytesOut),
  String(point.requests),
  String(point.errors),
  number(point.responseMs.p50, 1),
  number(point.responseMs.p99, 1),
];

/** What limits were felt; nothing when none was. */
const pressure = (points: readonly UsagePoint[]): string => {
  const sum = (of: (point: UsagePoint) => number | null) =>
    points.reduce((total, point) => total + (of(point) ?? 0), 0);
  const throttled = sum((point) => point.throttledSeconds);
  const hits = sum((point) => point.memoryLimitHits);
  const stalled = sum((point) => point.memoryStallSeconds);
  const said = [
    throttled >= 0.1 ? `Held back ${throttled.toFixed(1)} s at its CPU limit.` : null,
    hits > 0 ? `Memory met its limit ${hits} ${hits === 1 ? "time" : "times"}.` : null,
    stalled >= 0.1 ? `Work stood still ${stalled.toFixed(1)} s for want of memory.` : null,
  ].filter((sentence) => sentence !== null);
  return said.length === 0 ? "" : `${said.join(" ")}\n`;
};

export const usage = defineCommand({
  options: { resolution: { type: "string" }, from: { type: "string" }, to: { type: "string" } },
  words: [1, 1],
  run: async ({ client, print }, [slug], { resolution, from, to, environment }) => {
    const query = { resolution, from: timeFlag("from", from), to: timeFlag("to", to), environment };
    const answer = await (await client()).get<UsageAnswer>(sitePath(slug!, "/usage", query));
    print(answer, () => {
      if (answer.items.length === 0) return "Nothing was measured in that time.\n";
      const head = [
        "AT",
        "MEM",
        "MAX",
        "CPU %",
        "DISK",
        "IN",
        "OUT",
        "REQUESTS",
        "ERRORS",
        "P50 MS",
        "P99 MS",
      ];
      const rows = answer.items.map((point) => row(point, answer.resolution === "raw"));
      return table([head, ...rows]) + pressure(answer.items);
    });
  },
});
