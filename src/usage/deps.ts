import type { Clock } from "../domain/clock.ts";
import type { MeterReading } from "../domain/edge.ts";
import type { ReplicaReading } from "../domain/engine.ts";
import type { Log } from "../domain/log.ts";
import type { BucketResolution } from "../domain/time-bucket.ts";
import type { SamplerState, UsageBucket, UsageSample, UsageSum, UsageTotals } from "../domain/usage.ts";

/** An environment that may have something to measure: it serves a release, or has replicas on the way. */
export interface LiveEnvironment {
  id: string;
  kind: "container" | "static";
  stopped: boolean;
  /** Nothing of it runs, since it sleeps: it counts as up, and uses nothing. */
  asleep?: boolean;
  /** Those that should have a running container; `oomKills`: how often it ended that way. */
  replicas: {
    id: string;
    startedAtMs: number | null;
    oomKills: number;
    /** Answers no visitors where others do: it uses, but its running is not the site's. */
    beside?: boolean;
  }[];
  /** What readings call its commands and jobs, which use something, but are not the site that runs. */
  oneOffs?: string;
  diskUsedBytes: number | null;
}

/** Raw samples, one file per month. Every method works at once, on this thread; none reads more than it says. */
export interface SampleFiles {
  /** Null when nothing was ever recorded. */
  loadState(): SamplerState | null;
  /** Samples and state in one transaction. @returns the time it recorded them under: unused, `atMs` or just after */
  record(samples: Omit<UsageSample, "atMs">[], state: SamplerState): number;
  lastTickMs(): number | null;
  /** Samples of the tick recorded under this very time. */
  samplesAt(atMs: number, environmentIds: string[]): UsageSample[];
  /** In the order of time; `toMs` is exclusive. */
  samplesOf(environmentId: string, fromMs: number, toMs: number, limit?: number): UsageSample[];
  environmentsBetween(fromMs: number, toMs: number): string[];
  /** Time of the first sample not before this; null when there is none. */
  firstSampleMs(fromMs: number): number | null;
  totalsBetween(environmentIds: string[], fromMs: number, toMs: number): Map<string, UsageTotals>;
  /** Per environment: hour -> requests. */
  requestsByHour(environmentIds: string[], fromMs: number, toMs: number): Map<string, Map<number, number>>;
  /** Set when the clock went back: samples from then on may lie in buckets that are rolled up already. */
  late(): { fromMs: number; sequence: number } | null;
  /** Forgets it, unless more was recorded since. */
  forgetLate(late: { fromMs: number; sequence: number }): void;
  /** Unlinks files of months that ended before. @returns their names */
  removeMonthsBefore(cutoffMs: number): string[];
}

/** Rollups and their watermarks in croft.db. */
export interface UsageRollups {
  /** Everything before this time is rolled up; null when nothing ever was. */
  rolledUntil(resolution: BucketResolution): Promise<number | null>;
  /** Replaces the sums of one bucket and moves the watermark, together. Unknown environments are left out. */
  commitBucket(resolution: BucketResolution, sums: UsageBucket[], rolledUntilMs: number): Promise<void>;
  /** All environments' sums of one bucket. */
  sumsAt(resolution: BucketResolution, bucketMs: number): Promise<UsageBucket[]>;
  /** Of one environment, in the order of time; `toMs` is exclusive. */
  sumsOf(
    environmentId: string,
    resolution: BucketResolution,
    fromMs: number,
    toMs: number,
  ): Promise<UsageBucket[]>;
  /** Start of the first bucket not before this that holds anything. */
  firstBucket(resolution: BucketResolution, fromMs: number): Promise<number | null>;
  totalsBetween(
    environmentIds: string[],
    resolution: BucketResolution,
    fromMs: number,
    toMs: number,
  ): Promise<Map<string, UsageTotals>>;
  requestsByHour(
    environmentIds: string[],
    fromMs: number,
    toMs: number,
  ): Promise<Map<string, Map<number, number>>>;
  /** Deletes at most `limit` rows of buckets that began before. @returns how many it deleted */
  deleteBefore(resolution: BucketResolution, beforeMs: number, limit: number): Promise<number>;
}

export interface SamplerDeps {
  /** Cgroup figures of all running replicas; a rejection means that the engine is away. */
  readings(): Promise<ReplicaReading[]>;
  /** Cumulative counters of the edge; a rejection means that the edge is away. */
  meters(): Promise<MeterReading>;
  environments(): Promise<LiveEnvironment[]>;
  files: Pick<SampleFiles, "loadState" | "record">;
  clock: Clock;
  log: Log;
  /** Longest wait for engine and edge, so that one that hangs costs no ticks. */
  deadlineMs?: number;
}

export interface UsageDeps {
  files: SampleFiles;
  rollups: UsageRollups;
  clock: Clock;
  /** The sampling interval; bounds how many raw points a span can have. */
  sampleSeconds: number;
}

export type { UsageBucket, UsageSample, UsageSum, UsageTotals };
