import type { RouteTarget, TrafficSplit } from "../domain/edge.ts";
import { webProcess } from "../domain/process.ts";
import type { PauseRecord, ReplicaRecord } from "../domain/records.ts";
import type { SleepRecord } from "../domain/sleep.ts";
import { type Shares, sharesInForce } from "../domain/traffic.ts";
import type { LiveEnvironment, SupervisorDeps } from "./deps.ts";
import { heldTarget } from "./guard-hold.ts";
import { holdTarget } from "./hold-target.ts";
import { sleepTarget } from "./sleep/sleep-target.ts";

/** What is out of the ordinary about an environment's traffic; rows that are not there are null. */
export interface Traffic {
  replicas: readonly ReplicaRecord[];
  pause: PauseRecord | null;
  /** As stored; null when all visitors get the current release. */
  shares: string | null;
  launchDelayed: boolean;
  asleep: SleepRecord | null;
  /** The host guard has paused it. */
  held: boolean;
}

/** Where requests of an environment go. */
export const targetOf = async (
  deps: SupervisorDeps,
  environment: LiveEnvironment,
  { replicas, pause, shares: stored, launchDelayed, asleep, held }: Traffic,
): Promise<RouteTarget> => {
  if (environment.stoppedReason !== null)
    return page(
      "This site is stopped",
      environment.stoppedReason === "disk_full"
        ? "It used more disk space than it may. Its owner can start it again."
        : "Its owner has stopped it.",
    );
  const release = environment.currentReleaseId
    ? await deps.store.releaseById(environment.currentReleaseId)
    : undefined;
  if (!release) return page("Nothing here yet", "This site has not been deployed yet.");
  const nowMs = deps.clock.nowMs();
  const isStatic = release.imageId === null;
  const shares = isStatic ? [] : sharesInForce(stored ?? undefined, release.id);
  const releases = new Set([release.id, ...shares.map(({ releaseId }) => releaseId)]);
  const own = replicas.filter(
    (one) => one.process === webProcess && releases.has(one.releaseId) && one.state !== "draining",
  );
  if (isStatic) {
    const paused = pause === null ? null : holdTarget({ pause, replicas: [], launchDelayed: true, nowMs });
    return paused ?? { kind: "static", folder: deps.edgePath(deps.paths.staticRelease(release.id)) };
  }
  if (held) return heldTarget;
  const isPaused = pause !== null && pause.resumesAt > nowMs;
  if (asleep?.releaseId === release.id && !isPaused) return sleepTarget(environment);
  const hold = holdTarget({ pause, replicas: own, launchDelayed, nowMs });
  if (hold !== null) return hold;
  const serving = own.flatMap(({ id, releaseId, state, address, port }) =>
    state === "running" && address !== null && port !== null ? [{ id, releaseId, address, port }] : [],
  );
  if (serving.length === 0)
    return page("This site is not running", "It stopped unexpectedly and is being started again.");
  return {
    kind: "replicas",
    replicas: serving.map(({ id, address, port }) => ({ replicaId: id, address: { host: address, port } })),
    ...(shares.length > 0 && { split: await splitOf(deps, shares, serving) }),
  };
};

const page = (title: string, message: string): RouteTarget => ({
  kind: "message",
  status: 503,
  title,
  message,
});

const splitCookie = "croft-release";

/** Groups by release; null, and with that all replicas alike, when none that gets visitors is running. */
const splitOf = async (
  deps: SupervisorDeps,
  shares: Shares,
  serving: readonly { id: string; releaseId: string }[],
): Promise<TrafficSplit | null> => {
  const all = await Promise.all(
    shares.map(async ({ releaseId, weight }) => ({
      name: String((await deps.store.releaseById(releaseId))?.number ?? releaseId),
      weight,
      replicaIds: serving.filter((replica) => replica.releaseId === releaseId).map(({ id }) => id),
    })),
  );
  const groups = all.filter(({ replicaIds }) => replicaIds.length > 0);
  return groups.some(({ weight }) => weight > 0)
    ? { cookie: splitCookie, maxAgeSeconds: null, groups }
    : null;
};
