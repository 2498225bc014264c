import { Database } from "bun:sqlite";
import { constants, rmSync } from "node:fs";
import { type FileHandle, open, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../domain/log.ts";
import {
  addPaths,
  type PathHour,
  pathFileOutline,
  pathHourSchema,
  type PathSums,
  storedPath,
  topPaths,
} from "../domain/path-usage.ts";
import { hourMs } from "../domain/time-bucket.ts";

const schema = `
  -- What was asked for by method and pattern, per environment and hour: JSON as domain/path-usage has it, compressed.
  CREATE TABLE path_hours (
    environment TEXT NOT NULL,
    hour INTEGER NOT NULL,
    paths BLOB NOT NULL,
    PRIMARY KEY (environment, hour)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX path_hours_by_hour ON path_hours (hour);
  -- Files of the edge that are in path_hours already, though they may still be there.
  CREATE TABLE taken (file TEXT PRIMARY KEY, hour INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  PRAGMA user_version = 1;
`;

/** More than are shown: a path can be on top of a week without being so in each hour. */
const keptPerHour = 100;
/** A file of the edge's holds a few megabytes at most. */
const largestFile = 64 * 1024 * 1024;
/** As many environments as an edge could serve. */
const mostRoutes = 50_000;
const routeId = /^[A-Za-z0-9_-]{1,64}$/;
const fileName = /^(\d{13})-[A-Za-z0-9-]{1,80}\.json$/;

const pack = (paths: PathHour): Uint8Array => Bun.zstdCompressSync(JSON.stringify(paths));
const unpack = (bytes: Uint8Array): PathHour =>
  pathHourSchema.parse(JSON.parse(Buffer.from(Bun.zstdDecompressSync(bytes)).toString()));

/**
 * Counts by path that are over, an hour each, in a file of their own; the edge leaves them in `folder`, a file per hour
 * and process, and this takes them in and removes them. The file is worth less than a daemon that starts: a broken
 * one is begun anew.
 */
export const openPathHours = (path: string, folder: string, { log }: { log: Log }) => {
  const db = openDatabase(path, log);
  const isTaken = (file: string): boolean =>
    db.query("SELECT 1 FROM taken WHERE file = ?").get(file) !== null;

  const add = db.transaction((file: string, hour: number, routes: Record<string, PathHour>): void => {
    if (isTaken(file)) return;
    for (const [environment, paths] of Object.entries(routes)) {
      const before = db
        .query<{ paths: Uint8Array }, [string, number]>(
          "SELECT paths FROM path_hours WHERE environment = ? AND hour = ?",
        )
        .get(environment, hour);
      const sums: PathSums = new Map();
      if (before !== null) addPaths(sums, unpack(before.paths));
      addPaths(sums, paths);
      const { top, other } = topPaths(sums, keptPerHour);
      const kept = [...top, ...(other === null ? [] : [other])].map(storedPath);
      db.query("INSERT OR REPLACE INTO path_hours VALUES (?, ?, ?)").run(environment, hour, pack(kept));
    }
    db.query("INSERT INTO taken VALUES (?, ?)").run(file, hour);
  }).immediate;

  /** Of the hours from `fromMs` up to `toMs`, without what is taken in. */
  const waiting = async (fromMs: number, toMs: number): Promise<{ file: string; hour: number }[]> => {
    const files: { file: string; hour: number }[] = [];
    for (const file of await readdir(folder).catch(() => [])) {
      const hour = Number(fileName.exec(file)?.[1]);
      if (hour % hourMs === 0 && hour >= fromMs && hour < toMs) files.push({ file, hour });
    }
    return files;
  };

  return {
    async takeIn(beforeMs: number, signal: AbortSignal): Promise<number> {
      let taken = 0;
      for (const { file, hour } of await waiting(0, beforeMs)) {
        if (signal.aborted) break;
        const routes = isTaken(file) ? null : await readFile(folder, file, hour, log);
        if (routes !== null) add(file, hour, routes);
        await unlink(join(folder, file)).catch(() => {});
        taken++;
      }
      return taken;
    },

    async between(environmentId: string, fromMs: number, toMs: number): Promise<PathHour[]> {
      // Looked for first: a file that is taken in meanwhile is then among the rows.
      const live = await waiting(fromMs, toMs);
      const files: { file: string; paths: PathHour }[] = [];
      for (const { file, hour } of live) {
        const paths = (await readFile(folder, file, hour, null, environmentId))?.[environmentId];
        if (paths !== undefined) files.push({ file, paths });
      }
      const rows = db
        .query<{ paths: Uint8Array }, [string, number, number]>(
          "SELECT paths FROM path_hours WHERE environment = ? AND hour >= ? AND hour < ?",
        )
        .all(environmentId, fromMs, toMs);
      return [
        ...rows.map((row) => unpack(row.paths)),
        ...files.filter(({ file }) => !isTaken(file)).map(({ paths }) => paths),
      ];
    },

    deleteBefore(beforeMs: number): number {
      db.query("DELETE FROM taken WHERE hour < ?").run(beforeMs);
      return db.query("DELETE FROM path_hours WHERE hour < ?").run(beforeMs).changes;
    },

    close(): void {
      db.close(true);
    },
  };
};

const openDatabase = (path: string, log: Log): Database => {
  try {
    return openOne(path);
  } catch (error) {
    if (!["SQLITE_NOTADB", "SQLITE_CORRUPT"].includes((error as { code?: string }).code ?? "")) throw error;
    log.error("the file of counts by path is broken and was begun anew", { path, error });
    for (const sibling of ["", "-wal", "-shm"]) rmSync(path + sibling, { force: true });
    return openOne(path);
  }
};

const openOne = (path: string): Database => {
  const db = new Database(path, { create: true, strict: true });
  try {
    db.run("PRAGMA busy_timeout = 1000");
    db.run("PRAGMA journal_mode = WAL");
    db.run("PRAGMA synchronous = NORMAL");
    db.run("PRAGMA trusted_schema = OFF");
    const { version } = db
      .query<{ version: number }, []>("SELECT user_version AS version FROM pragma_user_version")
      .get()!;
    if (version === 0) db.transaction(() => db.run(schema)).immediate();
    else if (version !== 1) throw new Error(`${path} was written by a newer version of Croft`);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
};

/** The edge is another user and no friend: only a plain file of a bearable size is read, and every value checked. */
const readFile = async (
  folder: string,
  file: string,
  hour: number,
  log: Log | null,
  only: string | null = null,
): Promise<Record<string, PathHour> | null> => {
  try {
    const handle = await open(
      join(folder, file),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    );
    try {
      const stats = await handle.stat();
      if (!stats.isFile() || stats.size > largestFile) throw new Error("it is no file of counts");
      const { hourMs: told, routes } = pathFileOutline.parse(JSON.parse(await wordsOf(handle, stats.size)));
      const ids = Object.keys(routes);
      if (ids.length > mostRoutes || !ids.every((id) => routeId.test(id)))
        throw new Error("it counts for what is no environment");
      const checked: Record<string, PathHour> = {};
      if (told !== hour) return null;
      for (const [id, paths] of Object.entries(routes))
        if (only === null || id === only) checked[id] = pathHourSchema.parse(paths);
      return checked;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT")
      log?.warn("counts by path from the edge cannot be read and are left out", { file, error });
    return null;
  }
};

/** No more than it was when it was looked at: it may grow meanwhile. */
const wordsOf = async (handle: FileHandle, size: number): Promise<string> => {
  const bytes = Buffer.alloc(size);
  let length = 0;
  for (let read = -1; read !== 0 && length < size; length += read)
    ({ bytesRead: read } = await handle.read(bytes, length, size - length, length));
  return bytes.toString("utf8", 0, length);
};
