import { afterEach, expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CamelCasePlugin, Kysely, SqliteDialect } from "kysely";
import { emptyLatency, encodeLatency } from "../domain/latency-histogram.ts";
import { silentLog } from "../domain/log.ts";
import { sampleOf, usageFixture } from "../testing/usage-fixture.ts";
import { usageQueries } from "./queries/usage.ts";
import { sampleQueries } from "./usage-file.ts";
import { openUsageFiles } from "./usage-files.ts";

const noon = Date.parse("2026-03-10T12:00:00Z");

let fixture: Awaited<ReturnType<typeof usageFixture>>;
afterEach(() => fixture.close());

const planOf = (database: { query(sql: string): any }, sql: string, parameters: unknown[]): string[] =>
  database
    .query(`EXPLAIN QUERY PLAN ${sql}`)
    .all(...parameters)
    .map((row: { detail: string }) => row.detail);

test("every query on samples goes by their primary key", async () => {
  fixture = await usageFixture(noon);
  fixture.put(noon, [sampleOf(fixture.ids[0]!)]);
  const { raw } = fixture.files.files()[0]!;
  const byTime = "SEARCH s USING PRIMARY KEY (environment=? AND at>? AND at<?)";
  const asked = [
    "SCAN ids VIRTUAL TABLE INDEX 1:",
    "SEARCH e USING COVERING INDEX sqlite_autoindex_environments_1 (id=?)",
  ];
  const plans = {
    ofEnvironment: planOf(raw, sampleQueries.ofEnvironment, ["e", 0, 1, 1]),
    atTick: planOf(raw, sampleQueries.atTick, ["[]", 0]),
    environmentsBetween: planOf(raw, sampleQueries.environmentsBetween, [0, 1]),
    first: planOf(raw, sampleQueries.first, [0]),
    totals: planOf(raw, sampleQueries.totals, ["[]", 0, 1]),
    requestsByHour: planOf(raw, sampleQueries.requestsByHour, ["[]", 0, 1]),
  };
  expect(plans.ofEnvironment).toEqual([
    "SEARCH e USING COVERING INDEX sqlite_autoindex_environments_1 (id=?)",
    byTime,
  ]);
  expect(plans.atTick).toEqual([...asked, "SEARCH s USING PRIMARY KEY (environment=? AND at=?)"]);
  expect(plans.environmentsBetween).toContain(byTime.replace("s USING", "s EXISTS USING"));
  expect(plans.first).toContain("SEARCH s USING PRIMARY KEY (environment=? AND at>?)");
  expect(plans.totals).toEqual([...asked, byTime, "USE TEMP B-TREE FOR GROUP BY"]);
  expect(plans.requestsByHour).toEqual([...asked, byTime, "USE TEMP B-TREE FOR GROUP BY"]);
});

test("queries on rollups go by the primary key, or by bucket over all environments", async () => {
  fixture = await usageFixture(noon);
  const { raw } = fixture;
  const plans: Record<string, string[]> = {};
  const statements: { sql: string; parameters: readonly unknown[] }[] = [];
  const logged = usageQueries(
    new Kysely({
      dialect: new SqliteDialect({ database: raw as never }),
      plugins: [new CamelCasePlugin()],
      log: (event) => void statements.push({ sql: event.query.sql, parameters: event.query.parameters }),
    }),
  );
  for (const [name, run] of Object.entries({
    sumsAt: () => logged.sumsAt("hour", 0),
    sumsOf: () => logged.sumsOf("e", "hour", 0, 1),
    firstBucket: () => logged.firstBucket("hour", 0),
    totalsBetween: () => logged.totalsBetween(["e"], "hour", 0, 1),
    requestsByHour: () => logged.requestsByHour(["e"], 0, 1),
    deleteBefore: () => logged.deleteBefore("hour", 1, 10),
  })) {
    await run();
    const { sql, parameters } = statements.at(-1)!;
    plans[name] = planOf(raw, sql, [...parameters]);
    expect(sql).toMatchSnapshot(name);
  }
  const primary =
    "SEARCH usage_rollups USING PRIMARY KEY (environment_id=? AND resolution=? AND bucket>? AND bucket<?)";
  expect(plans.sumsOf).toEqual([primary]);
  expect(plans.totalsBetween![0]).toBe(primary);
  expect(plans.requestsByHour![0]).toBe(primary);
  expect(plans.sumsAt![0]).toContain("usage_rollups_by_bucket (resolution=? AND bucket=?)");
  expect(plans.firstBucket![0]).toContain("usage_rollups_by_bucket (resolution=? AND bucket>?)");
  expect(plans.deleteBefore!.join()).toContain("usage_rollups_by_bucket (resolution=? AND bucket<?)");
});

