import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { newId } from "../domain/id.ts";
import { AppError } from "../errors.ts";
import { packFiles } from "./archive.ts";
import { copyDatabase, type DatabaseFacts, inspectDatabase } from "./database-file.ts";
import type { BackupDeps } from "./deps.ts";
import { backupsFolder, lockBackups, namesIn, timeName } from "./folder.ts";
import {
  type BackupKind,
  type BackupManifest,
  type BackupPart,
  backupNotes,
  manifestName,
  storedBytes,
} from "./manifest.ts";
import { syncFolder, writePart } from "./part-file.ts";
import { type BackupView, viewOf } from "./view.ts";
import { checkBackup, noteVerified } from "./verify-backup.ts";

/** No backup takes longer. */
const deadlineMs = 12 * 3_600_000;

/**
 * Makes a backup while everything runs: a consistent snapshot of the database, usage files, repositories, static
 * releases and volumes. It gets its name only when it is whole, on the disk and read back; until then, and when
 * this fails, there is none.
 * @throws AppError `conflict` while another backup or a restore runs, `unavailable` when it cannot be written
 */
export const createBackup = async (
  deps: BackupDeps,
  options: { kind: BackupKind; signal?: AbortSignal },
): Promise<BackupView> => {
  const lock = lockBackups(deps);
  const nowMs = deps.clock.nowMs();
  const id = newId("bak", nowMs);
  const name = `${options.kind === "pre-migration" ? "pre-migration-" : ""}${timeName(nowMs)}-${id}`;
  const folder = backupsFolder(deps.dataDir);
  const partial = join(folder, `.${name}.partial`);
  const deadline = AbortSignal.timeout(deadlineMs);
  const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // Whoever left one behind is dead: this process holds the lock.
    for (const left of await namesIn(folder))
      if (left.startsWith(".")) await rm(join(folder, left), { recursive: true, force: true });
    await mkdir(partial, { mode: 0o700 });
    const manifest: BackupManifest = {
      format: 1,
      id,
      kind: options.kind,
      createdAt: new Date(nowMs).toISOString(),
      croftVersion: deps.version,
      migrations: [],
      keyFingerprint: await deps.keyFingerprint(),
      parts: [],
      warnings: [],
      notes: [...backupNotes],
    };
    await fill(deps.dataDir, partial, manifest, signal);
    await writeManifest(partial, manifest);
    await checkBackup(partial, folder, signal);
    await noteVerified(partial, deps.clock.nowMs());
    signal.throwIfAborted();
    const path = join(folder, name);
    await rename(partial, path);
    await syncFolder(folder);
    await remember(deps, path, manifest, nowMs);
    deps.log.info("backup made", {
      id,
      kind: options.kind,
      bytes: storedBytes(manifest),
      warnings: manifest.warnings.length,
    });
    return viewOf(path, manifest, deps.clock.nowMs());
  } catch (cause) {
    await rm(partial, { recursive: true, force: true });
    if (cause instanceof AppError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code;
    const why =
      code === "ENOSPC" || code === "SQLITE_FULL" ? "the disk is full" : "see the log for the reason";
    throw new AppError("unavailable", `the backup could not be made, ${why}; nothing was changed`, { cause });
  } finally {
    lock.release();
  }
};

/** Best effort: the backup itself is made, and a list finds it on the disk. */
const remember = async (
  deps: BackupDeps,
  path: string,
  manifest: BackupManifest,
  createdAt: number,
): Promise<void> => {
  try {
    const text = await Bun.file(join(path, manifestName)).bytes();
    await deps.records?.insertBackup({
      id: manifest.id,
      kind: manifest.kind,
      path,
      bytes: storedBytes(manifest),
      sha256: new Bun.CryptoHasher("sha256").update(text).digest("hex"),
      createdAt,
      verifiedAt: deps.clock.nowMs(),
    });
  } catch (error) {
    deps.log.warn("a backup was made but could not be noted in the database", { id: manifest.id, error });
  }
};

