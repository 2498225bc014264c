import type { HostFigures } from "../domain/guard.ts";
import type { GuardDeps, GuardSite } from "./deps.ts";
import type { Suspects } from "./suspects.ts";

/** Below that there is room for all. */
const busyPercent = 30;
/** It yields while it uses more than all others together, and goes on to until it uses clearly less for a while. */
const share = { from: 0.5, until: 0.4 };
const leastOthersCores = 0.01;
const stayMs = 6_000;
/**
 * One that forks without end holds locks of the kernel that all others need, too; with the processor taken away in
 * between it would hold them for long.
 */
const mostPids = 64;

export interface Precedence {
  /** Whether it needs to know by the second who uses what. */
  isNeeded(figures: HostFigures): boolean;
  look(): Promise<void>;
  /** Of the environment that lets others go first; null when none has to. */
  yielding(): string | null;
}

/**
 * The site that uses more of the processors than all others together lets those go first: they hardly notice it, and it
 * loses little, since what they take is less than what it has; as soon as they take more, it counts like anybody again.
 */
export const createPrecedence = (deps: GuardDeps, suspects: Suspects): Precedence => {
  let present: { environmentId: string; overAtMs: number } | null = null;
  let cleared = false;

  const heaviest = (sites: readonly GuardSite[]): string | null => {
    const owners = new Map(
      sites.flatMap((site) => site.replicaIds.map((id) => [id, site.environmentId] as const)),
    );
    const [first] = suspects.of("cpu", (id) => owners.get(id), deps, false);
    if (!first || first.pids > mostPids) return null;
    const others = first.amount / first.share - first.amount;
    const least = first.environmentId === present?.environmentId ? share.until : share.from;
    // Alone it is in nobody's way.
    return first.share >= least && others >= leastOthersCores ? first.environmentId : null;
  };

  return {
    isNeeded: ({ cpuBusyPercent }) => present !== null || (cpuBusyPercent ?? 0) >= busyPercent,
    look: async () => {
      const nowMs = deps.clock.monotonicMs();
      const sites = await deps.sites();
      const found = deps.isOn ? heaviest(sites) : null;
      if (
        found !== null &&
        (present === null || found === present.environmentId || nowMs - present.overAtMs > stayMs)
      )
        present = { environmentId: found, overAtMs: nowMs };
      else if (present !== null && nowMs - present.overAtMs > stayMs) present = null;
      if (present === null && cleared) return;
      const site = sites.find(({ environmentId }) => environmentId === present?.environmentId);
      const restored = deps.letOthersFirst(new Set(site?.replicaIds ?? []));
      cleared = present === null;
      const concerned = sites.filter(({ replicaIds }) => replicaIds.some((id) => restored.includes(id)));
      for (const { environmentId } of concerned)
        await deps
          .apply(environmentId)
          .catch((error) => deps.log.debug("a share is not set anew yet", { error }));
    },
    yielding: () => present?.environmentId ?? null,
  };
};
