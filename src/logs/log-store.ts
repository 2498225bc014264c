import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../domain/log.ts";
import { type Keep, openSiteLog, removeSiteLog, type SiteLog } from "./site-log.ts";

export interface LogStore {
  /** Opened at the first call; the same one from then on. */
  of(environmentId: string): Promise<SiteLog>;
  /** Bytes on disk of what is stored of an environment. */
  bytes(environmentId: string): Promise<number>;
  /** Housekeeping of all logs, one after the other; those of environments that are not among `known` go whole. */
  tend(known: ReadonlySet<string>, nowMs: number, signal: AbortSignal): Promise<void>;
  remove(environmentId: string): Promise<void>;
}

export interface LogStoreDeps {
  /** Holds nothing but one folder per environment. */
  dir: string;
  keep(environmentId: string): Promise<Keep>;
  log: Log;
}

const isFolderName = (name: string): boolean => /^[A-Za-z0-9_-]{1,64}$/.test(name);

/** Runs work one piece after the other. */
const lane = () => {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work, work);
    last = mine.catch(() => {});
    return mine;
  };
};

/**
 * One part at a time over all who search and download, first come, first served, and everything else in between: a part
 * takes some milliseconds, and however many search, nobody else waits for longer.
 */
const turns = () => {
  let last: Promise<void> = Promise.resolve();
  return (): Promise<void> =>
    (last = last.then(() => new Promise((resolve) => setImmediate(() => resolve()))));
};

/** What sites' containers printed, in files of each environment's own. Only what was asked for is held open. */
export const openLogStore = ({ dir, keep, log }: LogStoreDeps): LogStore => {
  const open = new Map<string, Promise<SiteLog>>();
  const inTurn = lane();
  const readTurn = turns();
  const folderOf = (environmentId: string): string => {
    if (!isFolderName(environmentId)) throw new RangeError(`not an id: ${environmentId}`);
    return join(dir, environmentId);
  };
  const of = (environmentId: string): Promise<SiteLog> => {
    const present = open.get(environmentId);
    if (present) return present;
    const opened = openSiteLog(folderOf(environmentId), {
      keep: () => keep(environmentId),
      inTurn,
      readTurn,
      log,
    });
    open.set(environmentId, opened);
    // Tried anew at the next call.
    opened.catch(() => open.delete(environmentId));
    return opened;
  };
  const remove = async (environmentId: string): Promise<void> => {
    open.delete(environmentId);
    await inTurn(() => removeSiteLog(folderOf(environmentId)));
  };
  return {
    of,
    bytes: async (environmentId) => (await of(environmentId)).bytes(),
    remove,
    async tend(known, nowMs, signal) {
      for (const name of await readdir(dir).catch(() => [])) {
        if (signal.aborted) return;
        if (!isFolderName(name)) continue;
        if (!known.has(name)) await remove(name);
        else
          await of(name)
            .then((siteLog) => siteLog.tend(nowMs))
            .catch((error) => log.warn("a site's log could not be tidied", { environment: name, error }));
      }
    },
  };
};
