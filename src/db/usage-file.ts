import { Database } from "bun:sqlite";
import { hourMs } from "../domain/time-bucket.ts";
import type { SamplerState, UsageSample, UsageTotals } from "../domain/usage.ts";
import { usageFileFrom1, usageFileSchema } from "./usage-schema.ts";
import { readSamplerState, type StoredState, writeSamplerState } from "./usage-state.ts";

/** A sample before it is known under which time it can be kept. */
export type NewSample = Omit<UsageSample, "atMs">;

const columns = `e.id AS environmentId, s.at AS atMs, s.memory_bytes AS memoryBytes, s.cpu_nanos AS cpuNanos,
  s.throttled_nanos AS throttledNanos, s.oom_kills AS oomKills, s.disk_bytes AS diskBytes, s.bytes_in AS bytesIn,
  s.bytes_out AS bytesOut, s.requests, s.client_errors AS clientErrors, s.errors, s.active,
  s.latency_sum_ms AS latencySumMs, s.latency, s.up_ms AS upMs,
  s.memory_limit_hits AS memoryLimitHits, s.memory_stall_micros AS memoryStallMicros`;
// CROSS JOIN keeps this order: environments that are asked for, then their samples by the primary key.
const asked = `FROM json_each(?) AS ids CROSS JOIN environments AS e ON e.id = ids.value
  CROSS JOIN samples AS s ON s.environment = e.key`;

/** In the open, so that a test can ask for their query plans: each goes by the primary key of samples. */
export const sampleQueries = {
  ofEnvironment: `SELECT ${columns} FROM environments AS e CROSS JOIN samples AS s ON s.environment = e.key
    WHERE e.id = ? AND s.at >= ? AND s.at < ? ORDER BY s.at LIMIT ?`,
  atTick: `SELECT ${columns} ${asked} AND s.at = ?`,
  environmentsBetween: `SELECT e.id FROM environments AS e
    WHERE EXISTS (SELECT 1 FROM samples AS s WHERE s.environment = e.key AND s.at >= ? AND s.at < ?)`,
  first: `SELECT min((SELECT min(at) FROM samples AS s WHERE s.environment = e.key AND s.at >= ?)) AS atMs
    FROM environments AS e`,
  totals: `SELECT e.id AS environmentId, sum(s.bytes_in) AS bytesIn, sum(s.bytes_out) AS bytesOut,
      sum(s.requests) AS requests, sum(s.errors) AS errors, total(s.cpu_nanos) / 1e9 AS cpuSeconds,
      sum(s.up_ms) / 1e3 AS uptimeSeconds
    ${asked} AND s.at >= ? AND s.at < ? GROUP BY e.id`,
  requestsByHour: `SELECT e.id AS environmentId, s.at / ${hourMs} * ${hourMs} AS hour, sum(s.requests) AS requests
    ${asked} AND s.at >= ? AND s.at < ? GROUP BY e.id, hour`,
} as const;

export type UsageFile = ReturnType<typeof openUsageFile>;

/**
 * One month of raw samples beside the sampler's state at its last tick in here. `synchronous=NORMAL`: a power
 * loss may take the last ticks, whose counts the next tick then makes up for, since the state goes with them.
 */
export const openUsageFile = (path: string) => {
  const raw = new Database(path, { create: true, strict: true });
  raw.run("PRAGMA busy_timeout = 1000");
  raw.run("PRAGMA journal_mode = WAL");
  raw.run("PRAGMA synchronous = NORMAL");
  raw.run("PRAGMA trusted_schema = OFF");
  raw
    .transaction(() => {
      const { version } = raw
        .query<{ version: number }, []>("SELECT user_version AS version FROM pragma_user_version")
        .get()!;
      if (version === 0) raw.run(usageFileSchema);
      else if (version === 1) raw.run(usageFileFrom1);
      else if (version !== 2) throw new Error(`${path} was written by a newer version of Croft`);
    })
    .immediate();

  const keyOf = (id: string): number =>
    raw.query<{ key: number }, [string]>("SELECT key FROM environments WHERE id = ?").get(id)?.key ??
    Number(raw.query("INSERT INTO environments (id) VALUES (?)").run(id).lastInsertRowid);

  const insert = (one: NewSample, atMs: number): void => {
    raw
      .query("INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .run(
        keyOf(one.environmentId),
        atMs,
        one.memoryBytes,
        one.cpuNanos,
        one.throttledNanos,
        one.oomKills,
        one.diskBytes,
        one.bytesIn,
        one.bytesOut,
        one.requests,
        one.clientErrors,
        one.errors,
        one.active,
        one.latencySumMs,
        one.latency,
        one.upMs,
        one.memoryLimitHits,
        one.memoryStallMicros,
      );
  };

  return {
    path,
    raw,

    /** All or nothing. `before` is the state that this file holds, of which only differences are written. */
    write: raw.transaction(
      (samples: readonly NewSample[], state: StoredState, before: SamplerState | null): void => {
        for (const one of samples) insert(one, state.atMs);
        writeSamplerState(raw, state, before);
      },
    ).immediate,

    readState: (): StoredState | null => readSamplerState(raw),

    forgetLate(): void {
      raw.run("UPDATE sampler_state SET late_from = NULL");
    },

    samplesOf: (environmentId: string, fromMs: number, toMs: number, limit: number): UsageSample[] =>
      raw
        .query<UsageSample, [string, number, number, number]>(sampleQueries.ofEnvironment)
        .all(environmentId, fromMs, toMs, limit),

    samplesAt: (atMs: number, environmentIds: string[]): UsageSample[] =>
      raw
        .query<UsageSample, [string, number]>(sampleQueries.atTick)
        .all(JSON.stringify(environmentIds), atMs),

    environmentsBetween: (fromMs: number, toMs: number): string[] =>
      raw
        .query<{ id: string }, [number, number]>(sampleQueries.environmentsBetween)
        .all(fromMs, toMs)
        .map((row) => row.id),

    firstSampleMs: (fromMs: number): number | null =>
      raw.query<{ atMs: number | null }, [number]>(sampleQueries.first).get(fromMs)!.atMs,

    totalsBetween: (environmentIds: string[], fromMs: number, toMs: number) =>
      raw
        .query<UsageTotals & { environmentId: string }, [string, number, number]>(sampleQueries.totals)
        .all(JSON.stringify(environmentIds), fromMs, toMs),

    requestsByHour: (environmentIds: string[], fromMs: number, toMs: number) =>
      raw
        .query<{ environmentId: string; hour: number; requests: number }, [string, number, number]>(
          sampleQueries.requestsByHour,
        )
        .all(JSON.stringify(environmentIds), fromMs, toMs),

    /** Checkpoints, so that nothing but the file itself is left behind. */
    close(): void {
      raw.close(true);
    },
  };
};
