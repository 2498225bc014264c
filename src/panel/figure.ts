import { formatBytes } from "../domain/size.ts";
import type { ChartData } from "./chart-data.ts";

const short = (n: number): string => String(Number(n.toPrecision(2)));

/** A figure on a chart's scale, with its unit. */
export const figure = (value: number, unit: ChartData["unit"]): string => {
  if (value === 0) return "0";
  switch (unit) {
    case "bytes":
      return formatBytes(value);
    case "bytesPerSecond":
      return `${formatBytes(value)}/s`;
    case "cores":
      return `${short(value)} cores`;
    case "perMinute":
      return `${short(value)}/min`;
  }
};
