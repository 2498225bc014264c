import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { hourMs as hour } from "../domain/time-bucket.ts";
import { closeSegment, flushLog, pruneLog } from "./access-log/log-writer.ts";
import { logFolder } from "./access-log/segments.ts";
import { beginHour } from "./paths/path-counts.ts";
import { createPathStore, type PathStore, prunePaths } from "./paths/path-store.ts";
import type { Router } from "./state.ts";
import type { Traffic } from "./traffic.ts";

const tickMs = 500;
const savePathsMs = 5_000;
const pruneMs = 60_000;
/** How long the end of a process may wait for the disk. */
const lastWordMs = 2_000;

/**
 * Brings access logs and counts by path to the disk, some times a second, and removes what is past its time or of
 * sites that are no more. What a kill takes is at most a second of the log and five seconds of the counts.
 * @returns what ends it, writing what is left
 */
export const keepTraffic = (traffic: Traffic, router: Router, process: string): (() => Promise<void>) => {
  const { dir, log } = traffic;
  if (dir === null) return async () => {};
  const paths = createPathStore(dir, process);
  let hourMs = startOfHour(traffic.nowMs());
  let savedAtMs = traffic.nowMs();
  let prunedAtMs = 0;
  let tableVersion = 0;
  let busy: Promise<void> | null = null;

  const tidy = async (): Promise<void> => {
    const nowMs = traffic.nowMs();
    // A clock that is set back a little stays in its hour: what is saved of it must not be replaced.
    if (startOfHour(nowMs) > hourMs || nowMs < hourMs - 2 * hour) {
      // At once: nothing of the new hour may come between.
      saveLast(paths, traffic, hourMs);
      hourMs = startOfHour(nowMs);
      forgetCounts(traffic, router);
    }
    if (Math.abs(nowMs - savedAtMs) >= savePathsMs) {
      savedAtMs = nowMs;
      await paths.save(hourMs, traffic.counts);
    }
    if (tableVersion !== router.version || Math.abs(nowMs - prunedAtMs) >= pruneMs) {
      tableVersion = router.version;
      prunedAtMs = nowMs;
      await pruneLogs(traffic, router);
      await prunePaths(dir, nowMs);
    }
  };
  const tick = (): void => {
    traffic.clock.offsetMs = Date.now() - performance.now();
    for (const writer of traffic.writers.values()) void flushLog(writer, traffic);
    busy ??= tidy()
      .catch((error: unknown) => log.error("keeping what is known of requests failed", { error }))
      .finally(() => (busy = null));
  };
  const timer = setInterval(tick, tickMs);
  return async () => {
    clearInterval(timer);
    const flushed = [...traffic.writers.values()].map((writer) => flushLog(writer, traffic));
    await Promise.race([Promise.all([busy, ...flushed]), Bun.sleep(lastWordMs)]);
    for (const writer of traffic.writers.values()) closeSegment(writer);
    saveLast(paths, traffic, hourMs);
  };
};

const saveLast = (paths: PathStore, { counts, log }: Traffic, hourMs: number): void => {
  try {
    paths.saveNow(hourMs, counts);
  } catch (error) {
    log.error("counts by path could not be stored", { error });
  }
};

const startOfHour = (ms: number): number => ms - (ms % hour);

/** A new hour counts from zero; routes that are gone and were not asked for are let go. */
const forgetCounts = ({ counts }: Traffic, router: Router): void => {
  for (const [id, one] of counts) {
    beginHour(one);
    if (one.entries.size === 0 && !router.byId.has(id)) counts.delete(id);
  }
};

const defaultKeptMs = 7 * 24 * hour;

const pruneLogs = async (traffic: Traffic, router: Router): Promise<void> => {
  // Without a table nothing is known of which sites there are.
  if (router.version === 0) return;
  const known = new Set<string>();
  for (const { route } of router.byId.values()) {
    known.add(route.id);
    if (route.accessLog != null) known.add(route.accessLog.into);
  }
  for (const [id, writer] of traffic.writers) {
    if (known.has(id)) continue;
    traffic.writers.delete(id);
    await writer.writing;
    closeSegment(writer);
  }
  const root = logFolder(traffic.dir!, "");
  for (const id of await readdir(root).catch(() => [])) {
    const writer = traffic.writers.get(id);
    if (!known.has(id)) await rm(join(root, id), { recursive: true, force: true });
    // Whose log is off keeps what it has for a week more.
    else
      await pruneLog(
        join(root, id),
        writer?.ringBytes ?? Number.POSITIVE_INFINITY,
        writer?.keptMs ?? defaultKeptMs,
        traffic.nowMs(),
      );
  }
};
