import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { hourMs as hour } from "../domain/time-bucket.ts";
import { closeSegment, flushLog } from "./access-log/log-writer.ts";
import { pruneLog } from "./access-log/prune-log.ts";
import { logFolder } from "./access-log/segments.ts";
import { beginHour } from "./paths/path-counts.ts";
import { createPathStore, prunePaths } from "./paths/path-store.ts";
import type { Edge, Router } from "./state.ts";
import type { Traffic } from "./traffic.ts";

const tickMs = 500;
const savePathsMs = 5_000;
const pruneMs = 60_000;
/** A log without a site is looked at so often and so long before it goes: tables reach processes one after another. */
const orphanTicks = 6;
/** How long the end of a process may wait for the disk. */
const lastWordMs = 2_000;

/**
 * Brings access logs and counts by path to the disk, some times a second, and removes what is past its time or of
 * sites that are no more. What a kill takes is at most a second of the log and five seconds of the counts.
 * @param process names this life of the process among all
 * @returns what ends it, writing what is left
 */
export const keepTraffic = (
  edge: Pick<Edge, "traffic" | "router" | "leaving">,
  process: string,
): (() => Promise<void>) => {
  const { traffic, router } = edge;
  const { dir, log } = traffic;
  if (dir === null) return async () => {};
  const paths = createPathStore(dir, process);
  let hourMs = startOfHour(traffic.nowMs());
  let savedAtMs = traffic.nowMs();
  let prunedAtMs = 0;
  let tableVersion = 0;
  let busy: Promise<void> | null = null;
  const orphans = new Map<string, number>();
  const failing = new Set<string>();

  /** What fails is said once, and again when it works. */
  const attempt = async (what: string, act: () => void | Promise<void>): Promise<void> => {
    try {
      await act();
      if (failing.delete(what)) log.info(`${what} works again`);
    } catch (error) {
      if (!failing.has(what)) log.error(`${what} failed`, { error });
      failing.add(what);
    }
  };
  const tidy = async (): Promise<void> => {
    const nowMs = traffic.nowMs();
    // A clock that is set back a little stays in its hour: what is saved of it must not be replaced.
    if (startOfHour(nowMs) > hourMs || nowMs < hourMs - 2 * hour) {
      const over = hourMs;
      hourMs = startOfHour(nowMs);
      await attempt("storing counts by path", () => paths.save(over, traffic.counts, beginHour));
      forgetCounts(traffic, router);
    }
    if (Math.abs(nowMs - savedAtMs) >= savePathsMs) {
      savedAtMs = nowMs;
      await attempt("storing counts by path", () => paths.save(hourMs, traffic.counts));
    }
    if (orphans.size === 0 && tableVersion === router.version && Math.abs(nowMs - prunedAtMs) < pruneMs)
      return;
    tableVersion = router.version;
    prunedAtMs = nowMs;
    await attempt("removing old access logs", async () => {
      await pruneLogs(traffic, router, edge.leaving, orphans);
      await prunePaths(dir, nowMs);
    });
  };
  const tick = (): void => {
    traffic.clock.offsetMs = Date.now() - performance.now();
    for (const writer of traffic.writers.values()) void flushLog(writer, traffic);
    busy ??= tidy().finally(() => (busy = null));
  };
  const timer = setInterval(tick, tickMs);
  return async () => {
    clearInterval(timer);
    const flushed = [...traffic.writers.values()].map((writer) => flushLog(writer, traffic));
    await Promise.race([Promise.all([busy, ...flushed]), Bun.sleep(lastWordMs)]);
    for (const writer of traffic.writers.values()) if (writer.writing === null) closeSegment(writer, traffic);
    await attempt("storing counts by path", () => paths.saveNow(hourMs, traffic.counts));
  };
};

const startOfHour = (ms: number): number => ms - (ms % hour);

/** Routes that are gone and were not asked for are let go. */
const forgetCounts = ({ counts }: Traffic, router: Router): void => {
  for (const [id, one] of counts) if (one.entries.size === 0 && !router.byId.has(id)) counts.delete(id);
};

const defaultKeptMs = 7 * 24 * hour;

const pruneLogs = async (
  traffic: Traffic,
  router: Router,
  leaving: boolean,
  orphans: Map<string, number>,
): Promise<void> => {
  const known = new Set<string>();
  for (const { route } of router.byId.values()) {
    known.add(route.id);
    if (route.accessLog != null) known.add(route.accessLog.into);
  }
  const root = logFolder(traffic.dir!, "");
  const seen = new Set<string>();
  for (const id of await readdir(root).catch(() => [])) {
    const writer = traffic.writers.get(id);
    if (known.has(id)) {
      // Whose log is off keeps what it has for a week more.
      await pruneLog(
        join(root, id),
        writer?.ringBytes ?? Number.POSITIVE_INFINITY,
        writer?.keptMs ?? defaultKeptMs,
        traffic.nowMs(),
      );
      continue;
    }
    // Who leaves, or has no table yet, does not know which sites there are.
    if (leaving || router.version === 0) continue;
    seen.add(id);
    const ticks = (orphans.get(id) ?? 0) + 1;
    orphans.set(id, ticks);
    if (ticks < orphanTicks) continue;
    if (writer !== undefined) {
      traffic.writers.delete(id);
      await writer.writing;
      closeSegment(writer, traffic);
    }
    await rm(join(root, id), { recursive: true, force: true });
  }
  for (const id of orphans.keys()) if (!seen.has(id)) orphans.delete(id);
};