const fill = async (
  dataDir: string,
  target: string,
  manifest: BackupManifest,
  signal: AbortSignal,
): Promise<void> => {
  // The database first: what its rows speak of is then in the folders that are read after it.
  const facts = await addDatabase(
    join(dataDir, "croft.db"),
    target,
    "croft.db",
    "database",
    manifest,
    signal,
  );
  manifest.migrations = facts.migrations;
  if (manifest.kind === "pre-migration") return;

  await mkdir(join(target, "usage"), { mode: 0o700 });
  for (const name of await namesIn(join(dataDir, "usage")))
    if (/^\d{4}-\d{2}\.db$/.test(name))
      await addDatabase(join(dataDir, "usage", name), target, `usage/${name}`, "usage", manifest, signal);

  const add = async (
    part: Pick<BackupPart, "path" | "kind" | "volume">,
    members: string[],
    exclude: string[] = [],
  ): Promise<void> => {
    if (members.length === 0) return;
    const path = join(target, part.path);
    const { result, warnings } = await packFiles(
      dataDir,
      members,
      exclude,
      (archive) => writePart(archive, path, signal),
      signal,
    );
    manifest.parts.push({ ...part, ...result });
    manifest.warnings.push(...warnings);
  };
  const folders = new Set(await namesIn(dataDir));
  if (folders.has("repos")) {
    // Branches before objects: whatever a push adds meanwhile, each branch in the backup finds its commits in it.
    const branches = ["HEAD", "packed-refs", "refs"];
    const members: string[] = [];
    for (const repository of await namesIn(join(dataDir, "repos")))
      for (const name of await namesIn(join(dataDir, "repos", repository)).catch(() => []))
        if (branches.includes(name)) members.push(`repos/${repository}/${name}`);
    await add({ path: "repos-refs.tar.zst", kind: "repositories" }, members);
    await add(
      { path: "repos.tar.zst", kind: "repositories" },
      ["repos"],
      branches.map((name) => `repos/*/${name}`),
    );
  }
  if (folders.has("static")) await add({ path: "static.tar.zst", kind: "static" }, ["static"]);
  await mkdir(join(target, "volumes"), { mode: 0o700 });
  for (const id of await namesIn(join(dataDir, "volumes"))) {
    const volume = facts.volumes.find((one) => one.id === id) ?? null;
    if (await isUnmounted(dataDir, id)) {
      manifest.warnings.push(`volume ${volume?.name ?? id} is not in it: its file system is not mounted`);
      continue;
    }
    await add({ path: `volumes/${id}.tar.zst`, kind: "volume", volume }, [`volumes/${id}`]);
  }
};

/** A volume that is a file system of its own shows nothing where it is not mounted: that is not what it holds. */
const isUnmounted = async (dataDir: string, id: string): Promise<boolean> => {
  if (!(await namesIn(join(dataDir, "volume-images"))).includes(`${id}.img`)) return false;
  const [volumes, volume] = await Promise.all([
    stat(join(dataDir, "volumes")),
    stat(join(dataDir, "volumes", id)),
  ]);
  return volume.dev === volumes.dev;
};

/** Copies, checks and compresses a database; only the compressed copy stays. */
const addDatabase = async (
  source: string,
  target: string,
  name: string,
  kind: "database" | "usage",
  manifest: BackupManifest,
  signal: AbortSignal,
): Promise<DatabaseFacts> => {
  const copy = join(target, `${name}.copy`);
  await copyDatabase(source, copy);
  signal.throwIfAborted();
  const facts = await inspectDatabase(copy);
  if (facts.problems.length > 0)
    throw new AppError(
      "unavailable",
      `${name} is damaged (${facts.problems[0]}); a backup of it would be worthless`,
    );
  const path = `${name}.zst`;
  const part = await writePart(Bun.file(copy).stream(), join(target, path), signal);
  await rm(copy);
  manifest.parts.push({ path, kind, ...part, tables: facts.tables });
  return facts;
};

const writeManifest = async (folder: string, manifest: BackupManifest): Promise<void> => {
  const file = await open(join(folder, manifestName), "wx", 0o600);
  await file.writeFile(JSON.stringify(manifest, null, 2) + "\n");
  await file.sync();
  await file.close();
  for (const inner of ["usage", "volumes"])
    if ((await namesIn(folder)).includes(inner)) await syncFolder(join(folder, inner));
  await syncFolder(folder);
};
