import type { LogSource } from "../domain/app-log.ts";
import { maskSecrets } from "../domain/mask-secrets.ts";
import { type Allowance, collect, type Tracked } from "./collect.ts";
import { type CollectorDeps, defaultFloodLimits } from "./deps.ts";

const passMs = 1000;
/** For environments that somebody watches. */
const watchedMs = 200;
const sourcesMs = 5000;
/** Where the engine's files cannot be read it is asked again this seldom. */
const readableMs = 60_000;
const awayMs = 2000;
const drainDeadlineMs = 3000;

export interface Collector {
  /** Runs until the signal. */
  start(signal: AbortSignal): Promise<void>;
  /** False where the engine's files were found not to be readable: nothing is stored then. */
  isOn(): boolean;
  /** There are other containers than before. */
  notice(): void;
  /** Takes in all of what a container printed so far, before it is removed. Never throws; has a deadline. */
  drain(replicaId: string): Promise<void>;
  /** Nothing more is taken in of an environment that is being removed. */
  forget(environmentId: string): Promise<void>;
  /** Resolves when there may be more in an environment's log than before, or at the deadline. */
  changed(environmentId: string, deadlineMs: number, signal: AbortSignal): Promise<void>;
  /** Looks at this environment more often, until the returned function is called. */
  watch(environmentId: string): () => void;
}

/** A replica whose container is replaced by another one is another source. */
const keyOf = ({ containerId, replicaId }: LogSource): string => containerId?.slice(0, 16) ?? replicaId;

/**
 * Carries what all containers print into their environments' logs: one look at each container's file a second, and
 * nothing more where nothing was printed.
 */
