import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { migrations } from "../../migrations/index.ts";
import { acquireInstanceLock } from "../db/instance-lock.ts";
import { backupQueries } from "../db/queries/backups.ts";
import { openUsageFiles } from "../db/usage-files.ts";
import { silentLog } from "../domain/log.ts";
import { temporaryDatabase } from "./temporary-database.ts";
import { sampleOf, settableClock } from "./usage-fixture.ts";

/** Contents of a data directory that backups are checked by: paths with what stands in them. */
export const treeOf = async (root: string, folders: string[]): Promise<Record<string, string>> => {
  const tree: Record<string, string> = {};
  for (const folder of folders) {
    const child = Bun.spawn(
      ["find", folder, "-printf", "%p %y %m %U:%G %l\\n", "-type", "f", "-exec", "sha256sum", "{}", ";"],
      { cwd: root, stdout: "pipe", stderr: "pipe" },
    );
    tree[folder] = (await new Response(child.stdout).text()).split("\n").sort().join("\n");
  }
  return tree;
};

/** A data directory in use: database, a month of usage, a bare repository, a static release and two volumes. */
export const backupFixture = async () => {
  const database = await temporaryDatabase();
  const { dir, raw, db } = database;
  const clock = settableClock(Date.parse("2026-03-10T12:00:00Z"));
  raw.run(`INSERT INTO users (id, username, email, password_hash, created_at, updated_at)
    VALUES ('usr_1', 'ada', 'ada@example.org', '', 0, 0)`);
  raw.run(`INSERT INTO sites (id, slug, name, owner_user_id, type, created_at, updated_at)
    VALUES ('site_1', 'shop', 'shop', 'usr_1', 'app', 0, 0)`);
  raw.run(`INSERT INTO environments (id, site_id, name, branch, health_check, memory_bytes, cpu_millicores, pids,
    disk_bytes, bandwidth_bytes_per_month, requests_per_minute, concurrent_requests, max_body_bytes, created_at)
    VALUES ('env_1', 'site_1', 'production', 'main', '{}', 1, 1, 1, 1, 1, 1, 1, 1, 0)`);
  raw.run(`INSERT INTO volumes VALUES ('vol_1', 'env_1', 'uploads', '/data', 0)`);

  const usage = openUsageFiles(join(dir, "usage"), { log: silentLog });
  usage.record([sampleOf("env_1", { requests: 7 })], {
    sequence: 1,
    atMs: clock.wallMs,
    epoch: "e",
    engineAtMs: null,
    meters: new Map(),
    replicas: new Map(),
  });

  const git = async (...args: string[]): Promise<string> => {
    const child = Bun.spawn(["git", ...args], {
      cwd: dir,
      stdout: "pipe",
      stderr: "pipe",
      env: {
        PATH: process.env.PATH ?? "",
        GIT_CONFIG_GLOBAL: "/dev/null",
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_AUTHOR_NAME: "Ada",
        GIT_AUTHOR_EMAIL: "ada@example.org",
        GIT_COMMITTER_NAME: "Ada",
        GIT_COMMITTER_EMAIL: "ada@example.org",
      },
    });
    const [text, words] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    if ((await child.exited) !== 0) throw new Error(`git ${args.join(" ")}: ${words}`);
    return text.trim();
  };
  const repository = join("repos", "site_1.git");
  await git("init", "--quiet", "--bare", "--initial-branch=main", repository);
  const tree = await git("--git-dir", repository, "mktree", "--missing", "-z");
  const commit = await git("--git-dir", repository, "commit-tree", "-m", "first", tree);
  await git("--git-dir", repository, "update-ref", "refs/heads/main", commit);

  mkdirSync(join(dir, "static", "rel_1"), { recursive: true });
  writeFileSync(join(dir, "static", "rel_1", "index.html"), "<h1>hello</h1>");
  mkdirSync(join(dir, "volumes", "vol_1", "inner"), { recursive: true });
  chmodSync(join(dir, "volumes", "vol_1"), 0o770);
  writeFileSync(join(dir, "volumes", "vol_1", "inner", "photo.jpg"), Buffer.alloc(300_000, "photo"));
  chmodSync(join(dir, "volumes", "vol_1", "inner", "photo.jpg"), 0o640);
  symlinkSync("../../../master.key", join(dir, "volumes", "vol_1", "link"));
  mkdirSync(join(dir, "volumes", "vol_of_a_site_that_is_gone"));
  writeFileSync(join(dir, "master.key"), "the secret of secrets");

  const state = { fingerprint: "1:aaaa" as string | null };
  const deps = {
    dataDir: dir,
    clock,
    log: silentLog,
    version: "0.1.0",
    acquireLock: acquireInstanceLock,
    keyFingerprint: async () => state.fingerprint,
    records: backupQueries(db),
    instanceLockPath: join(dir, "run", "daemon.lock"),
    knownMigrations: Object.keys(migrations),
  };
  return {
    ...database,
    clock,
    deps,
    /** As on a host whose database is not open. */
    offline: { ...deps, records: undefined },
    state,
    repository: join(dir, repository),
    git,
    folders: ["usage", "repos", "static", "volumes"],
    /** Closes what the daemon would have open. */
    stopDaemon: async () => {
      usage.close();
      await db.destroy();
      // Kysely leaves statements open, and with them the file until they are collected.
      raw.close(true);
    },
    close: async () => {
      usage.close();
      await database.close();
    },
  };
};
