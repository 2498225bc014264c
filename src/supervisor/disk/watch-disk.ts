import { lookEveryMs, reserveBytes } from "../../domain/disk.ts";
import { formatBytes, MB } from "../../domain/size.ts";
import type { LiveEnvironment, SupervisorDeps } from "../deps.ts";
import { actOnDisk, keepDisk, openDiskEvents } from "./keep-disk.ts";
import { countStill } from "./hold-still.ts";
import { type DiskUse, measureDisk } from "./measure.ts";
import { endRunsForDisk, stopForDisk } from "./stop-for-disk.ts";

/** Less than this is no news: databases and logs of the host itself write all the time. */
const newsBytes = MB;
/** Who writes much over the same place is counted this seldom, although nothing grows. */
const recountMs = 2000;
/** Rows of environments and replicas are believed so long. */
const rowsMs = 1000;
/** Writes less than this in one look make nobody the one who fills the disk. */
const growerBytes = 4 * MB;

/** Where nothing was written all is counted again this seldom: what is only deleted moves no counter. */
const stillMs = 10 * 60_000;
/** From this part of its limit on a site is counted each time: whether it was eased matters soon. */
const closeShare = 0.75;

/** What is known of an environment since it was last counted. */
interface Known {
  usedBytes: number;
  countedAtMs: number;
  releaseId: string | null;
  /** By replica, as the kernel had counted then. */
  writtenBytes: Map<string, number>;
  /** How far the free space had fallen then, in sum, and how much of that nobody had written. */
  fallenBytes: number;
  unexplainedBytes: number;
}

interface Rows {
  environments: LiveEnvironment[];
  replicas: Map<string, string[]>;
  /**
   * Commands in containers of their own. What they write counts as unexplained, since they may be over before it is
   * looked at; only of scarce space it is asked who took it.
   */
  withRuns: Map<string, string[]>;
}

export interface DiskWatch {
  /** Looks at the free space, and only where it fell at who wrote, and only at who could be over his limit closely. */
  look(): Promise<void>;
  /** Counts everything. @returns true when something was stopped or started */
  count(): Promise<boolean>;
  /** Counts one environment at once, such as after its limit changed. */
  countOne(environmentId: string): Promise<void>;
  run(signal: AbortSignal): Promise<void>;
  /** Environments that stand still while they are counted. */
  held: ReadonlySet<string>;
}

/**
 * Holds sites to their disk limits where the kernel does not. Free space is one cheap figure that moves at once when
 * anybody writes, before a byte is on the disk. Where it fell, the kernel's counters tell who wrote how much; only an
 * environment that wrote as much as it had left since it was last counted can be over its limit, and is counted
 * exactly. So what is written past a limit is bounded by the speed of the disk times the time between two looks, of
 * the count and of the kill.
 */
