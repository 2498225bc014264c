import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { AppError } from "../errors.ts";
import { backupFixture, treeOf } from "../testing/backup-fixture.ts";
import { snapshotBeforeMigration } from "./before-migration.ts";
import { createBackup } from "./create-backup.ts";
import { listBackups } from "./list-backups.ts";
import { type BackupManifest, masterKeyNote } from "./manifest.ts";
import { pruneBackups } from "./prune-backups.ts";
import { restoreBackup } from "./restore-backup.ts";
import { verifyBackup } from "./verify-backup.ts";

let fixture: Awaited<ReturnType<typeof backupFixture>>;
beforeEach(async () => {
  fixture = await backupFixture();
});
afterEach(() => fixture.close());

const refusal = async (work: Promise<unknown>): Promise<AppError> => {
  const error = await work.then(
    () => new Error("was not refused"),
    (cause) => cause,
  );
  expect(error).toBeInstanceOf(AppError);
  return error;
};
const slugs = (): string[] => {
  const database = new Database(join(fixture.dir, "croft.db"), { readonly: true });
  try {
    return database
      .query<{ slug: string }, []>("SELECT slug FROM sites ORDER BY slug")
      .all()
      .map((row) => row.slug);
  } finally {
    database.close(true);
  }
};
const manifestOf = (path: string): Promise<BackupManifest> => Bun.file(join(path, "manifest.json")).json();

test("a backup holds database, usage, repositories, static releases and volumes by name, but not the key", async () => {
  const view = await createBackup(fixture.deps, { kind: "manual" });
  const manifest = await manifestOf(view.path);
  expect(manifest.parts.map((part) => [part.kind, part.path])).toEqual([
    ["database", "croft.db.zst"],
    ["usage", "usage/2026-03.db.zst"],
    ["repositories", "repos-refs.tar.zst"],
    ["repositories", "repos.tar.zst"],
    ["static", "static.tar.zst"],
    ["volume", "volumes/vol_1.tar.zst"],
    ["volume", "volumes/vol_of_a_site_that_is_gone.tar.zst"],
  ]);
  expect(view.volumes).toEqual([{ id: "vol_1", name: "uploads", site: "shop", environment: "production" }]);
  expect(manifest.parts[0]!.tables).toMatchObject({ sites: 1, users: 1, volumes: 1 });
  expect(manifest).toMatchObject({
    keyFingerprint: "1:aaaa",
    croftVersion: "0.1.0",
    migrations: fixture.deps.knownMigrations,
  });
  expect(view.notes).toContain(masterKeyNote);
  expect(view.verifiedAt).not.toBeNull();
  // nobody else may read it, and nothing half-made is left
  const modes = await treeOf(fixture.dir, ["backups"]);
  expect(modes.backups).not.toMatch(/ [fd] \d\d[1-7]/);
  expect(readdirSync(join(fixture.dir, "backups"))).toHaveLength(1);
  for (const part of manifest.parts) {
    const content = Bun.zstdDecompressSync(await Bun.file(join(view.path, part.path)).bytes());
    expect(Buffer.from(content).includes("the secret of secrets")).toBe(false);
  }
  expect(await listBackups(fixture.deps)).toEqual([view]);
  expect(await verifyBackup(fixture.deps, view.id)).toEqual(view);
  expect(await fixture.deps.records.allBackups()).toMatchObject([
    { id: view.id, path: view.path, bytes: view.bytes },
  ]);
});

