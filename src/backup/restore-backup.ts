import { chmod, mkdir, rm, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { formatBytes } from "../domain/size.ts";
import { AppError, conflict, invalid, notFound } from "../errors.ts";
import { unpackFiles } from "./archive.ts";
import type { BackupDeps } from "./deps.ts";
import { lockBackups, namesIn, timeName } from "./folder.ts";
import { listBackups } from "./list-backups.ts";
import { type BackupManifest, type BackupPart, masterKeyNote, readManifest } from "./manifest.ts";
import { readPart, syncFolder, unpackFile } from "./part-file.ts";
import { type AfterStep, databaseEntries, fileEntries, finishInterruptedRestore, swapIn } from "./swap.ts";
import { checkDatabase, findBackup } from "./verify-backup.ts";
import { type BackupView, viewOf } from "./view.ts";

export interface RestoreOptions {
  /** The newest full backup made not after this: ISO 8601. Without `at` and `from`: the newest of all. */
  at?: string;
  /** A certain backup: path of its folder, its name, or its id. */
  from?: string;
  /** Go on although the present master key is another one, or missing: secrets will be unreadable. */
  withoutKey?: boolean;
  signal?: AbortSignal;
  afterStep?: AfterStep;
}

export interface Restored {
  backup: BackupView;
  /** Folder that holds what was there before. */
  keptIn: string;
  /** What a person should know or do now. */
  notes: string[];
}

/**
 * Puts a backup back while the daemon is stopped: unpacks it beside the present state, checks all of it, and only
 * then exchanges the two. What was there is kept in `before-restore-<time>/`. A backup made before a migration
 * holds the database alone, and only that is exchanged.
 * @throws AppError `conflict` while a daemon or a backup runs, or when the master key does not fit; `not_found`;
 *   `invalid_input` for a wrong time; `unavailable` when the backup is damaged or there is no room. Nothing has
 *   changed then.
 */
export const restoreBackup = async (
  deps: BackupDeps & {
    /** The file that the daemon holds locked for its life. */
    instanceLockPath: string;
    /** Migrations that this program knows; a database with others was made by a newer one. */
    knownMigrations: readonly string[];
    /**
     * Stops all containers, which otherwise would write on into the volumes that were put aside. The daemon
     * starts them again. Absent where no engine is.
     */
    stopSites?(): Promise<void>;
  },
  options: RestoreOptions = {},
): Promise<Restored> => {
  const { dataDir } = deps;
  const signal = options.signal ?? new AbortController().signal;
  await mkdir(dataDir, { recursive: true, mode: 0o711 });
  const instance = deps.acquireLock(
    deps.instanceLockPath,
    "the daemon is running; stop it before restoring a backup",
  );
  try {
    const lock = lockBackups(deps);
    try {
      await finishInterruptedRestore(dataDir);
      const folder = await chooseBackup(dataDir, options);
      const manifest = await readManifest(folder);
      checkVersion(manifest, deps.knownMigrations);
      await checkKey(deps, manifest, options.withoutKey ?? false);
      await checkRoom(dataDir, manifest);

      for (const name of await namesIn(dataDir))
        if (name.startsWith(".restore-")) await rm(join(dataDir, name), { recursive: true, force: true });
      const stamp = `${timeName(deps.clock.nowMs())}-${manifest.id}`;
      const staging = `.restore-${stamp}`;
      const aside = `before-restore-${stamp}`;
      let leftOut: string[];
      try {
        leftOut = await stage(folder, manifest, dataDir, join(dataDir, staging), signal);
        options.afterStep?.("staged");
      } catch (error) {
        await rm(join(dataDir, staging), { recursive: true, force: true });
        throw error;
      }
      const isFull = manifest.kind !== "pre-migration";
      if (isFull) await deps.stopSites?.();
      const entries = [...(isFull ? fileEntries : []), ...databaseEntries];
      await swapIn(dataDir, { backup: manifest.id, staging, aside, entries }, options.afterStep);
      deps.log.info("backup restored", { id: manifest.id, keptIn: aside });
      return {
        backup: viewOf(folder, manifest, deps.clock.nowMs()),
        keptIn: join(dataDir, aside),
        notes: [
          `what was there before is in ${join(dataDir, aside)}; remove it when all is well`,
          ...(manifest.keyFingerprint === (await deps.keyFingerprint()) ? [] : [masterKeyNote]),
          "container images are not in a backup: where they are gone, deploy the site again",
          ...leftOut,
        ],
      };
    } finally {
      lock.release();
    }
  } finally {
    instance.release();
  }
};

const chooseBackup = async (dataDir: string, options: RestoreOptions): Promise<string> => {
  if (options.from !== undefined && options.at !== undefined)
    throw invalid("at", "cannot be given together with from");
  if (options.from !== undefined) return findBackup(dataDir, options.from);
  const atMs = options.at === undefined ? Infinity : Date.parse(options.at);
  if (Number.isNaN(atMs)) throw invalid("at", "must be a time such as 2026-03-01T12:00:00Z");
  const full = (await listBackups({ dataDir })).filter((view) => view.kind !== "pre-migration");
  const chosen = full.find((view) => view.state === "whole" && Date.parse(view.createdAt) <= atMs);
  if (chosen) return chosen.path;
  if (full.length === 0) throw notFound(`a backup in ${join(dataDir, "backups")}`);
  throw new AppError(
    "not_found",
    `no whole backup was made at or before ${options.at}; the oldest is of ${full.at(-1)!.createdAt}`,
  );
};

const checkVersion = (manifest: BackupManifest, known: readonly string[]): void => {
  const unknown = manifest.migrations.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw conflict(
      `this backup was made by a newer Croft (${manifest.croftVersion}); install that version, then restore`,
    );
};

const checkKey = async (
  deps: Pick<BackupDeps, "keyFingerprint" | "dataDir">,
  manifest: BackupManifest,
  withoutKey: boolean,
): Promise<void> => {
  if (manifest.keyFingerprint === null || withoutKey) return;
  const present = await deps.keyFingerprint();
  if (present === manifest.keyFingerprint) return;
  const path = join(deps.dataDir, "master.key");
  throw conflict(
    present === null
      ? `there is no master key: put the one this backup belongs to (${manifest.keyFingerprint}) at ${path} first, or restore without it and lose all secrets`
      : `the master key at ${path} (${present}) is not the one this backup belongs to (${manifest.keyFingerprint}): put that one there first, or restore without it and lose all secrets`,
  );
};

const checkRoom = async (dataDir: string, manifest: BackupManifest): Promise<void> => {
  const needed = manifest.parts.reduce((sum, part) => sum + part.contentBytes, 0);
  const { bavail, bsize } = await statfs(dataDir);
  if (bavail * bsize < needed)
    throw new AppError(
      "unavailable",
      `not enough room in ${dataDir}: the backup unpacks to ${formatBytes(needed)}, and ${formatBytes(bavail * bsize)} are free`,
    );
};

/** What a part may bring into the data directory, and nothing else. */
const memberOf = (part: BackupPart): string => {
  switch (part.kind) {
    case "repositories":
      return "repos";
    case "volume":
      return part.path.replace(/\.tar\.zst$/, "");
    default:
      return part.kind;
  }
};

/**
 * Unpacks and checks everything. Folders that the backup has nothing for come out empty, as they were.
 * @returns sentences about files that could not be brought back
 */
const stage = async (
  folder: string,
  manifest: BackupManifest,
  dataDir: string,
  staging: string,
  signal: AbortSignal,
): Promise<string[]> => {
  const leftOut: string[] = [];
  await mkdir(staging, { mode: 0o700 });
  if (manifest.kind !== "pre-migration")
    for (const name of fileEntries) {
      await mkdir(join(staging, name), { mode: 0o700 });
      const present = await stat(join(dataDir, name)).catch(() => null);
      if (present) await chmod(join(staging, name), present.mode & 0o7777);
    }
  for (const part of manifest.parts) {
    signal.throwIfAborted();
    const path = join(folder, part.path);
    if (part.kind === "database" || part.kind === "usage") {
      const target = join(staging, part.path.replace(/\.zst$/, ""));
      await unpackFile(path, part, target, signal);
      await checkDatabase(target, part);
    } else
      leftOut.push(
        ...(await readPart(path, part, (archive) =>
          unpackFiles(archive, { folder: staging, member: memberOf(part) }, signal),
        )),
      );
  }
  if (!(await namesIn(staging)).includes("croft.db"))
    throw new AppError("unavailable", "this backup is damaged: it holds no database");
  await syncTree(staging);
  return leftOut;
};

/** Everything below, before names that lead to it are exchanged. */
const syncTree = async (folder: string): Promise<void> => {
  const child = Bun.spawn(["sync", "--file-system", folder], {
    stdout: "ignore",
    stderr: "pipe",
    timeout: 600_000,
  });
  const words = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`sync: ${words.trim()}`);
  await syncFolder(folder);
};
