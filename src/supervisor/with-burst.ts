import { cpus } from "node:os";
import { burstCeiling } from "../domain/cpu-share.ts";
import type { ContainerLimits } from "../domain/engine.ts";

/** Limits of a site that may use idle CPU: a higher quota, while its share of what is contended goes by its limit. */
export const withBurst = (limits: ContainerLimits, mayBurst: boolean): ContainerLimits =>
  mayBurst
    ? {
        ...limits,
        cpuMillicores: burstCeiling(limits.cpuMillicores, cpus().length),
        weightMillicores: limits.cpuMillicores,
      }
    : limits;
