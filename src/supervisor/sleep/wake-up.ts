import type { RouteTarget } from "../../domain/edge.ts";
import type { ReplicaRecord } from "../../domain/records.ts";
import { healthCheckSchema } from "../../domain/site.ts";
import { webProcess } from "../../domain/process.ts";
import { AppError, publicMessageOf } from "../../errors.ts";
import type { LiveEnvironment } from "../deps.ts";
import { heldEnvironments } from "../guard-hold.ts";
import { probe } from "../probe.ts";
import { targetOf } from "../route-target.ts";
import { ensureVolumes } from "../volumes.ts";
import { replicasOf, type SleepContext } from "./context.ts";
import { wakeBudgetMs } from "./sleep-target.ts";
import { writeAwake } from "./sleep-rows.ts";

const firstPauseMs = 5;
const longestPauseMs = 50;
/** How often it is looked whether what starts still runs. */
const lookEveryMs = 500;

/**
 * Wakes an environment that sleeps. What waits at the edge goes on before anything is written down: who visits a site
 * waits for Docker alone. @returns true when it is awake
 */
export const wakeUp = async (context: SleepContext, environmentId: string, why: string): Promise<boolean> => {
  const { deps, book } = context;
  const leave = await book.enter(environmentId);
  const visitors: Visitors = { go: false };
  try {
    const record = book.get(environmentId);
    if (record === undefined) return true;
    const startedMs = deps.clock.monotonicMs();
    const row = await deps.store.environmentById(environmentId);
    const site = row && (await deps.store.siteById(row.siteId));
    if (!row || !site || site.deletedAt !== null) return false;
    const environment: LiveEnvironment = { ...row, slug: site.slug };
    // What the host guard holds goes on when that ends it; until then nobody else lets it.
    if ((await heldEnvironments(deps.store)).has(environmentId)) return false;
    const replicas = await replicasOf(deps, environmentId);
    const took = (): number => Math.max(1, Math.round(deps.clock.monotonicMs() - startedMs));
    const goesOn = record.state === "frozen" && (await thaw(context, environment, replicas, visitors));
    const problem = goesOn ? null : await startAgain(context, environment, replicas, visitors);
    const message =
      problem === null
        ? `Woken within ${took()} ms: ${why}.`
        : problem === gone
          ? `Woken: ${why}. Its containers had been removed by somebody outside Croft; new ones take their place.`
          : `Woken, ${why}, but ${problem}.`;
    const details = { tookMs: took(), from: record.state };
    await writeAwake(context, record, {
      kind: problem === null || problem === gone ? "site.woken" : "site.wake_failed",
      message,
      details,
    });
    context.activity.touch(environmentId);
    // A pass looks after what did not come up.
    if (!goesOn) context.kick();
    deps.log.info("a site wakes", { site: environment.slug, why, problem, ...details });
    return true;
  } finally {
    leave();
    context.publishSoon(!visitors.go);
  }
};

/** Where visitors go on to with these replicas, unless something else holds them. */
const awakeTarget = async (
  { deps }: SleepContext,
  environment: LiveEnvironment,
  replicas: readonly ReplicaRecord[],
): Promise<RouteTarget> => {
  const [pauses, splits] = [await deps.store.allPauses(), await deps.store.allTrafficSplits()];
  return targetOf(deps, environment, {
    replicas,
    pause: pauses.find((pause) => pause.environmentId === environment.id) ?? null,
    shares: splits.find((split) => split.environmentId === environment.id)?.shares ?? null,
    launchDelayed: false,
    asleep: null,
    held: (await heldEnvironments(deps.store)).has(environment.id),
  });
};

/** Whether they were let go before the rows say so. */
interface Visitors {
  go: boolean;
}

/** When the edge is away, or has another table, the next table tells it. */
const lead = async (
  { routes }: SleepContext,
  { id }: LiveEnvironment,
  target: RouteTarget,
  visitors: Visitors,
): Promise<void> => {
  try {
    await routes.lead({ [id]: target });
    visitors.go = true;
  } catch {
    // A table follows at once.
  }
};

