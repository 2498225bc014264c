import type { RouteMeter } from "../domain/edge.ts";
import { emptyLatency, latencyBucketOf, latencyText } from "../domain/latency-histogram.ts";
import { addCounts } from "../domain/request-counts.ts";

/** A route's live counters. */
export interface Meter extends RouteMeter {
  /** Wall time when the route was last in the table; a meter long without a route is forgotten. */
  seenAtMs: number;
}

export const createMeter = (seenAtMs: number): Meter => ({
  requests: 0,
  status2xx: 0,
  status3xx: 0,
  status4xx: 0,
  status5xx: 0,
  bytesIn: 0,
  bytesOut: 0,
  active: 0,
  latencySumMs: 0,
  latency: emptyLatency(),
  seenAtMs,
});

/** A request as it is counted: in its route's meter, and by itself. */
export interface Counted {
  readonly target: { readonly meter: Meter };
  status: number;
  bytesIn: number;
  bytesOut: number;
}

export const countIn = (counted: Counted, bytes: number): void => {
  counted.target.meter.bytesIn += bytes;
  counted.bytesIn += bytes;
};

export const countOut = (counted: Counted, bytes: number): void => {
  counted.target.meter.bytesOut += bytes;
  counted.bytesOut += bytes;
};

/** Counts an answer by its class at the moment its head is known. */
export const countAnswer = (counted: Counted, status: number): void => {
  counted.status = status;
  add(counted.target.meter, status, 1);
};

/** Takes back an answer of which nothing was sent: another is counted in its place. */
export const uncountAnswer = (counted: Counted): void => add(counted.target.meter, counted.status, -1);

const add = (meter: Meter, status: number, count: 1 | -1): void => {
  meter.requests += count;
  if (status < 200) return;
  if (status < 300) meter.status2xx += count;
  else if (status < 400) meter.status3xx += count;
  else if (status < 500) meter.status4xx += count;
  else meter.status5xx += count;
};

export const countLatency = (meter: Meter, ms: number): void => {
  meter.latencySumMs += ms;
  meter.latency[latencyBucketOf(ms)]!++;
};

/** Adds what another process has counted for the same route, `active` included. */
export const addMeter = (into: RouteMeter, from: RouteMeter): void => {
  addCounts(into, from);
  into.active += from.active;
  for (let bucket = 0; bucket < from.latency.length; bucket++)
    into.latency[bucket] = (into.latency[bucket] ?? 0) + from.latency[bucket]!;
};

/** The part of a meter that others read. */
export const readingOf = (meter: Meter): RouteMeter => ({
  requests: meter.requests,
  status2xx: meter.status2xx,
  status3xx: meter.status3xx,
  status4xx: meter.status4xx,
  status5xx: meter.status5xx,
  bytesIn: meter.bytesIn,
  bytesOut: meter.bytesOut,
  active: meter.active,
  latencySumMs: meter.latencySumMs,
  latency: meter.latency.slice(),
});

/** As it is told over a socket: what the histogram does not hold takes no room. */
export const meterJson = (meter: RouteMeter): Omit<RouteMeter, "latency"> & { latency: string } => ({
  ...meter,
  latency: latencyText(meter.latency),
});
