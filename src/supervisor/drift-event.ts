import { cpuSharesOf, holdsShares } from "../domain/cpu-share.ts";
import type { ContainerLimits } from "../domain/engine.ts";
import type { AppliedLimits } from "../domain/limits.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import { formatBytes } from "../domain/size.ts";
import type { SupervisorDeps } from "./deps.ts";
import { tell } from "./tell.ts";

const none = "none";
const size = (bytes: number | null): string => (bytes === null ? none : formatBytes(bytes));
const cores = (millicores: number | null): string =>
  millicores === null ? none : `${millicores / 1000} cores`;

/** Each limit that the kernel held otherwise, in words. */
export const driftOf = (asked: ContainerLimits, applied: AppliedLimits): string[] => {
  const drift: string[] = [];
  if (applied.memoryBytes === null || Math.abs(applied.memoryBytes - asked.memoryBytes) >= 4096)
    drift.push(`memory ${size(applied.memoryBytes)} in place of ${size(asked.memoryBytes)}`);
  else if (applied.memorySwapBytes !== null && applied.memorySwapBytes !== applied.memoryBytes)
    drift.push(`memory with swap ${size(applied.memorySwapBytes)} in place of ${size(asked.memoryBytes)}`);
  if (applied.cpuMillicores !== asked.cpuMillicores)
    drift.push(`CPU ${cores(applied.cpuMillicores)} in place of ${cores(asked.cpuMillicores)}`);
  const shares = cpuSharesOf(asked.weightMillicores ?? asked.cpuMillicores);
  if (!holdsShares(applied, shares)) drift.push("another share of the CPU than its limit gives it");
  if (applied.pids !== asked.pids)
    drift.push(`${applied.pids ?? "any number of"} processes in place of ${asked.pids}`);
  return drift;
};

export type TellDrift = (
  replica: Pick<ReplicaRecord, "id" | "environmentId">,
  asked: ContainerLimits,
  applied: AppliedLimits,
) => Promise<void>;

/** The same drift of the same replica is told this seldom: some kernels do not hold what they are told. */
const sameAgainMs = 60 * 60_000;

/** Tells that limits were found to be held otherwise than asked, and are put right. */
export const createDriftTeller = (
  deps: Pick<SupervisorDeps, "clock" | "log"> & { store: Pick<SupervisorDeps["store"], "insertEvent"> },
): TellDrift => {
  const told = new Map<string, { drift: string; atMs: number }>();
  return async ({ id, environmentId }, asked, applied) => {
    const drift = driftOf(asked, applied).join(", ");
    const nowMs = deps.clock.monotonicMs();
    const before = told.get(id);
    if (before?.drift === drift && nowMs - before.atMs < sameAgainMs) return;
    for (const [key, { atMs }] of told) if (nowMs - atMs >= sameAgainMs) told.delete(key);
    told.set(id, { drift, atMs: nowMs });
    deps.log.warn("limits had drifted and are put right", { replica: id, environmentId, asked, applied });
    await tell(deps, {
      kind: "limits.drift",
      severity: "warning",
      environmentId,
      message: `The kernel held it to other limits than asked: ${drift}. They are put right.`,
      details: { replica: id, asked, applied },
    });
  };
};
