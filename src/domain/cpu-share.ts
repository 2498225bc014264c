import type { AppliedLimits } from "./limits.ts";

const [fewest, most] = [2, 262_144];

/** CPU shares (cgroup v1, and what engines are told): a core is worth 1024. */
export const cpuSharesOf = (millicores: number): number =>
  Math.min(most, Math.max(fewest, Math.round((millicores * 1024) / 1000)));

/**
 * The weights of cgroup v2 that runtimes make of shares: a straight line from [2, 262144] to [1, 10000] (runc before
 * 1.3, crun before 1.23), and the curve that takes 1024 to 100 (opencontainers/cgroups, ConvertCPUSharesToCgroupV2Value).
 */
export const cpuWeightsOf = (shares: number): number[] => {
  const log = Math.log2(shares);
  return [
    1 + Math.floor(((shares - fewest) * 9999) / (most - fewest)),
    Math.ceil(10 ** ((log ** 2 + 125 * log) / 612 - 7 / 34)),
  ];
};

/** Whether the kernel gives the share that is asked for; true where it does not tell. */
export const holdsShares = (
  { cpuShares, cpuWeight }: Pick<AppliedLimits, "cpuShares" | "cpuWeight">,
  shares: number,
): boolean => {
  if (typeof cpuShares === "number") return cpuShares === shares;
  return typeof cpuWeight !== "number" || cpuWeightsOf(shares).includes(cpuWeight);
};

/** How far beyond its limit a site that may burst gets while cores are idle. */
const burstTimes = 4;

/** The quota of a site that may use idle CPU: four times its limit, and no more than the host has. */
export const burstCeiling = (millicores: number, hostCores: number): number =>
  Math.max(millicores, Math.min(hostCores * 1000, millicores * burstTimes));
