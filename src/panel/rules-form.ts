import type { EdgeRules } from "../domain/edge-rules.ts";
import { formatBytes, parseBytes } from "../domain/size.ts";
import { given, type Typed } from "./form.ts";

/** What the form shows of the rules that hold now. */
export const typedRules = (rules: EdgeRules): Typed => ({
  clientRequestsPerMinute: rules.clientRequestsPerMinute?.toString() ?? "",
  bandwidthPolicy: rules.bandwidthPolicy,
  bandwidthThrottleBytesPerSecond: formatBytes(rules.bandwidthThrottleBytesPerSecond),
});

const numberOf = (text: string | undefined): number | null =>
  text === undefined ? null : Number(text.replace(/[,_ ]/g, ""));

/** What was typed, for the schema to judge; only what differs from what was shown. */
export const readRules = (typed: Typed, now: EdgeRules): Record<string, unknown> => {
  const shown = typedRules(now);
  const all: Record<keyof EdgeRules, unknown> = {
    clientRequestsPerMinute: numberOf(given(typed, "clientRequestsPerMinute")),
    bandwidthPolicy: typed.bandwidthPolicy,
    bandwidthThrottleBytesPerSecond: parseBytes(typed.bandwidthThrottleBytesPerSecond ?? ""),
  };
  const changed = (name: string): boolean => typed[name] !== undefined && typed[name] !== shown[name];
  return Object.fromEntries(Object.entries(all).filter(([name]) => changed(name)));
};
