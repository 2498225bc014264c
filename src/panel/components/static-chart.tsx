/** @jsxImportSource hono/jsx */
import { type ChartData, chartScale, ticks } from "../chart-data.ts";
import { figure } from "../figure.ts";
import { Time } from "./time.tsx";

const height = 190;
const field = { top: 14, bottom: 22 };
const hour = 3_600_000;

const share = (part: number): string => `${(part * 100).toFixed(2)}%`;

/** `M0 10L5 20` pieces, broken at gaps, in a field of 1000 × 100. */
const paths = (chart: ChartData, values: (number | null)[], top: number): { line: string; area: string } => {
  const span = chart.toMs - chart.fromMs || 1;
  let [line, area, piece] = ["", "", [] as string[]];
  let [first, last] = ["0", "0"];
  const close = () => {
    if (piece.length > 0) {
      line += `M${piece.join("L")}`;
      area += `M${first} 100L${piece.join("L")}L${last} 100Z`;
    }
    piece = [];
  };
  chart.at.forEach((atMs, i) => {
    const value = values[i];
    if (value === null || value === undefined) return close();
    const x = (((atMs - chart.fromMs) / span) * 1000).toFixed(1);
    if (piece.length === 0) first = x;
    last = x;
    piece.push(`${x} ${(100 - (value / top) * 100).toFixed(1)}`);
  });
  close();
  return { line, area };
};

/**
 * A chart that needs no JavaScript and is redrawn, not scaled, at any width: positions are shares of the width,
 * only the curve itself is stretched.
 */
export const StaticChart = ({ chart, summary }: { chart: ChartData; summary: string }) => {
  const { top, limitInside } = chartScale(chart);
  const inner = height - field.top - field.bottom;
  const y = (value: number) => (field.top + inner * (1 - value / top)).toFixed(1);
  const x = (atMs: number) => share((atMs - chart.fromMs) / (chart.toMs - chart.fromMs || 1));
  // Beside the limit's own line a tick would say the same twice.
  const scale = ticks(top, chart.unit).filter(
    (value) => !limitInside || Math.abs(value - (chart.limit?.value ?? 0)) > top / 12,
  );
  const limitY = chart.limit ? (limitInside ? y(chart.limit.value) : String(field.top)) : null;
  return (
    <svg class="plot" width="100%" height={height} role="img" aria-label={summary}>
      {scale.map((value) => (
        <line class="grid" x1="0" x2="100%" y1={y(value)} y2={y(value)} />
      ))}
      <svg x="0" y={field.top} width="100%" height={inner} viewBox="0 0 1000 100" preserveAspectRatio="none">
        {chart.lines.map((line, i) => {
          const { line: stroke, area } = paths(chart, line.values, top);
          return (
            <>
              {i === 0 && <path class={`area ${line.tone}`} d={area} />}
              <path class={`curve ${line.tone}`} d={stroke} />
            </>
          );
        })}
      </svg>
      {scale.map((value) => (
        <text class="tick" x="2" y={Number(y(value)) - 3}>
          {figure(value, chart.unit)}
        </text>
      ))}
      <line class="axis" x1="0" x2="100%" y1={height - field.bottom} y2={height - field.bottom} />
      <Marks chart={chart} x={x} />
      {chart.limit && limitY && (
        <>
          <line class="limit" x1="0" x2="100%" y1={limitY} y2={limitY} />
          <text class="limit-text" x="100%" dx="-4" y={Number(limitY) + 13} text-anchor="end">
            {limitInside ? chart.limit.label : `${chart.limit.label}, far above`}
          </text>
        </>
      )}
      <Hours chart={chart} x={x} />
    </svg>
  );
};

const Marks = ({ chart, x }: { chart: ChartData; x: (atMs: number) => string }) => {
  let labelled = Number.NEGATIVE_INFINITY;
  const span = chart.toMs - chart.fromMs;
  return (
    <>
      {chart.marks.map((mark) => {
        // Releases in quick succession share one label, or they would cover one another.
        const room = mark.atMs - labelled > span * 0.16;
        if (room) labelled = mark.atMs;
        const right = mark.atMs - chart.fromMs > span * 0.8;
        return (
          <>
            <line
              class="mark"
              x1={x(mark.atMs)}
              x2={x(mark.atMs)}
              y1={field.top}
              y2={height - field.bottom}
            />
            {room && (
              <text
                class="mark-text"
                x={x(mark.atMs)}
                dx={right ? -4 : 4}
                y={height - field.bottom - 6}
                text-anchor={right ? "end" : "start"}
              >
                {mark.label}
              </text>
            )}
          </>
        );
      })}
    </>
  );
};

/** Whole hours or days along the bottom: in UTC, and in the reader's zone with JavaScript (`data-at`). */
const Hours = ({ chart, x }: { chart: ChartData; x: (atMs: number) => string }) => {
  const span = chart.toMs - chart.fromMs;
  const step =
    [hour / 60, hour / 12, hour / 4, hour, 6 * hour, 24 * hour, 7 * 24 * hour].find(
      (one) => span / one <= 5,
    ) ?? span;
  const byDay = step >= 24 * hour;
  const times: number[] = [];
  for (let at = Math.ceil(chart.fromMs / step) * step; at <= chart.toMs; at += step) times.push(at);
  return (
    <>
      {times
        .filter((at) => at - chart.fromMs > span * 0.04 && chart.toMs - at > span * 0.04)
        .map((at) => (
          <text
            class="tick"
            x={x(at)}
            y={height - 6}
            text-anchor="middle"
            data-at={at}
            data-by={byDay ? "day" : "time"}
          >
            {byDay ? new Date(at).toISOString().slice(5, 10) : new Date(at).toISOString().slice(11, 16)}
          </text>
        ))}
    </>
  );
};

/** When the drawing says nothing, the reason. */
export const NoFigures = ({ since }: { since: string }) => (
  <p class="no-figures">
    Nothing was measured here yet. The first figures come within a minute of the first release; the site was
    made <Time at={since} />.
  </p>
);
