import type { LiveEnvironment } from "./deps.ts";

/**
 * Kills that ended a container: its counters in the kernel went with it, so the supervisor's count says them.
 * What replicas that were there before this process had counted is not new.
 */
export const createOomCount = () => {
  const known = new Map<string, number>();
  let sinceMs: number | null = null;

  const base = ({ id, startedAtMs, oomKills }: LiveEnvironment["replicas"][number]): number =>
    known.get(id) ?? (sinceMs !== null && startedAtMs !== null && startedAtMs >= sinceMs ? 0 : oomKills);

  return {
    gained: ({ replicas }: LiveEnvironment): number =>
      replicas.reduce((total, replica) => total + Math.max(0, replica.oomKills - base(replica)), 0),
    /** To be called once a tick is recorded, with those that have a row in it. */
    counted(environments: LiveEnvironment[], nowMs: number): void {
      sinceMs ??= nowMs;
      for (const { replicas } of environments)
        for (const { id, oomKills } of replicas) known.set(id, oomKills);
    },
  };
};
