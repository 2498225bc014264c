import type { JobPatch, JobView, NewJob } from "../domain/job.ts";
import type { RunView } from "../domain/run.ts";
import type { CommandResult } from "../runs/run-to-end.ts";
import type { UserActor } from "../http/request-env.ts";

/** Commands and scheduled jobs, as pages need them. Rights are checked inside, as everywhere. */
export interface RunPanelDeps {
  listJobs(actor: UserActor, slug: string): Promise<JobView[]>;
  getJob(actor: UserActor, slug: string, name: string): Promise<JobView>;
  addJob(actor: UserActor, slug: string, input: NewJob): Promise<JobView>;
  changeJob(actor: UserActor, slug: string, name: string, patch: JobPatch): Promise<JobView>;
  removeJob(actor: UserActor, slug: string, name: string): Promise<void>;
  runJob(actor: UserActor, slug: string, name: string): Promise<RunView>;
  stopJob(actor: UserActor, slug: string, name: string): Promise<void>;
  /** Newest first, for those who may deploy. */
  jobRuns(
    actor: UserActor,
    slug: string,
    name: string,
    page: { limit: number; before: string | null },
  ): Promise<{ items: RunView[]; next: string | null }>;
  /** Commands and terminals of people, newest first. */
  commandHistory(
    actor: UserActor,
    slug: string,
    page: { limit: number; before: string | null },
  ): Promise<{ items: RunView[]; next: string | null }>;
  /** Runs a command to its end, a minute at most. */
  runCommand(
    actor: UserActor,
    slug: string,
    input: { command: string[]; inReplica: boolean; stillSignedIn(): Promise<boolean> },
  ): Promise<CommandResult>;
}
