import type { ReplicaRecord } from "../../domain/records.ts";
import type { LiveEnvironment, SupervisorDeps } from "../deps.ts";
import type { RoutePublisher } from "../publish-routes.ts";
import type { Activity } from "./activity.ts";
import type { SleepBook } from "./sleep-book.ts";
import type { StartGate } from "./start-gate.ts";

/** What the parts of sleep share. */
export interface SleepContext {
  deps: SupervisorDeps;
  book: SleepBook;
  activity: Activity;
  routes: Pick<RoutePublisher, "publish" | "lead">;
  /** Those that were stopped start by it; the frozen need none. */
  gate: StartGate;
  /** Lets visitors in once a replica answers. Returns at once. */
  warmUp(environment: LiveEnvironment, replica: ReplicaRecord): void;
  /** Has the edge's table follow soon what `lead` told it already: one for all that wake meanwhile; at once when urgent. */
  publishSoon(urgent: boolean): void;
  /** The engine will say that these were paused, let go on or stopped: nobody has to look into it. */
  expect(replicaIds: readonly string[]): void;
  /** Asks for a pass of the supervisor. */
  kick(): void;
  engineUp(): boolean;
  /** Of the supervisor. */
  lifetime(): AbortSignal;
}

export const publishMs = 10_000;

/** Replicas of an environment that are not on their way out. */
export const replicasOf = async (
  { store }: Pick<SupervisorDeps, "store">,
  environmentId: string,
): Promise<ReplicaRecord[]> =>
  (await store.liveReplicasOf(environmentId)).filter(({ state }) => state !== "draining");
