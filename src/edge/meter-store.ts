import { join } from "node:path";
import { fineBucketOf, latencyOfText, latencyText } from "../domain/latency-histogram.ts";
import type { Log } from "../domain/log.ts";
import { readChecked, writeAtomically } from "./atomic-file.ts";
import { createMeter, type Meter } from "./meter.ts";

/** Counters that survive the process: written at most once a second, so a kill loses at most a second. */
export interface MeterStore {
  readonly epoch: string;
  readonly meters: Map<string, Meter>;
  /** Writes when something was counted since the last time. */
  save(): void;
}

/**
 * On disk without what is only true now (`active`), latency as `latencyText`. Earlier edges kept pairs of bucket and
 * count in the first scheme.
 */
type StoredMeter = Omit<Meter, "active" | "latency"> & {
  latency: string | [bucket: number, count: number][];
};

interface Stored {
  epoch: string;
  meters: Record<string, StoredMeter>;
}

export const openMeterStore = (dir: string, log: Log, wallMs: number): MeterStore => {
  const path = join(dir, "meters.json");
  const read = readChecked(path);
  if (read.found === "torn") log.error("the stored meters are damaged; counting begins anew", { path });
  const stored: Stored =
    read.found === "yes" ? (JSON.parse(read.text) as Stored) : { epoch: Bun.randomUUIDv7(), meters: {} };
  const meters = new Map(
    Object.entries(stored.meters).map(([id, meter]) => [id, revive(meter, wallMs)] as const),
  );
  // -1: the first save always writes, so that an epoch once told is never forgotten.
  let written = read.found === "yes" ? sumOf(meters) : -1;
  return {
    epoch: stored.epoch,
    meters,
    save() {
      const sum = sumOf(meters);
      if (sum === written) return;
      const content: Stored = { epoch: stored.epoch, meters: {} };
      for (const [id, meter] of meters) content.meters[id] = freeze(meter);
      writeAtomically(path, JSON.stringify(content), false);
      written = sum;
    },
  };
};

/** Changes with anything that is counted: every sum only grows. */
const sumOf = (meters: Map<string, Meter>): number => {
  let sum = meters.size;
  for (const meter of meters.values())
    sum += meter.requests + meter.bytesIn + meter.bytesOut + meter.latencySumMs;
  return sum;
};

const freeze = ({ active: _, latency, ...rest }: Meter): StoredMeter => ({
  ...rest,
  latency: latencyText(latency),
});

const revive = ({ latency, ...rest }: StoredMeter, wallMs: number): Meter => {
  const meter = { ...createMeter(wallMs), ...rest };
  if (typeof latency === "string") meter.latency = latencyOfText(latency);
  else for (const [bucket, count] of latency) meter.latency[fineBucketOf(bucket)]! += count;
  return meter;
};
