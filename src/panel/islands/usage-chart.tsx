/** @jsxImportSource hono/jsx */
// Charts that can be read point by point. The server's drawing stays until this one is there, and stays for good
// without JavaScript.
import uPlot from "uplot";
import { type ChartData, chartScale, ticks } from "../chart-data.ts";
import { figure } from "../figure.ts";
import { localDay, localHour, localShort } from "./local-times.ts";

const day = 86_400_000;
const height = 210;

const colours = () => {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    moss: of("moss"),
    rust: of("rust"),
    sky: of("sky"),
    tint: of("moss-tint"),
    line: of("line"),
    soft: of("soft"),
    faint: of("faint"),
  };
};
type Colours = ReturnType<typeof colours>;

const font = `12px ${getComputedStyle(document.body).fontFamily}`;

/** Limit line and release marks, over the curves. */
const overlay = (chart: ChartData, ink: Colours, limitInside: boolean) => (plot: uPlot) => {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = `${12 * ratio}px ${getComputedStyle(document.body).fontFamily}`;
  ctx.lineWidth = ratio;
  ctx.textAlign = "left";
  let labelledTo = 0;
  for (const mark of chart.marks) {
    const x = Math.round(plot.valToPos(mark.atMs / 1000, "x", true));
    ctx.strokeStyle = ink.faint;
    ctx.fillStyle = ink.soft;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const width = ctx.measureText(mark.label).width;
    const right = x + width + 8 * ratio > bbox.left + bbox.width;
    const from = right ? x - width - 4 * ratio : x + 4 * ratio;
    if (from < labelledTo) continue;
    labelledTo = from + width + 8 * ratio;
    ctx.fillText(mark.label, from, bbox.top + bbox.height - 6 * ratio);
  }
  if (chart.limit) {
    const y = limitInside ? Math.round(plot.valToPos(chart.limit.value, "y", true)) : bbox.top + ratio;
    ctx.strokeStyle = ctx.fillStyle = ink.rust;
    ctx.setLineDash([4 * ratio, 4 * ratio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    const text = limitInside ? chart.limit.label : `${chart.limit.label}, far above`;
    ctx.textAlign = "right";
    ctx.fillText(text, bbox.left + bbox.width - 4 * ratio, y + 14 * ratio);
  }
  ctx.restore();
};

const options = (chart: ChartData, width: number, readout: HTMLElement): uPlot.Options => {
  const ink = colours();
  const { top, limitInside } = chartScale(chart);
  const scale = ticks(top, chart.unit);
  const byDay = chart.toMs - chart.fromMs > 2 * day;
  const axis = { stroke: ink.soft, font, grid: { stroke: ink.line, width: 1 }, ticks: { show: false } };
  return {
    width,
    height,
    padding: [8, 4, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { x: { range: [chart.fromMs / 1000, chart.toMs / 1000] }, y: { range: [0, top] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 28,
        space: 70,
        values: (_, at) => at.map((second) => (byDay ? localDay(second * 1000) : localHour(second * 1000))),
        ...(byDay ? { incrs: [1, 2, 5, 7, 14].map((days) => days * 86_400) } : {}),
      },
      {
        ...axis,
        size: 20 + 6.6 * Math.max(...scale.map((value) => figure(value, chart.unit).length)),
        gap: 6,
        splits: [0, ...scale],
        values: (_: uPlot, at: number[]) => at.map((value) => figure(value, chart.unit)),
      },
    ],
    series: [
      {},
      ...chart.lines.map((line, i) => ({
        label: line.label,
        stroke: ink[line.tone],
        width: 1.5,
        fill: i === 0 ? ink.tint : undefined,
        points: { show: false },
      })),
    ],
    hooks: {
      draw: [overlay(chart, ink, limitInside)],
      setCursor: [(plot) => read(plot, chart, readout)],
    },
  };
};

/** The point under the cursor in words, in the place of the span's summary. */
const read = (plot: uPlot, chart: ChartData, readout: HTMLElement): void => {
  const index = plot.cursor.idx;
  if (index === null || index === undefined) {
    readout.textContent = readout.dataset.summary ?? "";
    return;
  }
  const figures = chart.lines.map((line) => {
    const value = line.values[index];
    const text = value === null || value === undefined ? "not measured" : figure(value, chart.unit);
    return chart.lines.length > 1 ? `${line.label} ${text}` : text;
  });
  readout.textContent = `${localShort(chart.at[index]!)} · ${figures.join(" · ")}`;
};

const live = (box: HTMLElement): void => {
  const chart = JSON.parse(box.dataset.chart!) as ChartData;
  const fallback = [...box.children];
  const label = box.querySelector("svg")?.getAttribute("aria-label") ?? chart.title;
  const field = document.createElement("div");
  field.setAttribute("role", "img");
  field.setAttribute("aria-label", label);
  const readout = box.parentElement!.querySelector<HTMLElement>(".section-head p")!;
  readout.dataset.summary = readout.textContent ?? "";
  box.append(field);
  const data = [
    chart.at.map((ms) => ms / 1000),
    ...chart.lines.map((line) => line.values),
  ] as uPlot.AlignedData;
  let plot: uPlot | null = null;
  const draw = () => {
    plot?.destroy();
    plot = new uPlot(options(chart, box.clientWidth, readout), data, field);
  };
  draw();
  for (const child of fallback) child.remove();
  new ResizeObserver(() => {
    if (plot && plot.width !== box.clientWidth) plot.setSize({ width: box.clientWidth, height });
  }).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
};

for (const box of document.querySelectorAll<HTMLElement>(".live-chart")) live(box);
