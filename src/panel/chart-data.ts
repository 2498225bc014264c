import type { Limits } from "../domain/limits.ts";
import type { ReleaseView, UsagePoint } from "../domain/views.ts";
import { spacingMs, thin } from "./series.ts";

const monthSeconds = 30 * 86_400;

export interface ChartMark {
  atMs: number;
  label: string;
}

/** One drawing: what is plotted, against which line. Shared by the server's drawing and the live one. */
export interface ChartData {
  name: "memory" | "cpu" | "requests" | "bandwidth";
  title: string;
  unit: "bytes" | "cores" | "perMinute" | "bytesPerSecond";
  fromMs: number;
  toMs: number;
  /** UTC milliseconds, ascending. */
  at: number[];
  /** Beside `at`; null is a gap. The first is filled. */
  lines: { label: string; tone: "moss" | "rust" | "sky"; values: (number | null)[] }[];
  limit: { value: number; label: string } | null;
  marks: ChartMark[];
}

/** Releases that began inside the span. */
export const releaseMarks = (releases: readonly ReleaseView[], fromMs: number, toMs: number): ChartMark[] =>
  releases
    .map((release) => ({ atMs: Date.parse(release.createdAt), label: `release ${release.number}` }))
    .filter((mark) => mark.atMs >= fromMs && mark.atMs <= toMs)
    .sort((a, b) => a.atMs - b.atMs);

/**
 * The drawings of a span of usage, thinned to `most` points, with a gap where samples are missing.
 * @param limitWords how each limit is written beside its line
 */
export const chartsOf = (
  points: readonly UsagePoint[],
  span: { fromMs: number; toMs: number; most: number },
  limits: Limits,
  limitWords: { memory: string; cpu: string; requests: string; bandwidth: string },
  marks: ChartMark[],
): ChartData[] => {
  const shown = withGaps(thin(points, span.most));
  const at = shown.map((point) => point.atMs);
  const stepMs = spacingMs(thin(points, span.most)) ?? 60_000;
  const base = { fromMs: span.fromMs, toMs: span.toMs, at, marks };
  const values = (of: (point: UsagePoint) => number | null) =>
    shown.map(({ point }) => (point === null ? null : of(point)));
  const perMinute = (n: number) => n / (stepMs / 60_000);
  return [
    {
      ...base,
      name: "memory",
      title: "Memory",
      unit: "bytes",
      lines: [{ label: "Memory", tone: "moss", values: values((p) => p.memoryBytes.avg) }],
      limit: { value: limits.memoryBytes, label: limitWords.memory },
    },
    {
      ...base,
      name: "cpu",
      title: "CPU",
      unit: "cores",
      lines: [
        {
          label: "CPU",
          tone: "moss",
          values: values((p) => (p.cpuPercent.avg === null ? null : p.cpuPercent.avg / 100)),
        },
      ],
      limit: { value: limits.cpuMillicores / 1000, label: limitWords.cpu },
    },
    {
      ...base,
      name: "requests",
      title: "Requests",
      unit: "perMinute",
      lines: [
        { label: "Requests", tone: "moss", values: values((p) => perMinute(p.requests)) },
        { label: "Errors", tone: "rust", values: values((p) => perMinute(p.errors)) },
      ],
      limit: { value: limits.requestsPerMinute, label: limitWords.requests },
    },
    {
      ...base,
      name: "bandwidth",
      title: "Bandwidth",
      unit: "bytesPerSecond",
      lines: [
        { label: "Out", tone: "moss", values: values((p) => p.bytesOut / (stepMs / 1000)) },
        { label: "In", tone: "sky", values: values((p) => p.bytesIn / (stepMs / 1000)) },
      ],
      limit: { value: limits.bandwidthBytesPerMonth / monthSeconds, label: limitWords.bandwidth },
    },
  ];
};

/** An empty entry goes in where the distance to the next point shows that samples are missing. */
const withGaps = (points: readonly UsagePoint[]): { atMs: number; point: UsagePoint | null }[] => {
  const stepMs = spacingMs(points);
  const out: { atMs: number; point: UsagePoint | null }[] = [];
  for (const point of points) {
    const atMs = Date.parse(point.at);
    const before = out.at(-1);
    if (stepMs !== null && before && atMs - before.atMs > 3 * stepMs)
      out.push({ atMs: before.atMs + stepMs, point: null });
    out.push({ atMs, point });
  }
  return out;
};

/** Whether anything of it was measured. */
export const hasFigures = (chart: ChartData): boolean =>
  chart.lines.some((line) => line.values.some((value) => value !== null));

/**
 * Top of the scale. The limit belongs in sight, but a line high above an empty field tells nothing of the
 * figures: when they stay below a twentieth of it, the scale is theirs and `limitInside` is false.
 */
export const chartScale = (chart: ChartData): { top: number; limitInside: boolean } => {
  const peak = Math.max(0, ...chart.lines.flatMap((line) => line.values.map((value) => value ?? 0)));
  const limit = chart.limit?.value ?? 0;
  const limitInside = limit > 0 && peak >= limit / 20;
  return { top: limitInside ? Math.max(peak, limit) * 1.1 : Math.max(peak * 1.4, 1e-9), limitInside };
};

/** At most `most` round steps of a scale, without zero and without its upper tenth. */
export const ticks = (top: number, unit: ChartData["unit"], most = 4): number[] => {
  const base = unit === "bytes" || unit === "bytesPerSecond" ? 2 : 10;
  const factors = base === 2 ? [1, 2, 4, 8] : [1, 2, 5, 10];
  const power = base === 2 ? 16 : 10;
  const magnitude = power ** Math.floor(Math.log(top / most) / Math.log(power));
  const step = magnitude * (factors.find((factor) => magnitude * factor * most >= top * 0.9) ?? power);
  const out: number[] = [];
  for (let value = step; value < top * 0.92; value += step) out.push(value);
  return out;
};
