import { isoOf, isoOrNull } from "../domain/deployment-view.ts";
import {
  pressureKinds,
  type GuardSettings,
  type GuardView,
  type HostFigures,
  type SuspectView,
} from "../domain/guard.ts";
import type { Acts } from "./acts.ts";
import type { GuardDeps } from "./deps.ts";
import type { Pressure } from "./pressure.ts";
import type { Suspects } from "./suspects.ts";

const recentActs = 10;

/** What the guard sees, what it holds, and what it did lately. */
export const guardView = async (state: {
  deps: GuardDeps;
  acts: Acts;
  suspects: Suspects;
  figures: HostFigures | null;
  settings: GuardSettings;
  pressures: readonly Pressure[];
  /** Environment. */
  yielding: string | null;
}): Promise<GuardView> => {
  const { deps, acts, suspects, figures, settings, pressures } = state;
  const sites = new Map((await deps.sites()).map((site) => [site.environmentId, site]));
  const owners = new Map(
    [...sites.values()].flatMap((site) => site.replicaIds.map((id) => [id, site.environmentId] as const)),
  );
  const heaviest = (kind: (typeof pressureKinds)[number]): SuspectView | null => {
    const [first] = suspects.of(kind, (id) => owners.get(id), deps, false);
    const site = first && sites.get(first.environmentId);
    return site ? { site: site.slug, environment: site.environment, text: first.text } : null;
  };
  const nameOf = (environmentId: string | null): { site: string | null; environment: string | null } => {
    const site = environmentId === null ? undefined : sites.get(environmentId);
    return { site: site?.slug ?? null, environment: site?.environment ?? null };
  };
  const nowMs = deps.clock.nowMs();
  const monotonicMs = deps.clock.monotonicMs();
  return {
    isOn: deps.isOn,
    figures: figures && withoutTime(figures),
    settings,
    pressures: pressures.map(({ kind, sinceMs, text }) => ({
      kind,
      since: isoOf(nowMs - (monotonicMs - sinceMs)),
      text,
    })),
    heaviest: {
      disk: heaviest("disk"),
      memory: heaviest("memory"),
      cpu: heaviest("cpu"),
      io: heaviest("io"),
    },
    yields: nameOf(state.yielding).site,
    inForce: acts.all.toReversed().map(({ eventId, kind, environmentId, pressure, reason, since }) => ({
      id: eventId,
      kind,
      ...nameOf(environmentId),
      pressure,
      reason,
      since: isoOf(since),
    })),
    recent: (await deps.store.guardEvents(recentActs)).map(({ id, at, environmentId, message, endedAt }) => ({
      id,
      at: isoOf(at),
      site: nameOf(environmentId).site,
      message,
      endedAt: isoOrNull(endedAt),
    })),
    buildsWait: acts.all.find(({ kind }) => kind === "builds")?.reason ?? null,
  };
};

const withoutTime = ({ atMs: _, ...figures }: HostFigures): GuardView["figures"] => figures;
