import type { PressureKind } from "../domain/guard.ts";
import { MB, formatBytes } from "../domain/size.ts";

/** What is known of one replica at a moment; counters grow for as long as it lives. */
export interface Consumption {
  replicaId: string;
  cpuNanos: number;
  memoryBytes: number;
  /** Written to disks; null while nobody asked for it, or where the kernel does not tell. */
  writtenBytes: number | null;
  /** In its log files. */
  loggedBytes: number | null;
  /** Processes and threads now; null where the kernel does not tell. */
  pids: number | null;
}

export interface Suspect {
  environmentId: string;
  /** What it uses, for people: `0.49 cores`. */
  text: string;
  /** Cores, bytes, bytes a second. */
  amount: number;
  /** Share of what all sites use together, 0 to 1. */
  share: number;
  /** Processes and threads of all its replicas. */
  pids: number;
}

interface Moment {
  atMs: number;
  replicas: Map<string, Consumption>;
}

/** What the engine itself takes to write a site's output down: about a core for so much of it in a second. */
const loggedBytesPerCoreSecond = 25 * MB;
const rateMs = 2500;
const longestRateMs = 12_000;
const keptMs = 60_000;
/** Less than that is nobody's fault. */
const hardlyAnything = 0.2;
const least = { cores: 0.15, growthBytes: 32 * MB, writtenPerSecond: 1 * MB };

export interface Suspects {
  note(atMs: number, consumption: readonly Consumption[]): void;
  /**
   * Whose use of it stands out, the heaviest first; none where it is little.
   * @param environmentOf of a replica; those of nobody are left out
   * @param onlyGuilty leaves out who used less than is anybody's fault; otherwise only who used next to nothing
   */
  of(
    kind: PressureKind,
    environmentOf: (replicaId: string) => string | undefined,
    machine: { cores: number },
    onlyGuilty?: boolean,
  ): Suspect[];
}

interface Use {
  cores: number;
  memoryBytes: number;
  grownBytes: number;
  writtenPerSecond: number;
  pids: number;
}

/** Remembers the last minute of all replicas and says who used what in it. */
export const createSuspects = (): Suspects => {
  let moments: Moment[] = [];

  const useOf = (now: Moment, replicaId: string): Use => {
    const last = now.replicas.get(replicaId)!;
    const known = (moment: Moment, has: (one: Consumption) => boolean): boolean => {
      const one = moment.replicas.get(replicaId);
      return one !== undefined && moment.atMs < now.atMs && has(one);
    };
    const perSecond = (pick: (one: Consumption) => number | null): number => {
      const recent = moments.filter(
        (moment) => moment.atMs >= now.atMs - longestRateMs && known(moment, (one) => pick(one) !== null),
      );
      // Of the last seconds where that is known: who was slowed down meanwhile is not judged by what was before.
      const from = recent.findLast(({ atMs }) => atMs <= now.atMs - rateMs) ?? recent[0];
      const to = pick(last);
      if (!from || to === null) return 0;
      return Math.max(0, ((to - pick(from.replicas.get(replicaId)!)!) / (now.atMs - from.atMs)) * 1000);
    };
    const logged = perSecond((one) => one.loggedBytes);
    const grownFrom =
      moments.find((moment) => known(moment, () => true))?.replicas.get(replicaId)?.memoryBytes ??
      last.memoryBytes;
    return {
      cores: perSecond((one) => one.cpuNanos) / 1e9 + logged / loggedBytesPerCoreSecond,
      memoryBytes: last.memoryBytes,
      grownBytes: Math.max(0, last.memoryBytes - grownFrom),
      writtenPerSecond: perSecond((one) => one.writtenBytes) + logged,
      pids: last.pids ?? 0,
    };
  };

  return {
    note: (atMs, consumption) => {
      const replicas = new Map(consumption.map((one) => [one.replicaId, one]));
      moments = [...moments.filter((one) => one.atMs > atMs - keptMs), { atMs, replicas }];
    },
    of: (kind, environmentOf, machine, onlyGuilty = true) => {
      const now = moments.at(-1);
      if (!now) return [];
      const uses = new Map<string, Use>();
      for (const replicaId of now.replicas.keys()) {
        const environmentId = environmentOf(replicaId);
        if (environmentId === undefined) continue;
        const use = useOf(now, replicaId);
        const sum = uses.get(environmentId);
        uses.set(environmentId, sum ? added(sum, use) : use);
      }
      const all = [...uses].map(([environmentId, use]) => ({ environmentId, use }));
      return ranked(kind, all, machine, onlyGuilty ? 1 : hardlyAnything);
    },
  };
};

const added = (a: Use, b: Use): Use => ({
  cores: a.cores + b.cores,
  memoryBytes: a.memoryBytes + b.memoryBytes,
  grownBytes: a.grownBytes + b.grownBytes,
  writtenPerSecond: a.writtenPerSecond + b.writtenPerSecond,
  pids: a.pids + b.pids,
});

const ranked = (
  kind: PressureKind,
  all: { environmentId: string; use: Use }[],
  machine: { cores: number },
  scale: number,
): Suspect[] => {
  const by = (score: (use: Use) => number, from: number, text: (use: Use) => string): Suspect[] => {
    const whole = all.reduce((sum, { use }) => sum + score(use), 0);
    return all
      .filter(({ use }) => score(use) >= from * scale)
      .toSorted((a, b) => score(b.use) - score(a.use))
      .map(({ environmentId, use }) => ({
        environmentId,
        text: text(use),
        amount: score(use),
        share: score(use) / whole,
        pids: use.pids,
      }));
  };
  switch (kind) {
    case "cpu":
      return by(
        ({ cores }) => cores,
        Math.max(least.cores, machine.cores / 40),
        ({ cores }) => `${cores.toFixed(2)} cores`,
      );
    case "memory": {
      // Who grew is behind it; where nobody did, who has most.
      const grown = by(
        ({ grownBytes }) => grownBytes,
        least.growthBytes,
        ({ memoryBytes, grownBytes }) =>
          `${formatBytes(memoryBytes)} of memory, ${formatBytes(grownBytes)} more than a minute ago`,
      );
      if (grown.length > 0) return grown;
      return by(
        ({ memoryBytes }) => memoryBytes,
        least.growthBytes,
        ({ memoryBytes }) => `${formatBytes(memoryBytes)} of memory`,
      );
    }
    case "disk":
    case "io":
      return by(
        ({ writtenPerSecond }) => writtenPerSecond,
        least.writtenPerSecond,
        ({ writtenPerSecond }) => `${formatBytes(writtenPerSecond)} written a second`,
      );
  }
};
