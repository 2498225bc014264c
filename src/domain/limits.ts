import { z } from "zod";
import { GB, MB, formatBytes } from "./size.ts";

/** What an environment may use. Names as in the API. */
export interface Limits {
  memoryBytes: number;
  /** Thousandths of a core. */
  cpuMillicores: number;
  pids: number;
  diskBytes: number;
  /** In and out together. */
  bandwidthBytesPerMonth: number;
  requestsPerMinute: number;
  concurrentRequests: number;
  maxBodyBytes: number;
}

/** The limits that the kernel holds, as it reports them; null where it holds none. */
export interface AppliedLimits {
  memoryBytes: number | null;
  /** Memory and swap together; equal to memoryBytes when no swap may be used. */
  memorySwapBytes: number | null;
  cpuMillicores: number | null;
  /** `cpu.shares` of cgroup v1; not there on v2. */
  cpuShares?: number | null;
  /** `cpu.weight` of cgroup v2; not there on v1. */
  cpuWeight?: number | null;
  pids: number | null;
  readAtMs: number;
}

export const defaultLimits: Limits = {
  memoryBytes: 512 * MB,
  cpuMillicores: 500,
  pids: 256,
  diskBytes: 1 * GB,
  bandwidthBytesPerMonth: 1 * GB,
  requestsPerMinute: 1000,
  concurrentRequests: 200,
  maxBodyBytes: 100 * MB,
};

const range = (min: number, max: number, show: (n: number) => string) => {
  const message = `must be between ${show(min)} and ${show(max)}`;
  return z.number({ error: message }).int("must be a whole number").min(min, message).max(max, message);
};
const count = (n: number) => n.toLocaleString("en");

/** Bounds of each limit; every message says what is allowed. */
export const limitsSchema = z.strictObject({
  memoryBytes: range(16 * MB, 1024 * GB, formatBytes),
  cpuMillicores: range(10, 128_000, (n) => `${n / 1000} cores`),
  pids: range(8, 32_768, count),
  diskBytes: range(16 * MB, 10_240 * GB, formatBytes),
  bandwidthBytesPerMonth: range(1 * MB, 1024 * 1024 * GB, formatBytes),
  requestsPerMinute: range(1, 10_000_000, count),
  concurrentRequests: range(1, 100_000, count),
  maxBodyBytes: range(1024, 100 * GB, formatBytes),
});

export const limitsPatchSchema = limitsSchema.partial();
export type LimitsPatch = z.infer<typeof limitsPatchSchema>;
