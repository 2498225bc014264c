import type { MeterReading, RouteTarget } from "../../domain/edge.ts";
import type {
  ActivityRecord,
  SleepDayRecord,
  SleepPolicyRecord,
  SleepRecord,
  SleepState,
} from "../../domain/sleep.ts";

/** What sleep needs of the store, beyond the supervisor's other queries. */
export interface SleepQueries {
  allSleeps(): Promise<SleepRecord[]>;
  sleepsOf(environmentIds: string[]): Promise<SleepRecord[]>;
  putSleep(record: SleepRecord): Promise<void>;
  deleteSleep(environmentId: string, state: SleepState): Promise<boolean>;
  noteSleepMemory(
    environmentId: string,
    memory: { memoryBeforeBytes: number; memoryAfterBytes: number },
  ): Promise<void>;
  allSleepPolicies(): Promise<SleepPolicyRecord[]>;
  sleepPolicyOf(environmentId: string): Promise<SleepPolicyRecord | undefined>;
  allActivities(): Promise<ActivityRecord[]>;
  putActivities(records: readonly ActivityRecord[]): Promise<void>;
  addSleepDay(record: SleepDayRecord): Promise<void>;
  openRuns(): Promise<{ environmentId: string; replicaId: string | null }[]>;
  setting(key: string): Promise<string | null>;
}

/** What sleep needs of the edge. */
export interface SleepEdge {
  wanted(): Promise<string[]>;
  held(): Promise<Record<string, number>>;
  putTargets(version: number, targets: Record<string, RouteTarget>): Promise<void>;
  meters(): Promise<MeterReading>;
  active(): Promise<Record<string, number>>;
}