test("a snapshot taken while a writer writes is one commit, row for row, and the writer goes on", async () => {
  const { raw, deps } = fixture;
  raw.run("CREATE TABLE ledger (n INTEGER PRIMARY KEY, twin INTEGER NOT NULL, filler BLOB NOT NULL) STRICT");
  const insert = raw.prepare("INSERT INTO ledger VALUES (?, ?, randomblob(2000))");
  let n = 0;
  // two rows per commit, and each commit tells how many there are
  const commit = raw.transaction(() => {
    for (const twin of [0, 1]) insert.run(++n, twin);
  });
  for (let i = 0; i < 2000; i++) commit();
  let stop = false;
  const writing = (async () => {
    while (!stop) {
      commit();
      await Bun.sleep(0);
    }
  })();
  const before = n;
  const view = await createBackup(deps, { kind: "manual" });
  stop = true;
  await writing;
  insert.finalize();
  const copy = join(fixture.dir, "copy.db");
  await Bun.write(copy, Bun.zstdDecompressSync(await Bun.file(join(view.path, "croft.db.zst")).bytes()));
  const snapshot = new Database(copy, { readonly: true });
  const { rows } = snapshot.query<{ rows: number }, []>("SELECT count(*) AS rows FROM ledger").get()!;
  expect(rows % 2).toBe(0);
  expect(rows).toBeGreaterThanOrEqual(before);
  expect(n).toBeGreaterThan(rows);
  const hash = "SELECT n, twin, hex(filler) AS filler FROM ledger WHERE n <= ? ORDER BY n";
  expect(snapshot.query(hash).all(rows)).toEqual(raw.query(hash).all(rows));
  snapshot.close(true);
});

test("a push during the backup leaves no branch without its commits", async () => {
  const { git, repository, deps } = fixture;
  let stop = false;
  let parent = await git("--git-dir", repository, "rev-parse", "main");
  const tree = await git("--git-dir", repository, "rev-parse", "main^{tree}");
  const pushing = (async () => {
    while (!stop) {
      parent = await git("--git-dir", repository, "commit-tree", "-m", "more", "-p", parent, tree);
      await git("--git-dir", repository, "update-ref", "refs/heads/main", parent);
    }
  })();
  const view = await createBackup(deps, { kind: "manual" });
  stop = true;
  await pushing;
  await fixture.stopDaemon();
  await restoreBackup(fixture.offline, { from: view.id });
  expect(await git("--git-dir", repository, "fsck", "--connectivity-only", "--no-dangling")).toBe("");
  expect(await git("--git-dir", repository, "log", "-1", "--format=%s", "main")).toMatch(/first|more/);
});

test("what is torn, changed, cut off, missing or of the wrong size is found, and restore then changes nothing", async () => {
  const { dir, deps, offline, folders } = fixture;
  const view = await createBackup(deps, { kind: "manual" });
  await fixture.stopDaemon();
  const before = await treeOf(dir, [...folders, "croft.db"]);
  const rewrite = async (change: (manifest: any) => void): Promise<void> => {
    const manifest = await manifestOf(copy);
    change(manifest);
    await Bun.write(join(copy, "manifest.json"), JSON.stringify(manifest));
  };
  const copy = join(dir, "backups", "copy");
  const flip = async (name: string): Promise<void> => {
    const bytes = await Bun.file(join(copy, name)).bytes();
    bytes[bytes.length >> 1]! ^= 1;
    await Bun.write(join(copy, name), bytes);
  };
  const cases: [string, () => unknown, string][] = [
    ["database", () => flip("croft.db.zst"), "croft.db.zst does not match its checksum"],
    ["archive", () => flip("repos.tar.zst"), "repos.tar.zst does not match its checksum"],
    [
      "cut",
      () => truncateSync(join(copy, "volumes/vol_1.tar.zst"), 100),
      "volumes/vol_1.tar.zst has 100 bytes",
    ],
    ["missing", () => rmSync(join(copy, "static.tar.zst")), "static.tar.zst is missing"],
    ["torn manifest", () => truncateSync(join(copy, "manifest.json"), 500), "not a whole backup"],
    ["no manifest", () => rmSync(join(copy, "manifest.json")), "not a whole backup"],
    [
      "fewer rows",
      () => rewrite((m) => (m.parts[0].tables.sites = 2)),
      "1 rows in sites where the manifest says 2",
    ],
    ["leads out", () => rewrite((m) => (m.parts[0].path = "../../croft.db")), "not a whole backup"],
  ];
  for (const [, damage, words] of cases) {
    rmSync(copy, { recursive: true, force: true });
    Bun.spawnSync(["cp", "-a", view.path, copy]);
    await damage();
    for (const work of [() => verifyBackup(offline, copy), () => restoreBackup(offline, { from: copy })]) {
      const error = await refusal(work());
      expect(error.code).toBe("unavailable");
      expect(error.publicMessage).toContain(words);
    }
  }
  // a database that is damaged though its checksum says otherwise
  rmSync(copy, { recursive: true, force: true });
  Bun.spawnSync(["cp", "-a", view.path, copy]);
  const content = Bun.zstdDecompressSync(await Bun.file(join(copy, "croft.db.zst")).bytes());
  content.fill(0x5a, 4096 * 3, 4096 * 5);
  const stored = Bun.zstdCompressSync(content);
  await Bun.write(join(copy, "croft.db.zst"), stored);
  const sha256 = new Bun.CryptoHasher("sha256").update(stored).digest("hex");
  await rewrite((m) => Object.assign(m.parts[0], { sha256, bytes: stored.length }));
  expect((await refusal(restoreBackup(offline, { from: copy }))).publicMessage).toContain("croft.db.zst");

  expect(await treeOf(dir, [...folders, "croft.db"])).toEqual(before);
  expect(readdirSync(dir).filter((name) => /restore/.test(name))).toEqual([]);
  expect((await verifyBackup(offline, view.id)).state).toBe("whole");
  rmSync(join(copy, "manifest.json"));
  expect((await listBackups(offline)).map((one) => one.state).sort()).toEqual(["damaged", "whole"]);
});