test("a tick of 200 environments is one small transaction, and rows stay small", async () => {
  fixture = await usageFixture(noon, 200);
  const latency = encodeLatency(emptyLatency().fill(3, 20, 30));
  const { ids } = fixture;
  for (let tick = 0; tick < 120; tick++)
    fixture.put(
      noon + tick * 30_000,
      ids.map((id, i) =>
        sampleOf(id, {
          memoryBytes: 80e6 + i,
          cpuNanos: 3e8 + i,
          bytesOut: 20_000,
          requests: 30,
          latencySumMs: 93.7,
          latency,
          diskBytes: 4e8,
        }),
      ),
    );
  const [file] = fixture.files.files();
  file!.raw.run("PRAGMA wal_checkpoint(TRUNCATE)");
  const bytes = Bun.file(file!.path).size;
  expect(bytes / (200 * 120)).toBeLessThan(130);
  expect(fixture.files.samplesAt(noon + 30_000, ids)).toHaveLength(200);
});

test("a broken file is put aside and the others still open", async () => {
  fixture = await usageFixture(noon);
  fixture.put(noon, [sampleOf(fixture.ids[0]!, { requests: 9 })]);
  const folder = join(fixture.dir, "other");
  fixture.files.files()[0]!.raw.run(`VACUUM INTO '${fixture.dir}/copy.db'`);
  openUsageFiles(folder, { log: silentLog }).close();
  await Bun.write(join(folder, "2026-03.db"), Bun.file(join(fixture.dir, "copy.db")));
  writeFileSync(
    join(folder, "2026-02.db"),
    "no database at all, but long enough to be taken for one".repeat(200),
  );
  writeFileSync(join(folder, "notes.txt"), "");
  const lines: string[] = [];
  const files = openUsageFiles(folder, { log: { ...silentLog, error: (line) => lines.push(line) } });
  try {
    expect(files.samplesOf(fixture.ids[0]!, 0, Infinity)).toMatchObject([{ requests: 9 }]);
    expect(lines).toHaveLength(1);
    expect(readdirSync(folder).some((name) => name.startsWith("2026-02.db.broken-"))).toBe(true);
  } finally {
    files.close();
  }
});

test("samples over two months come in order, and a limit holds over both", async () => {
  fixture = await usageFixture(noon);
  const midnight = Date.parse("2026-04-01T00:00Z");
  for (const ms of [midnight - 2, midnight - 1, midnight, midnight + 1])
    fixture.put(ms, [sampleOf(fixture.ids[0]!, { requests: 1 })]);
  const times = (limit?: number) =>
    fixture.files
      .samplesOf(fixture.ids[0]!, midnight - 1, midnight + 2, limit)
      .map((one) => one.atMs - midnight);
  expect(times()).toEqual([-1, 0, 1]);
  expect(times(2)).toEqual([-1, 0]);
  expect(fixture.files.totalsBetween(fixture.ids, 0, Infinity).get(fixture.ids[0]!)!.requests).toBe(4);
});

test("a month's file of the first version is brought up to date and keeps what it holds", async () => {
  fixture = await usageFixture(noon);
  const [id] = fixture.ids;
  fixture.put(noon, [sampleOf(id!, { requests: 5 })]);
  const { raw } = fixture.files.files()[0]!;
  for (const table of ["samples", "replica_baselines"])
    for (const column of ["memory_limit_hits", "memory_stall_micros"])
      raw.run(`ALTER TABLE ${table} DROP COLUMN ${column}`);
  raw.run("PRAGMA user_version = 1");
  fixture.reopen();
  fixture.put(noon + 30_000, [sampleOf(id!, { requests: 6, memoryLimitHits: 3, memoryStallMicros: 8 })]);
  expect(fixture.files.samplesOf(id!, 0, noon + 60_000)).toMatchObject([
    { requests: 5, memoryLimitHits: 0, memoryStallMicros: null },
    { requests: 6, memoryLimitHits: 3, memoryStallMicros: 8 },
  ]);
});
