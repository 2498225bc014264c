import type { RouteBandwidth } from "../domain/edge.ts";
import type { Meter } from "./meter.ts";
import { exchangeBytes } from "./shared/share.ts";
import type { ActiveRoute } from "./state.ts";

/**
 * A route's bandwidth of the month, of all processes of the edge together. It lives as long as its meter, over tables, so that what is in flight follows
 * what the present table says. Compared with the meter's sum, it costs an addition where bytes pass.
 */
export interface Bandwidth {
  /** Null: only counted. */
  rule: RouteBandwidth | null;
  /** The meter's sum from which on the month is used up; Infinity without a rule. */
  usedUpAtBytes: number;
  endsAtMs: number;
  /** What the edge's other processes have counted of the route. */
  othersBytes: number;
  /** The sum of all up to which bytes may pass now; it grows with time once the month is used up. */
  allowedSum: number;
  /** This process's own part of that, compared with its meter where bytes pass. */
  allowedBytes: number;
  filledAtMs: number;
}

export const createBandwidth = (nowMs: number): Bandwidth => ({
  rule: null,
  usedUpAtBytes: Number.POSITIVE_INFINITY,
  endsAtMs: 0,
  othersBytes: 0,
  allowedSum: Number.POSITIVE_INFINITY,
  allowedBytes: Number.POSITIVE_INFINITY,
  filledAtMs: nowMs,
});

const passed = (meter: Meter, { othersBytes }: Bandwidth): number =>
  meter.bytesIn + meter.bytesOut + othersBytes;

/** The month's bandwidth is used up, whatever follows from it: by what all processes have counted at this moment. */
export const isUsedUp = ({ meter, bandwidth, share }: ActiveRoute): boolean => {
  if (share !== null) bandwidth.othersBytes = exchangeBytes(share, meter);
  return passed(meter, bandwidth) >= bandwidth.usedUpAtBytes;
};

/** No more bytes may pass for the moment. */
export const isHeldBack = ({ meter, bandwidth }: ActiveRoute): boolean =>
  meter.bytesIn + meter.bytesOut >= bandwidth.allowedBytes;

/** Follows a new table. A rule for another life of the counters says nothing about these. */
export const changeBandwidth = (
  bandwidth: Bandwidth,
  rule: RouteBandwidth | null,
  meter: Meter,
  epoch: string,
  nowMs: number,
  wallMs: number,
): Bandwidth => {
  const valid = rule !== null && rule.epoch === epoch ? rule : null;
  const { rule: before } = bandwidth;
  bandwidth.rule = valid;
  if (valid === null) {
    bandwidth.usedUpAtBytes = Number.POSITIVE_INFINITY;
    bandwidth.allowedSum = Number.POSITIVE_INFINITY;
    bandwidth.allowedBytes = Number.POSITIVE_INFINITY;
    return bandwidth;
  }
  // The same rule over again must not undo a month that the edge began by itself.
  if (before === null || before.usedUpAtBytes !== valid.usedUpAtBytes || before.endsAtMs !== valid.endsAtMs) {
    bandwidth.usedUpAtBytes = valid.usedUpAtBytes;
    bandwidth.endsAtMs = valid.endsAtMs;
  }
  if (!Number.isFinite(bandwidth.allowedSum)) {
    bandwidth.allowedSum = Math.max(bandwidth.usedUpAtBytes, passed(meter, bandwidth));
    bandwidth.filledAtMs = nowMs;
  }
  refill(bandwidth, meter, nowMs, wallMs);
  return bandwidth;
};

/** More than that would not get their shares within the second that is saved up. */
const mostSharers = 4;

/**
 * To be called some times a second.
 * @param sharers how many processes pass bytes of the route
 */
export const refill = (
  bandwidth: Bandwidth,
  meter: Meter,
  nowMs: number,
  wallMs: number,
  sharers = 1,
): void => {
  const { rule } = bandwidth;
  if (rule === null) return;
  const sum = passed(meter, bandwidth);
  if (wallMs >= bandwidth.endsAtMs) {
    bandwidth.usedUpAtBytes = sum + rule.bytesPerMonth;
    bandwidth.endsAtMs = monthAfter(wallMs);
  }
  const spanMs = nowMs - bandwidth.filledAtMs;
  bandwidth.filledAtMs = nowMs;
  if (rule.policy === "block") bandwidth.allowedSum = Number.POSITIVE_INFINITY;
  else if (sum < bandwidth.usedUpAtBytes) bandwidth.allowedSum = bandwidth.usedUpAtBytes;
  else {
    // What was not used is saved up for a second at most; what passed too much is waited for.
    const more = Math.max(bandwidth.allowedSum, bandwidth.usedUpAtBytes);
    bandwidth.allowedSum = Math.min(more + (rule.bytesPerSecond * spanMs) / 1000, sum + rule.bytesPerSecond);
  }
  // What is left is shared out, since until the next time none hears what the others pass.
  const left = bandwidth.allowedSum - sum;
  const own = left <= 0 ? left : left / Math.min(sharers, mostSharers);
  bandwidth.allowedBytes = meter.bytesIn + meter.bytesOut + own;
};

const monthAfter = (wallMs: number): number => {
  const date = new Date(wallMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
};
