import { z } from "zod";
import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import type { DiskView } from "../domain/disk.ts";
import {
  type AppliedLimits,
  type Limits,
  type LimitsPatch,
  limitsPatchSchema,
  limitsSchema,
} from "../domain/limits.ts";
import type { EnvironmentRecord } from "../domain/records.ts";
import { formatBytes } from "../domain/size.ts";
import type { AppliedLimitsView, CpuBurstView } from "../domain/views.ts";
import { AppError, invalid } from "../errors.ts";
import { reachSite } from "./access.ts";
import type { SiteDeps } from "./deps.ts";
import { cpuBurstView } from "./supervision-views.ts";
import { checkDiskLimit, showDisk } from "./disk.ts";

/** They are columns of the same names. */
export const limitsOf = (environment: EnvironmentRecord): Limits =>
  Object.fromEntries(
    Object.keys(limitsSchema.shape).map((name) => [name, environment[name as keyof Limits]]),
  ) as unknown as Limits;

export const appliedLimitsView = (environment: EnvironmentRecord): AppliedLimitsView | null => {
  if (environment.appliedLimits === null) return null;
  const { readAtMs, ...applied } = JSON.parse(environment.appliedLimits) as AppliedLimits;
  return { ...applied, readAt: new Date(readAtMs).toISOString() };
};

export interface LimitsView {
  asked: Limits;
  applied: AppliedLimitsView | null;
  disk: DiskView;
  cpuBurst: CpuBurstView;
}

/** `cpuBurst`: whether it may use CPU that others leave idle. */
export const changeLimitsSchema = limitsPatchSchema.extend({
  cpuBurst: z.boolean({ error: "must be true or false" }).optional(),
});
export type LimitsChange = LimitsPatch & { cpuBurst?: boolean };

export const showLimits = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<LimitsView> => {
  const { environment } = await reachSite(deps, actor, slug, "read", environmentName);
  return {
    asked: limitsOf(environment),
    applied: appliedLimitsView(environment),
    disk: await showDisk(deps, environment),
    cpuBurst: cpuBurstView(environment, (await deps.store.cpuBurstOf(environment.id)) !== undefined),
  };
};

/** An engine that hangs is not waited for: what is stored it is told later. */
const longestWaitMs = 5000;

const soon = async (work: Promise<void>): Promise<void> => {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("the engine takes too long")), longestWaitMs);
  // Its own end, after that of the wait, is of no interest to anybody.
  work.catch(() => {});
  await Promise.race([work, promise]).finally(() => clearTimeout(timer));
};

/** What is more than the server has would hold nothing. What is so already, from a larger server, may stay. */
const checkMemory = ({ hostMemoryBytes }: SiteDeps, before: number, after: number): void => {
  const host = hostMemoryBytes?.() ?? null;
  if (host !== null && after > host && after > before)
    throw invalid("memoryBytes", `must be at most ${formatBytes(host)}, which is what this server has`);
};

/**
 * Changes limits of a running environment without a restart, and answers what the kernel then holds.
 * @throws AppError `invalid_input`; `conflict` when more memory is in use than is now allowed: nothing is changed
 * then; `engine_unavailable` when they are stored but cannot be applied yet
 */
export const setLimits = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  { cpuBurst, ...patch }: LimitsChange,
  environmentName?: string,
): Promise<LimitsView> => {
  const { site, environment } = await reachSite(deps, actor, slug, "change", environmentName);
  const present = limitsOf(environment);
  const given = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
  const burst = (await deps.store.cpuBurstOf(environment.id)) !== undefined;
  const before = { ...present, cpuBurst: burst };
  const after = { ...present, ...given, cpuBurst: cpuBurst ?? burst };
  checkMemory(deps, present.memoryBytes, after.memoryBytes);
  if (patch.diskBytes !== undefined) await checkDiskLimit(deps, environment.id, patch.diskBytes);
  const store = (wanted: typeof after, instead: typeof after): Promise<void> =>
    deps.store.transaction(async (queries) => {
      const { cpuBurst: mayBurst, ...limits } = wanted;
      await queries.updateEnvironment(environment.id, limits);
      if (mayBurst) await queries.putCpuBurst({ environmentId: environment.id, since: deps.clock.nowMs() });
      else await queries.deleteCpuBurst(environment.id);
      const change = { before: instead, after: wanted };
      const object = { type: "site", id: site.id };
      await queries.insertAudit(auditEntry(actor, "site.limits", object, change, deps.clock.nowMs()));
    });
  await store(after, before);
  try {
    await soon(deps.onChange.limits(environment.id));
  } catch (cause) {
    // The engine will not, now or later: nothing may look changed that is not.
    if (cause instanceof AppError && cause.code === "conflict") {
      await store(before, after);
      await deps.onChange.limits(environment.id).catch(() => {});
      throw cause;
    }
    throw new AppError(
      "engine_unavailable",
      "the limits are stored, but the engine could not apply them yet; Croft tries again within a minute",
      { cause },
    );
  }
  return showLimits(deps, actor, slug, environmentName);
};