/** @returns false when some of it does not run any more, such as after a restart of the engine */
const thaw = async (
  context: SleepContext,
  environment: LiveEnvironment,
  replicas: readonly ReplicaRecord[],
  visitors: Visitors,
): Promise<boolean> => {
  const { engine, store } = context.deps;
  context.expect(replicas.map(({ id }) => id));
  const [results, target] = await Promise.all([
    Promise.allSettled(replicas.map(({ id }) => engine.unpauseReplica(id))),
    awakeTarget(context, environment, replicas),
  ]);
  let whole = replicas.length > 0;
  for (const [at, result] of results.entries())
    if (result.status === "rejected") {
      const { reason } = result as { reason: unknown };
      if (!(reason instanceof AppError) || !["conflict", "not_found"].includes(reason.code)) throw reason;
      whole = false;
      await store.updateReplica(replicas[at]!.id, { state: "exited", nextRestartAt: null });
    }
  if (whole) await lead(context, environment, target, visitors);
  return whole;
};

const gone = "its containers are gone";

/** Starts what there is and lets visitors in with the first that answers. @returns what is wrong, as half a sentence */
const startAgain = async (
  context: SleepContext,
  ...asked: [environment: LiveEnvironment, replicas: readonly ReplicaRecord[], visitors: Visitors]
): Promise<string | null> => {
  const leave = await context.gate.enter();
  try {
    return await startNow(context, ...asked);
  } finally {
    leave();
  }
};

const startNow = async (
  context: SleepContext,
  environment: LiveEnvironment,
  replicas: readonly ReplicaRecord[],
  visitors: Visitors,
): Promise<string | null> => {
  const { deps } = context;
  const problems: string[] = [];
  const started = await Promise.all(
    replicas.map(async (replica): Promise<ReplicaRecord[]> => {
      if (replica.state === "running") return [replica];
      try {
        await ensureVolumes(deps, environment.id);
        const { address } = await deps.engine.restartReplica(replica.id);
        const patch = { state: "starting" as const, address, nextRestartAt: null, restarts: 0, reason: null };
        await deps.store.updateReplica(replica.id, patch);
        return [{ ...replica, ...patch }];
      } catch (error) {
        if (!(error instanceof AppError) || error.code === "engine_unavailable") throw error;
        // Another one is launched in its place.
        if (error.code === "not_found")
          await deps.store.updateReplica(replica.id, { state: "removed", endedAt: deps.clock.nowMs() });
        else problems.push(`a container does not start: ${publicMessageOf(error)}`);
        return [];
      }
    }),
  );
  const all = started.flat();
  const web = all.filter(({ process }) => process === webProcess);
  if (web.length === 0) return problems[0] ?? gone;
  const signal = AbortSignal.any([context.lifetime(), AbortSignal.timeout(wakeBudgetMs(environment))]);
  const first = await Promise.any(web.map((replica) => answers(context, environment, replica, signal))).catch(
    (error: AggregateError) => publicMessageOf(error.errors[0]),
  );
  for (const replica of all)
    if (typeof first === "string" || replica.id !== first.id) context.warmUp(environment, replica);
  if (typeof first === "string") return first;
  const serving = { ...first, state: "running" as const };
  const replicasNow = all.map((replica) => (replica.id === first.id ? serving : replica));
  await lead(context, environment, await awakeTarget(context, environment, replicasNow), visitors);
  await deps.store.updateReplica(first.id, { state: "running", startedAt: deps.clock.nowMs() });
  return null;
};

/** Resolves once it answers. @throws AppError when it ended, or the time is over */
const answers = async (
  { deps }: SleepContext,
  environment: LiveEnvironment,
  replica: ReplicaRecord,
  signal: AbortSignal,
): Promise<ReplicaRecord> => {
  const check = healthCheckSchema.parse(JSON.parse(environment.healthCheck));
  const host = deps.hostOf(environment.slug, environment.name);
  const over = new AbortController();
  // Beside the probe: nobody says so when the address of a container that ended is asked.
  const looking = setInterval(() => {
    deps.engine.inspectReplica(replica.id).then(
      (state) => {
        if (!state?.running) over.abort();
      },
      () => {},
    );
  }, lookEveryMs);
  const bounded = AbortSignal.any([signal, over.signal]);
  try {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 1.3)) {
      const { ok, summary } = await probe(replica, check, host, bounded);
      if (ok) return replica;
      if (over.signal.aborted) throw new AppError("unavailable", "its container ended while it started");
      if (signal.aborted)
        throw new AppError("unavailable", `it did not answer within ${check.deadlineSeconds} s (${summary})`);
      await Bun.sleep(pauseMs);
    }
  } finally {
    clearInterval(looking);
  }
};
