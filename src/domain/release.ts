import type { ReleaseProcess } from "./process.ts";
import type { HealthCheck } from "./site.ts";

/**
 * What a release serves with, frozen when it is made: a rollback brings back all of it. Limits are not part of
 * it, they belong to the environment and change live.
 */
export interface ReleaseConfig {
  /** `container` runs replicas of `image`; `static` is a folder that the edge serves itself. */
  kind: "container" | "static";
  /** Local image id (`sha256:…`), content-addressed; null for static. */
  imageId: string | null;
  /** Port the app is expected to listen on; null for static. Given to the app as PORT. */
  port: number | null;
  /** Overrides the image's command when set; run as `/bin/sh -c` inside the container. */
  startCommand: string | null;
  healthCheck: HealthCheck;
  /** False where nothing answers visitors; of a release made before there were other processes it is left out. */
  hasWeb?: boolean;
  /** Besides `web`. */
  processes?: ReleaseProcess[];
}

/** One sealed variable as it was frozen into a release. */
export interface FrozenVariable {
  key: string;
  ciphertext: string;
  isSecret: number;
}

/** Of a release's column `env`. */
export const frozenVariables = (env: string): FrozenVariable[] => JSON.parse(env) as FrozenVariable[];