export const createDiskWatch = (deps: SupervisorDeps, kick: () => void): DiskWatch => {
  const known = new Map<string, Known>();
  const busy = new Set<string>();
  const held = new Set<string>();
  let lastFree: number[] = [];
  let fallenBytes = 0;
  let unexplainedBytes = 0;
  let readAtFallen = 0;
  let lastWritten = new Map<string, number>();
  let lastOfRuns = new Map<string, number>();
  let rows: (Rows & { atMs: number }) | null = null;

  const presentRows = async (): Promise<Rows> => {
    const nowMs = deps.clock.monotonicMs();
    if (rows !== null && nowMs - rows.atMs < rowsMs) return rows;
    const environments = await deps.store.liveEnvironments();
    const replicas = new Map<string, string[]>();
    for (const { id, environmentId } of await deps.store.liveReplicas())
      replicas.set(environmentId, [...(replicas.get(environmentId) ?? []), id]);
    const withRuns = new Map<string, string[]>();
    for (const { id, environmentId } of await deps.store.openRuns())
      withRuns.set(environmentId, [...(withRuns.get(environmentId) ?? []), id]);
    rows = { environments, replicas, withRuns, atMs: nowMs };
    return rows;
  };

  const writtenNow = async (): Promise<Map<string, number>> =>
    new Map(
      (await deps.engine.writes(true)).flatMap(({ replicaId, writtenBytes, loggedBytes }) =>
        writtenBytes === null ? [] : [[replicaId, writtenBytes + (loggedBytes ?? 0)] as const],
      ),
    );

  const writtenByRuns = async ({ withRuns }: Rows): Promise<Map<string, number>> =>
    new Map(
      (withRuns.size === 0 ? [] : await deps.engine.usesOfOneOffs(true)).map(
        ({ runId, writtenBytes, loggedBytes }) => [runId, (writtenBytes ?? 0) + (loggedBytes ?? 0)],
      ),
    );

  const since = (
    replicaIds: readonly string[],
    now: Map<string, number>,
    then: Map<string, number>,
  ): number => replicaIds.reduce((sum, id) => sum + Math.max(0, (now.get(id) ?? 0) - (then.get(id) ?? 0)), 0);

  const note = (
    { id, currentReleaseId }: LiveEnvironment,
    use: DiskUse,
    written: Map<string, number>,
    began: Known,
  ): void => {
    known.set(id, {
      ...began,
      releaseId: currentReleaseId,
      usedBytes: use.usedBytes,
      countedAtMs: deps.clock.monotonicMs(),
      writtenBytes: written,
    });
  };

  /** As the figures stand now; what is written while it is counted then counts as written after. */
  const beginning = (): Known => ({
    ...{ usedBytes: 0, releaseId: null, countedAtMs: deps.clock.monotonicMs() },
    writtenBytes: new Map(lastWritten),
    ...{ fallenBytes, unexplainedBytes },
  });

  /** @param atMs when it was seen that it could be over, and when nothing was to be seen yet */
  const countClosely = async (
    environment: LiveEnvironment,
    atMs: { saw: number; before: number },
  ): Promise<void> => {
    if (busy.has(environment.id)) return;
    busy.add(environment.id);
    try {
      const began = beginning();
      const replicaIds = (await presentRows()).replicas.get(environment.id) ?? [];
      const { counted: use, letGoOn } = await countStill(deps, environment.id, replicaIds, held, () =>
        measureDisk(deps, environment, { urgent: true }),
      );
      try {
        if (use === null) return;
        note(environment, use, began.writtenBytes, began);
        const times = {
          lookMs: Math.round(atMs.saw - atMs.before),
          countMs: Math.round(deps.clock.monotonicMs() - atMs.saw),
        };
        if (!(await actOnDisk(deps, environment, use, await openDiskEvents(deps), times))) return;
        rows = null;
        kick();
      } finally {
        await letGoOn();
      }
    } finally {
      busy.delete(environment.id);
    }
  };

  /** Free space as it is, and how far it fell since the last look. */
  const freeSpace = async () => {
    const spaces = await deps.diskSpace();
    const free = spaces.map(({ freeBytes }) => freeBytes);
    const fell = free.reduce((sum, bytes, at) => sum + Math.max(0, (lastFree[at] ?? bytes) - bytes), 0);
    lastFree = free;
    return { fell, scarce: spaces.find((space) => space.freeBytes < reserveBytes(space.totalBytes)) };
  };

  let lookedAtMs = deps.clock.monotonicMs();

  const look = async (): Promise<void> => {
    const before = lookedAtMs;
    lookedAtMs = deps.clock.monotonicMs();
    const { fell, scarce } = await freeSpace();
    fallenBytes += fell;
    if (fallenBytes - readAtFallen < newsBytes) return;
    const atMs = { saw: lookedAtMs, before };
    const fellSince = fallenBytes - readAtFallen;
    readAtFallen = fallenBytes;
    const now = await writtenNow();
    const present = await presentRows();
    const ofRuns = await writtenByRuns(present);
    let explained = 0;
    let fastest: { environment: LiveEnvironment; bytes: number } | null = null;
    for (const environment of present.environments) {
      const bytes = since(present.replicas.get(environment.id) ?? [], now, lastWritten);
      explained += bytes;
      const all = bytes + since(present.withRuns.get(environment.id) ?? [], ofRuns, lastOfRuns);
      if (all > (fastest?.bytes ?? growerBytes)) fastest = { environment, bytes: all };
    }
    lastWritten = now;
    lastOfRuns = ofRuns;
    unexplainedBytes += Math.max(0, fellSince - explained);
    const close = present.environments.filter((environment) => couldBeOver(environment, present, now));
    await Promise.all(close.map((environment) => countClosely(environment, atMs)));
    if (scarce && fastest && fastest.bytes > fellSince / 3) await stopFastest(fastest, scarce.freeBytes);
  };

  const couldBeOver = (environment: LiveEnvironment, present: Rows, now: Map<string, number>): boolean => {
    const replicaIds = present.replicas.get(environment.id) ?? [];
    const hasRuns = present.withRuns.has(environment.id);
    if (!hasRuns && (environment.stoppedReason !== null || replicaIds.length === 0)) return false;
    const then = known.get(environment.id);
    const left = environment.diskBytes - (then?.usedBytes ?? environment.diskUsedBytes ?? 0);
    const written = since(replicaIds, now, then?.writtenBytes ?? new Map());
    const fallen = fallenBytes - (then?.fallenBytes ?? 0);
    const unexplained = unexplainedBytes - (then?.unexplainedBytes ?? 0);
    const isOld = deps.clock.monotonicMs() - (then?.countedAtMs ?? 0) > recountMs;
    return (written >= left && (fallen >= left || isOld)) || (unexplained >= left && (isOld || hasRuns));
  };

  const stopFastest = async (
    { environment, bytes }: { environment: LiveEnvironment; bytes: number },
    freeBytes: number,
  ): Promise<void> => {
    const present = await deps.store.environmentById(environment.id);
    if (!present) return;
    const why = `the server's disk has ${formatBytes(freeBytes)} left, and it wrote the most (${formatBytes(bytes)} within a moment)`;
    const stopped = { ...present, slug: environment.slug };
    if (present.stoppedReason !== null) return endRunsForDisk(deps, stopped, why);
    await stopForDisk(deps, stopped, { why, use: null, details: { freeBytes, wroteBytes: bytes } });
    rows = null;
    kick();
  };

  /** Nothing was written there since it was counted, so that its figure holds. */
  const isStill = (environment: LiveEnvironment, present: Rows, now: Map<string, number>): boolean => {
    const then = known.get(environment.id);
    if (then === undefined || environment.stoppedReason !== null) return false;
    if (present.withRuns.has(environment.id) || environment.currentReleaseId !== then.releaseId) return false;
    if (then.usedBytes > environment.diskBytes * closeShare) return false;
    if (deps.clock.monotonicMs() - then.countedAtMs > stillMs) return false;
    const replicaIds = present.replicas.get(environment.id) ?? [];
    return replicaIds.every((id) => now.has(id) && now.get(id) === then.writtenBytes.get(id));
  };

  return {
    held,
    look,
    count: async () => {
      const began = beginning();
      const present = await presentRows();
      const written = await writtenNow();
      for (const id of known.keys())
        if (!present.environments.some((environment) => environment.id === id)) known.delete(id);
      return keepDisk(
        deps,
        (environment, use) => note(environment, use, written, began),
        (environment) => isStill(environment, present, written),
      );
    },
    countOne: async (environmentId) => {
      rows = null;
      const environment = (await presentRows()).environments.find(({ id }) => id === environmentId);
      const nowMs = deps.clock.monotonicMs();
      if (environment) await countClosely(environment, { saw: nowMs, before: nowMs });
    },
    run: async (signal) => {
      while (!signal.aborted) {
        await look().catch((error) => {
          if (!signal.aborted) deps.log.warn("free space was not looked at; it is tried again", { error });
        });
        await Bun.sleep(lookEveryMs);
      }
    },
  };
};