test("restore brings everything back with owners, modes and links, and keeps what was there", async () => {
  const { dir, deps, offline, raw, folders } = fixture;
  const before = await treeOf(
    dir,
    folders.filter((name) => name !== "usage"),
  );
  const view = await createBackup(deps, { kind: "manual" });
  raw.run("UPDATE sites SET slug = 'changed'");
  raw.run("DELETE FROM volumes");
  rmSync(join(dir, "volumes", "vol_1"), { recursive: true });
  writeFileSync(join(dir, "static", "rel_1", "index.html"), "defaced");
  mkdirSync(join(dir, "volumes", "vol_2"));
  // as after kill -9 of a daemon: the last commits are in the write-ahead log alone
  const log = join(dir, "croft.db-wal");
  expect(existsSync(log)).toBe(true);
  Bun.spawnSync(["cp", "-a", log, join(dir, "saved")]);
  await fixture.stopDaemon();
  renameSync(join(dir, "saved"), log);
  // as an earlier restore that was killed leaves it
  mkdirSync(join(dir, ".restore-dead"));

  const restored = await restoreBackup(offline);
  expect(restored.backup.id).toBe(view.id);
  expect(slugs()).toEqual(["shop"]);
  expect(existsSync(log)).toBe(false);
  expect(
    await treeOf(
      dir,
      folders.filter((name) => name !== "usage"),
    ),
  ).toEqual(before);
  expect(readdirSync(join(dir, "usage"))).toEqual(["2026-03.db"]);
  expect(readdirSync(join(restored.keptIn, "volumes")).sort()).toEqual([
    "vol_2",
    "vol_of_a_site_that_is_gone",
  ]);
  expect(await Bun.file(join(restored.keptIn, "static/rel_1/index.html")).text()).toBe("defaced");
  expect(existsSync(join(restored.keptIn, "croft.db"))).toBe(true);
  expect(existsSync(join(restored.keptIn, "croft.db-wal"))).toBe(true);
  expect(readdirSync(dir).filter((name) => name.startsWith(".restore") || name === "restore.json")).toEqual(
    [],
  );
  // and back again
  expect(restored.notes[0]).toContain(restored.keptIn);
});