export const createCollector = (deps: CollectorDeps): Collector => {
  const { store, outputs, clock, log, flood = defaultFloodLimits } = deps;
  const tracked = new Map<string, Tracked>();
  const wanted = new Map<string, LogSource>();
  const byEnvironment = new Map<string, Set<string>>();
  const allowances = new Map<string, Allowance>();
  const masks = new Map<string, (text: string) => string>();
  const turns = new Map<string, Promise<unknown>>();
  const watched = new Map<string, number>();
  const waiting = new Map<string, Set<() => void>>();
  /** Null until the engine was asked: what is stored can be read meanwhile. */
  let readable: boolean | null = null;
  let stale = true;
  let wake: () => void = () => {};

  /** One piece of work at a time in each environment. */
  const inTurn = <T>(environmentId: string, work: () => Promise<T>): Promise<T> => {
    const mine = (turns.get(environmentId) ?? Promise.resolve()).then(work, work);
    const done = mine.then(
      () => {},
      () => {},
    );
    turns.set(environmentId, done);
    void done.then(() => turns.get(environmentId) === done && turns.delete(environmentId));
    return mine;
  };

  const maskOf = async (source: LogSource): Promise<(text: string) => string> => {
    const present = masks.get(source.secretsOf);
    if (present) return present;
    const mask = maskSecrets(await deps.secrets(source));
    masks.set(source.secretsOf, mask);
    return mask;
  };

  const open = async (key: string, source: LogSource): Promise<void> => {
    const { positions } = await store.of(source.environmentId);
    const position = positions[key] ?? null;
    const mask = await maskOf(source);
    const containerId = source.containerId ?? (await outputs.containerOf(source.replicaId));
    const reader = containerId === null ? null : await outputs.open(containerId, position);
    if (!reader) return;
    tracked.set(key, {
      key,
      source,
      reader,
      mask,
      pending: [],
      more: true,
      notes: [],
      stored: position ?? reader.position(),
      lastLevel: {},
    });
  };

  const close = async (one: Tracked): Promise<void> => {
    tracked.delete(one.key);
    byEnvironment.get(one.source.environmentId)?.delete(one.key);
    await one.reader.close();
  };

  const ofEnvironment = (environmentId: string): Tracked[] =>
    [...(byEnvironment.get(environmentId) ?? [])].flatMap((key) => tracked.get(key) ?? []);

  const collectOne = (environmentId: string): Promise<void> =>
    inTurn(environmentId, async () => {
      for (const key of byEnvironment.get(environmentId) ?? []) {
        const source = wanted.get(key);
        if (source && !tracked.has(key)) await open(key, source);
      }
      const containers = ofEnvironment(environmentId);
      if (containers.length === 0) return;
      let allowance = allowances.get(environmentId);
      if (!allowance)
        allowances.set(environmentId, (allowance = { bytes: flood.burstBytes, atMs: clock.monotonicMs() }));
      const siteLog = await store.of(environmentId);
      const stored = await collect(siteLog, containers, allowance, flood, clock);
      if (stored) for (const tell of waiting.get(environmentId) ?? []) tell();
      // Removed, and read to the end.
      for (const one of containers)
        if (!wanted.has(one.key) && one.pending.length === 0 && !one.reader.changed()) await close(one);
    });

  const forgotten = new Set<string>();
  const failed = new Map<string, number>();
  const look = async (environmentId: string): Promise<void> => {
    try {
      await collectOne(environmentId);
      failed.delete(environmentId);
    } catch (error) {
      const lastMs = failed.get(environmentId) ?? Number.NEGATIVE_INFINITY;
      if (clock.monotonicMs() - lastMs < 60_000) return;
      failed.set(environmentId, clock.monotonicMs());
      log.warn("a site's output is not taken in at present; it is tried again", {
        environment: environmentId,
        error,
      });
    }
  };

  const want = (source: LogSource): void => {
    if (forgotten.has(source.environmentId)) return;
    const key = keyOf(source);
    wanted.set(key, source);
    const own = byEnvironment.get(source.environmentId) ?? new Set();
    byEnvironment.set(source.environmentId, own.add(key));
  };

  const refresh = async (): Promise<void> => {
    stale = false;
    const sources = await deps.sources();
    const present = new Set(sources.map(keyOf));
    for (const key of wanted.keys()) if (!present.has(key)) wanted.delete(key);
    for (const source of sources) want(source);
    const used = new Set(sources.map((source) => source.secretsOf));
    for (const key of masks.keys()) if (!used.has(key)) masks.delete(key);
    for (const [environmentId, own] of byEnvironment) {
      for (const key of own) if (!wanted.has(key) && !tracked.has(key)) own.delete(key);
      if (own.size > 0) continue;
      byEnvironment.delete(environmentId);
      allowances.delete(environmentId);
    }
  };

  const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end, { once: true });
      wake = end;
    });

  const isReadable = async (): Promise<boolean> => {
    if (readable !== true) readable = await outputs.readable();
    return readable;
  };

  const loop = async (signal: AbortSignal): Promise<void> => {
    let sourcesAtMs = Number.NEGATIVE_INFINITY;
    let passAtMs = Number.NEGATIVE_INFINITY;
    let isAway = false;
    while (!signal.aborted) {
      try {
        if (!(await isReadable())) {
          await sleep(readableMs, signal);
          continue;
        }
        const nowMs = clock.monotonicMs();
        if (stale || nowMs - sourcesAtMs >= sourcesMs) {
          await refresh();
          sourcesAtMs = nowMs;
        }
        const all = nowMs - passAtMs >= passMs - 20;
        if (all) passAtMs = nowMs;
        for (const environmentId of all ? [...byEnvironment.keys()] : watched.keys()) {
          if (signal.aborted) break;
          if (needsLook(environmentId)) await look(environmentId);
        }
      } catch (error) {
        // The engine is away: what it has written by then is read when it is back.
        if (!isAway) log.warn("what sites print cannot be looked after at present", { error });
        isAway = true;
        await sleep(awayMs, signal);
        continue;
      }
      isAway = false;
      const dueMs = passAtMs + passMs - clock.monotonicMs();
      if (!signal.aborted && !stale)
        await sleep(Math.max(10, watched.size > 0 ? Math.min(watchedMs, dueMs) : dueMs), signal);
    }
    for (const one of tracked.values()) await one.reader.close().catch(() => {});
  };

  /** Without a promise where nothing happened: that is most of them, most of the time. */
  const needsLook = (environmentId: string): boolean => {
    for (const key of byEnvironment.get(environmentId) ?? []) {
      const one = tracked.get(key);
      if (!one || one.pending.length > 0 || !wanted.has(key) || one.reader.changed()) return true;
    }
    return false;
  };

  return {
    start: loop,
    isOn: () => readable !== false,
    notice() {
      stale = true;
      wake();
    },
    async drain(replicaId) {
      const work = async (): Promise<void> => {
        if (readable === false || !(await isReadable())) return;
        const source =
          [...wanted.values()].find((one) => one.replicaId === replicaId) ?? (await deps.sourceOf(replicaId));
        if (!source) return;
        want(source);
        await collectOne(source.environmentId);
      };
      await Promise.race([work(), Bun.sleep(drainDeadlineMs)]).catch((error) =>
        log.warn("the last lines of a container may be missing", { replica: replicaId, error }),
      );
    },
    forget: (environmentId) =>
      inTurn(environmentId, async () => {
        forgotten.add(environmentId);
        for (const [key, source] of wanted) if (source.environmentId === environmentId) wanted.delete(key);
        for (const one of ofEnvironment(environmentId)) await close(one);
      }),
    changed: (environmentId, deadlineMs, signal) =>
      new Promise((resolve) => {
        const own = waiting.get(environmentId) ?? new Set();
        waiting.set(environmentId, own);
        const end = (): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", end);
          own.delete(end);
          if (own.size === 0) waiting.delete(environmentId);
          resolve();
        };
        const timer = setTimeout(end, deadlineMs);
        signal.addEventListener("abort", end, { once: true });
        own.add(end);
      }),
    watch(environmentId) {
      watched.set(environmentId, (watched.get(environmentId) ?? 0) + 1);
      wake();
      return () => {
        const left = watched.get(environmentId)! - 1;
        if (left === 0) watched.delete(environmentId);
        else watched.set(environmentId, left);
      };
    },
  };
};
