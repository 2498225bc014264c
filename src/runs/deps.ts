import type { Actor, SiteAction } from "../domain/actor.ts";
import type { Clock } from "../domain/clock.ts";
import type { Engine, ReplicaSpec } from "../domain/engine.ts";
import type { EventRecord } from "../domain/event.ts";
import type { JobRecord } from "../domain/job.ts";
import type { Log } from "../domain/log.ts";
import type {
  AuditEntryRecord,
  EnvironmentRecord,
  ReleaseRecord,
  ReplicaRecord,
  SiteRecord,
} from "../domain/records.ts";
import type { RunKind, RunRecord, RunStatus } from "../domain/run.ts";

export interface RunQueries {
  insertRun(run: RunRecord): Promise<void>;
  runById(id: string): Promise<RunRecord | undefined>;
  runsByIds(ids: string[]): Promise<RunRecord[]>;
  moveRun(id: string, from: RunStatus, patch: Partial<RunRecord>): Promise<boolean>;
  openRuns(): Promise<RunRecord[]>;
  runsOf(
    environmentId: string,
    kinds: readonly RunKind[],
    limit: number,
    beforeId: string | null,
  ): Promise<RunRecord[]>;
  runsOfJob(jobId: string, limit: number, beforeId: string | null): Promise<RunRecord[]>;
  pruneRunsOfJob(jobId: string, keep: number): Promise<number>;
  deleteRunsBefore(id: string, limit: number): Promise<number>;
  insertJob(job: JobRecord): Promise<void>;
  jobById(id: string): Promise<JobRecord | undefined>;
  jobByName(environmentId: string, name: string): Promise<JobRecord | undefined>;
  jobsOf(environmentId: string): Promise<JobRecord[]>;
  updateJob(id: string, patch: Partial<JobRecord>): Promise<boolean>;
  moveJob(id: string, from: number, to: number | null): Promise<boolean>;
  deleteJob(id: string): Promise<boolean>;
  waitingJobs(beforeMs: number): Promise<JobRecord[]>;
  soonestJobAt(): Promise<number | null>;
  environmentById(id: string): Promise<EnvironmentRecord | undefined>;
  siteById(id: string): Promise<SiteRecord | undefined>;
  releaseById(id: string): Promise<ReleaseRecord | undefined>;
  liveReplicasOf(environmentId: string): Promise<ReplicaRecord[]>;
  insertAudit(entry: AuditEntryRecord): Promise<void>;
  insertEvent(event: EventRecord): Promise<void>;
}

export interface RunsStore extends RunQueries {
  transaction<T>(run: (queries: RunQueries) => Promise<T>): Promise<T>;
}

export interface RunSettings {
  /** Commands and terminals that are open at once: of one person, on one site, on the host. */
  perPerson: number;
  perSite: number;
  onHost: number;
  /** Commands that one person may begin. */
  startsPerMinute: number;
  /** Runs of jobs at once: of one environment, of all sites of one owner, on the host. What is due beyond that waits. */
  jobsPerEnvironment: number;
  jobsPerOwner: number;
  jobsOnHost: number;
  /** Of one job, waiting or under way, where its policy lets them run beside one another. */
  openPerJob: number;
  jobsPerSite: number;
  /** A terminal in which nothing is typed and nothing printed for so long is closed. */
  idleMs: number;
  /** The longest that a person's command or terminal may last. */
  maxSeconds: number;
  /** How often it is asked whether somebody may still do what is open. */
  checkMs: number;
  /** Between being asked to end and being ended. */
  graceSeconds: number;
  /** Runs kept of each job, and lines and characters of what each printed last. */
  keptRuns: number;
  outputLines: number;
  outputChars: number;
  /** A job's time counts as missed when it is so late. */
  missedAfterMs: number;
}

export const defaultRunSettings: RunSettings = {
  perPerson: 5,
  perSite: 5,
  onHost: 20,
  startsPerMinute: 60,
  jobsPerEnvironment: 2,
  // Runs may last a day: others always find a place.
  jobsPerOwner: 3,
  jobsOnHost: 4,
  openPerJob: 5,
  jobsPerSite: 20,
  idleMs: 15 * 60_000,
  maxSeconds: 4 * 3600,
  checkMs: 3000,
  graceSeconds: 5,
  keptRuns: 50,
  outputLines: 100,
  outputChars: 8000,
  missedAfterMs: 90_000,
};

export interface RunsDeps {
  store: RunsStore;
  engine: Pick<
    Engine,
    "startOneOff" | "followOneOff" | "removeOneOff" | "listOneOffs" | "execInReplica" | "endInReplica"
  >;
  engineUp(): boolean;
  clock: Clock;
  log: Log;
  settings: RunSettings;
  /** The one door to a site. */
  reachSite(
    actor: Actor,
    slug: string,
    action: SiteAction,
    environment?: string,
  ): Promise<{ site: SiteRecord; environment: EnvironmentRecord }>;
  /** A site that sleeps has to be awake for what runs in its replica. */
  wake(environmentId: string): Promise<unknown>;
  /** What a replica of the release would run with; makes sure of its network and volumes. */
  specOf(environmentId: string, releaseId: string): Promise<ReplicaSpec>;
  openSecret(ciphertext: string, place: string): Promise<string>;
  /** When a schedule comes next; null for never. @throws AppError `invalid_input` about `schedule` */
  nextTime(schedule: string, timeZone: string, afterMs: number): number | null;
}
