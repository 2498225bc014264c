import type { ReplicaState } from "../domain/engine.ts";
import { exitSentence } from "../domain/exit-sentence.ts";
import { maskSecrets } from "../domain/mask-secrets.ts";
import { webProcess } from "../domain/process.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import { frozenVariables } from "../domain/release.ts";
import { formatBytes } from "../domain/size.ts";
import type { AppError } from "../errors.ts";
import { forgivenAfterMs, restartPauseMs } from "./back-off.ts";
import type { LiveEnvironment, SupervisorDeps } from "./deps.ts";
import { tellExit } from "./exit-events.ts";
import { limitsFor } from "./process-limits.ts";

const keptLines = 20;
const keptChars = 4000;

/**
 * A replica ended: says why and when it is started again. @returns that time
 * @param oom the kernel killed its main process for memory
 * @param afterKill it did so with one of its processes, and the app ended just after
 */
export const noteExit = async (
  deps: SupervisorDeps,
  environment: LiveEnvironment,
  row: ReplicaRecord,
  container: ReplicaState,
  oom: boolean,
  afterKill = false,
): Promise<number> => {
  const nowMs = deps.clock.nowMs();
  const endedAt = container.finishedAtMs ?? nowMs;
  // Also when nobody was there to see it stay up, such as a daemon that was stopped.
  const stayedUp = container.startedAtMs !== null && endedAt - container.startedAtMs > forgivenAfterMs;
  const restarts = (stayedUp ? 0 : row.restarts) + 1;
  const nextRestartAt = nowMs + restartPauseMs(restarts);
  const lines = await lastWords(deps, row);
  const limit = formatBytes((await limitsFor(deps, environment, row)).memoryBytes);
  const isWeb = row.process === webProcess;
  const cause = oom
    ? `${isWeb ? "" : `process ${row.process} was `}killed: it used more than its memory limit of ${limit} (out of memory)`
    : `${isWeb ? "the app" : `process ${row.process}`} ${exitSentence(container.exitCode)}${afterKill ? `, just after the kernel had killed one of its processes for using more than the memory limit of ${limit}` : ""}`;
  const printed = lines.slice(-5).join("\n").slice(-1000);
  const reason = `${cause}; restart ${restarts}${printed ? `; it last printed: ${printed}` : ""}`;
  deps.log.warn("replica ended", {
    site: environment.slug,
    replica: row.id,
    exitCode: container.exitCode,
    oom,
  });
  const isNoted = await deps.store.moveReplica(row.id, row.state, {
    state: "exited",
    exitCode: container.exitCode,
    oomKills: row.oomKills + (oom ? 1 : 0),
    restarts,
    reason,
    endedAt,
    nextRestartAt,
  });
  if (!isNoted) return nextRestartAt;
  await deps.store.putReplicaExit({
    replicaId: row.id,
    at: endedAt,
    exitCode: container.exitCode,
    oomKilled: oom ? 1 : 0,
    lastLines: JSON.stringify(lines),
  });
  await tellExit(deps, environment, row.id, { cause, restarts, oom, exitCode: container.exitCode });
  return nextRestartAt;
};

/** It ended because its engine or the host did: no fault of the app, which is started again at once. */
export const noteEndWithEngine = async (
  deps: Pick<SupervisorDeps, "store" | "clock">,
  row: ReplicaRecord,
  container: ReplicaState,
): Promise<ReplicaRecord | null> => {
  const nowMs = deps.clock.nowMs();
  const ended = {
    state: "exited" as const,
    exitCode: container.exitCode,
    endedAt: container.finishedAtMs ?? nowMs,
    nextRestartAt: nowMs,
  };
  return (await deps.store.moveReplica(row.id, row.state, ended)) ? { ...row, ...ended } : null;
};

/** What a replica printed last, without the secrets of its release: more people see it than may read those. */
const lastWords = async (deps: SupervisorDeps, row: ReplicaRecord): Promise<string[]> => {
  const lines = await deps.engine.logTail(row.id, keptLines).catch(() => []);
  const release = await deps.store.releaseById(row.releaseId);
  const secrets = await Promise.all(
    frozenVariables(release?.env ?? "[]")
      .filter((variable) => variable.isSecret === 1)
      .map(({ key, ciphertext }) => deps.openSecret(ciphertext, `env:${row.environmentId}:${key}`)),
  );
  const text = maskSecrets(secrets)(lines.join("\n")).slice(-keptChars);
  return text === "" ? [] : text.split("\n");
};

/**
 * The app itself can make its container unable to start, such as by putting a file where its folder was.
 * @returns when it is tried again
 */
export const noteFailedStart = async (
  deps: Pick<SupervisorDeps, "store" | "clock">,
  environment: Pick<LiveEnvironment, "id">,
  row: ReplicaRecord,
  error: AppError,
): Promise<number> => {
  const restarts = row.restarts + 1;
  const nextRestartAt = deps.clock.nowMs() + restartPauseMs(restarts);
  const reason = `${error.publicMessage}; restart ${restarts}`;
  await deps.store.updateReplica(row.id, { restarts, reason, nextRestartAt });
  await tellExit(deps, environment, row.id, {
    cause: error.publicMessage,
    restarts,
    oom: false,
    exitCode: null,
  });
  return nextRestartAt;
};
