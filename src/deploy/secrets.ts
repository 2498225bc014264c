import type { DeploymentRecord } from "../domain/records.ts";
import { frozenVariables } from "../domain/release.ts";
import type { DeployDeps } from "./deps.ts";

/**
 * Values to be masked in a deployment's log: its environment's secret variables and, when it brings an earlier
 * release back, those that were frozen in it.
 */
export const secretsOf = async (
  deps: Pick<DeployDeps, "store" | "openSecret">,
  { environmentId, rollbackReleaseId }: Pick<DeploymentRecord, "environmentId" | "rollbackReleaseId">,
): Promise<string[]> => {
  const release = rollbackReleaseId === null ? undefined : await deps.store.releaseById(rollbackReleaseId);
  const rows = [...(await deps.store.envVarsOf(environmentId)), ...frozenVariables(release?.env ?? "[]")];
  return Promise.all(
    rows
      .filter((row) => row.isSecret === 1)
      .map((row) => deps.openSecret(row.ciphertext, `env:${environmentId}:${row.key}`)),
  );
};