test("folders that an app nested deeper than any path reaches keep nothing else from being restored", async () => {
  const { dir, deps, offline } = fixture;
  const deep = Array<string>(15).fill("d".repeat(200)).join("/");
  // Put together of two halves, since no call takes the whole path.
  mkdirSync(join(dir, "half", deep), { recursive: true });
  writeFileSync(join(dir, "half", deep, "file"), "out of reach");
  mkdirSync(join(dir, "volumes", "vol_1", deep), { recursive: true });
  renameSync(join(dir, "half"), join(dir, "volumes", "vol_1", deep, "half"));
  const view = await createBackup(deps, { kind: "manual" });
  await verifyBackup(deps, view.id);
  await fixture.stopDaemon();
  writeFileSync(join(dir, "static", "rel_1", "index.html"), "defaced");
  const restored = await restoreBackup(offline);
  expect(restored.notes.join("\n")).toMatch(/files of volumes\/vol_1 were left out: their paths are longer/);
  expect(await Bun.file(join(dir, "static/rel_1/index.html")).text()).not.toBe("defaced");
  expect(readdirSync(join(dir, "volumes", "vol_1")).length).toBeGreaterThan(1);
});

test("restore on an empty machine needs the key, and says so", async () => {
  const { deps, offline, state, dir } = fixture;
  const view = await createBackup(deps, { kind: "manual" });
  await fixture.stopDaemon();
  const other = join(dir, "elsewhere");
  const empty = { ...offline, dataDir: other, instanceLockPath: join(other, "run", "daemon.lock") };
  state.fingerprint = null;
  expect((await refusal(restoreBackup(empty, { from: view.path }))).publicMessage).toContain(
    "there is no master key",
  );
  state.fingerprint = "1:bbbb";
  const wrong = await refusal(restoreBackup(empty, { from: view.path }));
  expect([wrong.code, wrong.publicMessage]).toEqual([
    "conflict",
    expect.stringContaining("is not the one this backup belongs to (1:aaaa)"),
  ]);
  expect(existsSync(join(other, "croft.db"))).toBe(false);
  const restored = await restoreBackup(empty, { from: view.path, withoutKey: true });
  expect(restored.notes).toContain(masterKeyNote);
  expect(existsSync(join(other, "croft.db"))).toBe(true);
  expect(readdirSync(join(other, "volumes"))).toContain("vol_1");
});

test("restore wants the daemon stopped, a known schema and a right time", async () => {
  const { deps, offline, clock, dir } = fixture;
  const first = await createBackup(deps, { kind: "automatic" });
  clock.pass(3_600_000);
  const second = await createBackup(deps, { kind: "manual" });
  const daemon = offline.acquireLock(offline.instanceLockPath);
  const running = await refusal(restoreBackup(offline));
  expect([running.code, running.publicMessage]).toEqual([
    "conflict",
    "the daemon is running; stop it before restoring a backup",
  ]);
  daemon.release();
  const newer = await refusal(restoreBackup({ ...offline, knownMigrations: [] }));
  expect([newer.code, newer.publicMessage]).toEqual([
    "conflict",
    expect.stringContaining("newer Croft (0.1.0)"),
  ]);

  await fixture.stopDaemon();
  expect((await refusal(restoreBackup(offline, { at: "noon" }))).fields[0]!.path).toBe("at");
  expect(
    (await refusal(restoreBackup(offline, { at: "2026-03-10T12:00:00Z", from: first.id }))).fields[0]!.path,
  ).toBe("at");
  const early = await refusal(restoreBackup(offline, { at: "2026-03-10T11:59:59Z" }));
  expect([early.code, early.publicMessage]).toEqual([
    "not_found",
    expect.stringContaining("the oldest is of 2026-03-10T12:00"),
  ]);
  expect((await refusal(restoreBackup(offline, { from: "bak_none" }))).code).toBe("not_found");
  expect((await restoreBackup(offline, { at: "2026-03-10T12:59:59Z" })).backup.id).toBe(first.id);
  clock.pass(1000);
  expect((await restoreBackup(offline)).backup.id).toBe(second.id);
  clock.pass(1000);
  rmSync(join(dir, "backups"), { recursive: true });
  expect((await refusal(restoreBackup(offline))).publicMessage).toContain("backup in");
});

test("containers are stopped once the backup is found whole, and not before", async () => {
  const { deps, offline } = fixture;
  const view = await createBackup(deps, { kind: "manual" });
  await fixture.stopDaemon();
  let stops = 0;
  const stopSites = async () => void stops++;
  truncateSync(join(view.path, "croft.db.zst"), 10);
  await refusal(restoreBackup({ ...offline, stopSites }));
  expect(stops).toBe(0);
});

