import type { ReplicaState } from "../domain/engine.ts";
import { exitSentence } from "../domain/exit-sentence.ts";
import { maskSecrets } from "../domain/mask-secrets.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import { frozenVariables } from "../domain/release.ts";
import { formatBytes } from "../domain/size.ts";
import type { AppError } from "../errors.ts";
import { restartPauseMs } from "./back-off.ts";
import { limitsFor } from "./process-limits.ts";
import type { LiveEnvironment, SupervisorDeps } from "./deps.ts";

/**
 * A replica ended: says why and when it is started again. @returns that time
 * @param oom the kernel killed something in it for memory
 */
export const noteExit = async (
  deps: SupervisorDeps,
  environment: LiveEnvironment,
  row: ReplicaRecord,
  container: ReplicaState,
  oom: boolean,
): Promise<number> => {
  const restarts = row.restarts + 1;
  const nextRestartAt = deps.clock.nowMs() + restartPauseMs(restarts);
  const lastLines = await lastWords(deps, row);
  const limits = await limitsFor(deps, environment, row);
  const cause = oom
    ? `killed: it used more than its memory limit of ${formatBytes(limits.memoryBytes)} (out of memory)`
    : `the app ${exitSentence(container.exitCode)}`;
  const reason = `${cause}; restart ${restarts}${lastLines ? `; it last printed: ${lastLines}` : ""}`;
  deps.log.warn("replica ended", {
    site: environment.slug,
    replica: row.id,
    exitCode: container.exitCode,
    oom,
  });
  await deps.store.moveReplica(row.id, row.state, {
    state: "exited",
    exitCode: container.exitCode,
    oomKills: row.oomKills + (oom ? 1 : 0),
    restarts,
    reason,
    endedAt: container.finishedAtMs ?? deps.clock.nowMs(),
    nextRestartAt,
  });
  return nextRestartAt;
};

/** What a replica printed last, without the secrets of its release: more people see it than may read those. */
const lastWords = async (deps: SupervisorDeps, row: ReplicaRecord): Promise<string> => {
  const lines = await deps.engine.logTail(row.id, 5).catch(() => []);
  const release = await deps.store.releaseById(row.releaseId);
  const secrets = await Promise.all(
    frozenVariables(release?.env ?? "[]")
      .filter((variable) => variable.isSecret === 1)
      .map(({ key, ciphertext }) => deps.openSecret(ciphertext, `env:${row.environmentId}:${key}`)),
  );
  return maskSecrets(secrets)(lines.join("\n")).slice(-1000);
};

/**
 * The app itself can make its container unable to start, such as by putting a file where its folder was.
 * @returns when it is tried again
 */
export const noteFailedStart = async (
  deps: SupervisorDeps,
  row: ReplicaRecord,
  error: AppError,
): Promise<number> => {
  const restarts = row.restarts + 1;
  const nextRestartAt = deps.clock.nowMs() + restartPauseMs(restarts);
  const reason = `${error.publicMessage}; restart ${restarts}`;
  await deps.store.updateReplica(row.id, { restarts, reason, nextRestartAt });
  return nextRestartAt;
};
