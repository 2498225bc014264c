import type { ContainerLimits } from "../domain/engine.ts";
import type { GuardActRecord } from "../domain/guard.ts";

/**
 * What a replica is to be held to while the host guard slows its site down: less CPU, and the least share of what is
 * contended. Everybody who compares limits compares with this, so that it is neither put back nor told as drift.
 */
export const throttled = (asked: ContainerLimits, acts: readonly GuardActRecord[]): ContainerLimits => {
  const most = acts.reduce((least, { cpuMillicores }) => Math.min(least, cpuMillicores ?? least), Infinity);
  if (most >= asked.cpuMillicores) return asked;
  return { ...asked, cpuMillicores: most, weightMillicores: Math.min(most, leastWeightMillicores) };
};

const leastWeightMillicores = 10;
