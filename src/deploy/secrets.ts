import type { DeployDeps } from "./deps.ts";

/** Values of an environment's secret variables, to be masked in logs. */
export const secretsOf = async (
  deps: Pick<DeployDeps, "store" | "openSecret">,
  environmentId: string,
): Promise<string[]> => {
  const rows = await deps.store.envVarsOf(environmentId);
  return Promise.all(
    rows
      .filter((row) => row.isSecret === 1)
      .map((row) => deps.openSecret(row.ciphertext, `env:${environmentId}:${row.key}`)),
  );
};
