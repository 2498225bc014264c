import { join } from "node:path";
import { usageQueries } from "../db/queries/usage.ts";
import { openUsageFiles } from "../db/usage-files.ts";
import type { MeterReading, RouteMeter } from "../domain/edge.ts";
import type { ReplicaReading } from "../domain/engine.ts";
import { emptyLatency, encodeLatency } from "../domain/latency-histogram.ts";
import { type Log, silentLog } from "../domain/log.ts";
import type { UsageSample } from "../domain/usage.ts";
import type { LiveEnvironment } from "../usage/deps.ts";
import { createSampler } from "../usage/sampler.ts";
import { temporaryDatabase } from "./temporary-database.ts";

/** Time that moves when told; `wallMs` alone moves when the clock is set. */
export const settableClock = (startMs: number) => {
  const clock = {
    wallMs: startMs,
    spentMs: 1000,
    nowMs: () => clock.wallMs,
    monotonicMs: () => clock.spentMs,
    pass(ms: number) {
      clock.wallMs += ms;
      clock.spentMs += ms;
    },
  };
  return clock;
};

export const meterOf = (changes: Partial<RouteMeter> = {}): RouteMeter => ({
  requests: 0,
  status2xx: 0,
  status3xx: 0,
  status4xx: 0,
  status5xx: 0,
  bytesIn: 0,
  bytesOut: 0,
  active: 0,
  latencySumMs: 0,
  latency: emptyLatency(),
  ...changes,
});

export const sampleOf = (
  environmentId: string,
  changes: Partial<UsageSample> = {},
): Omit<UsageSample, "atMs"> => ({
  environmentId,
  memoryBytes: 100,
  cpuNanos: 0,
  throttledNanos: 0,
  oomKills: 0,
  memoryLimitHits: 0,
  memoryStallMicros: null,
  diskBytes: null,
  bytesIn: 0,
  bytesOut: 0,
  requests: 0,
  clientErrors: 0,
  errors: 0,
  active: 0,
  latencySumMs: 0,
  latency: encodeLatency([]),
  upMs: 30_000,
  ...changes,
});

/**
 * A migrated database with environments, usage files beside it, and a stand-in for engine and edge: what they
 * answer is set in `world`, null meaning that they are away.
 */
export const usageFixture = async (startMs: number, environmentCount = 1) => {
  const database = await temporaryDatabase();
  const { raw, dir } = database;
  raw.run(`INSERT INTO users (id, username, email, password_hash, created_at, updated_at)
    VALUES ('usr_1', 'ada', 'ada@example.org', '', 0, 0)`);
  raw.run(`INSERT INTO sites (id, slug, name, owner_user_id, type, created_at, updated_at)
    VALUES ('site_1', 'shop', 'shop', 'usr_1', 'app', 0, 0)`);
  const ids = Array.from({ length: environmentCount }, (_, i) => `env_${String(i).padStart(4, "0")}`);
  const insert = raw.prepare(`INSERT INTO environments (id, site_id, name, branch, health_check, memory_bytes,
    cpu_millicores, pids, disk_bytes, bandwidth_bytes_per_month, requests_per_minute, concurrent_requests,
    max_body_bytes, created_at) VALUES (?, 'site_1', ?, 'main', '{}', 1, 1, 1, 1, 1, 1, 1, 1, 0)`);
  for (const id of ids) insert.run(id, id);
  insert.finalize();

  const clock = settableClock(startMs);
  const folder = join(dir, "usage");
  let files = openUsageFiles(folder, { log: silentLog });
  const rollups = usageQueries(database.db);
  const world = {
    environments: [] as LiveEnvironment[],
    readings: [] as ReplicaReading[] | null,
    edge: { epoch: "first", atMs: 0, meters: {} } as MeterReading | null,
  };
  const answer = <T>(value: T | null): Promise<T> =>
    value === null ? Promise.reject(new Error("away")) : Promise.resolve(structuredClone(value));
  const fixture = {
    ...database,
    folder,
    ids,
    clock,
    rollups,
    world,
    get files() {
      return files;
    },
    get deps() {
      return { files, rollups, clock, sampleSeconds: 30 };
    },
    /** As after a restart of the daemon. */
    reopen() {
      files.close();
      files = openUsageFiles(folder, { log: silentLog });
    },
    sampler: (log: Log = silentLog) =>
      createSampler({
        environments: async () => structuredClone(world.environments),
        readings: () => answer(world.readings),
        meters: () => answer(world.edge),
        files,
        clock,
        log,
      }),
    /** Records samples without a sampler. */
    put(atMs: number, samples: Omit<UsageSample, "atMs">[]): number {
      const before = files.loadState();
      return files.record(samples, {
        sequence: (before?.sequence ?? 0) + 1,
        atMs,
        epoch: null,
        engineAtMs: null,
        meters: new Map(),
        replicas: new Map(),
      });
    },
    close: async () => {
      files.close();
      await database.close();
    },
  };
  return fixture;
};
