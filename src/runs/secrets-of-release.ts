import { maskSecrets } from "../domain/mask-secrets.ts";
import type { ReleaseRecord } from "../domain/records.ts";
import { frozenVariables } from "../domain/release.ts";
import type { RunsDeps } from "./deps.ts";

/** Masks the secret variables of a release in what is kept: commands as they were typed, and what jobs print. */
export const maskerOf = async (
  deps: Pick<RunsDeps, "openSecret">,
  release: Pick<ReleaseRecord, "env" | "environmentId">,
): Promise<(text: string) => string> =>
  maskSecrets(
    await Promise.all(
      frozenVariables(release.env)
        .filter(({ isSecret }) => isSecret === 1)
        .map(({ key, ciphertext }) => deps.openSecret(ciphertext, `env:${release.environmentId}:${key}`)),
    ),
  );
