import { expect, test } from "bun:test";
import type { ReplicaRecord } from "../domain/records.ts";
import { holdTarget } from "./hold-target.ts";

const nowMs = 1_000_000;
const replica = (change: Partial<ReplicaRecord>): ReplicaRecord => ({
  id: "rep_1",
  releaseId: "rel_1",
  process: "web",
  environmentId: "env_1",
  containerId: "c",
  state: "running",
  address: "10.0.0.2",
  port: 3000,
  exitCode: null,
  oomKills: 0,
  restarts: 0,
  reason: null,
  createdAt: 0,
  startedAt: 0,
  endedAt: null,
  nextRestartAt: null,
  ...change,
});
const held = (replicas: ReplicaRecord[], launchDelayed = false): number | null =>
  holdTarget({ pause: null, replicas, launchDelayed, nowMs })?.maxMs ?? null;

test("requests wait for a replica that is expected within seconds, and for no other", () => {
  expect(held([replica({})])).toBeNull();
  expect(held([replica({ state: "starting" })])).toBe(10_000);
  expect(held([replica({ state: "exited", restarts: 3, nextRestartAt: nowMs + 4000 })])).toBe(10_000);
  // One that crashes over and over has a page.
  expect(held([replica({ state: "exited", restarts: 4, nextRestartAt: nowMs + 8000 })])).toBeNull();
  expect(held([replica({ state: "starting", restarts: 4 })])).toBeNull();
  expect(held([replica({ state: "exited", restarts: 4 }), replica({ state: "starting" })])).toBe(10_000);
  expect(held([replica({ state: "exited", restarts: 1 }), replica({})])).toBeNull();
  expect(held([])).toBe(10_000);
  expect(held([], true)).toBeNull();
});

test("a pause holds until its time is over, whatever runs", () => {
  const pause = { environmentId: "env_1", pausedAt: 0, resumesAt: nowMs + 1, maxWaitMs: 30_000 };
  const at = (ms: number) => holdTarget({ pause, replicas: [replica({})], launchDelayed: false, nowMs: ms });
  expect(at(nowMs)).toEqual({ kind: "hold", maxRequests: 1000, maxMs: 30_000 });
  expect(at(nowMs + 1)).toBeNull();
});