test("one backup at a time; one that is given up leaves nothing", async () => {
  const { deps, dir } = fixture;
  const first = createBackup(deps, { kind: "manual" });
  expect((await refusal(createBackup(deps, { kind: "manual" }))).code).toBe("conflict");
  await first;
  const gone = new AbortController();
  const aborted = createBackup(deps, { kind: "manual", signal: gone.signal });
  gone.abort();
  await refusal(aborted);
  expect(readdirSync(join(dir, "backups"))).toHaveLength(1);
  // what a kill -9 left behind goes with the next
  mkdirSync(join(dir, "backups", ".20260101T000000Z-bak_dead.partial"));
  await createBackup(deps, { kind: "manual" });
  expect(readdirSync(join(dir, "backups"))).toHaveLength(2);
});

test("a damaged database is not backed up as if it were whole", async () => {
  const { offline, dir, raw } = fixture;
  const { page } = raw
    .query<{ page: number }, []>("SELECT rootpage AS page FROM sqlite_schema WHERE name = 'sites'")
    .get()!;
  await fixture.stopDaemon();
  const path = join(dir, "croft.db");
  const bytes = await Bun.file(path).bytes();
  bytes.fill(0, 4096 * (page - 1), 4096 * page);
  await Bun.write(path, bytes);
  const error = await refusal(createBackup(offline, { kind: "manual" }));
  expect(error.code).toBe("unavailable");
  expect(readdirSync(join(dir, "backups"))).toEqual([]);
});

test("before a migration the database alone is copied; restoring it leaves files and usage as they are", async () => {
  const { deps, offline, raw, dir, folders } = fixture;
  const view = await snapshotBeforeMigration(deps);
  expect(view.kind).toBe("pre-migration");
  expect(view.path).toContain("/backups/pre-migration-");
  raw.run("UPDATE sites SET slug = 'migrated'");
  await fixture.stopDaemon();
  const before = await treeOf(dir, folders);
  expect((await refusal(restoreBackup(offline))).code).toBe("not_found");
  const { keptIn } = await restoreBackup(offline, { from: view.id });
  expect(slugs()).toEqual(["shop"]);
  expect(await treeOf(dir, folders)).toEqual(before);
  expect(readdirSync(keptIn)).toContain("croft.db");
  expect(existsSync(join(keptIn, "volumes"))).toBe(false);
});

test("the newest automatic backups are kept, and all that a person made", async () => {
  const { deps, clock } = fixture;
  const made: string[] = [];
  for (const kind of ["automatic", "manual", "automatic", "automatic", "pre-migration"] as const) {
    clock.pass(60_000);
    made.push((await createBackup(deps, { kind })).id);
  }
  expect(await pruneBackups(deps, { automatic: 2 })).toEqual([made[0]!]);
  expect((await listBackups(deps)).map((view) => view.id)).toEqual([4, 3, 2, 1].map((i) => made[i]!));
  expect(await pruneBackups(deps)).toEqual([]);
});

test("a backup that vanished from the disk is shown as missing", async () => {
  const { deps } = fixture;
  const view = await createBackup(deps, { kind: "manual" });
  rmSync(view.path, { recursive: true });
  expect(await listBackups(deps)).toMatchObject([{ id: view.id, state: "missing", bytes: view.bytes }]);
  expect(await listBackups(fixture.offline)).toEqual([]);
});

test("files that cannot be read fail the backup instead of being left out", async () => {
  const { deps, dir } = fixture;
  const path = join(dir, "volumes", "vol_1", "inner");
  chmodSync(path, 0o000);
  const isRoot = process.getuid!() === 0;
  const work = createBackup(deps, { kind: "manual" });
  // root reads everything; anybody else is told what could not be read
  if (isRoot) expect((await work).warnings).toEqual([]);
  else expect((await refusal(work)).publicMessage).toContain("Permission denied");
  chmodSync(path, 0o755);
});
