import { afterEach, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import type { ReplicaReading } from "../domain/engine.ts";
import { decodeLatency, emptyLatency } from "../domain/latency-histogram.ts";
import type { Log } from "../domain/log.ts";
import { silentLog } from "../domain/log.ts";
import type { UsageSample } from "../domain/usage.ts";
import { meterOf, usageFixture } from "../testing/usage-fixture.ts";
import type { LiveEnvironment } from "./deps.ts";

const noon = Date.parse("2026-03-10T12:00:00Z");
const second = 1000;

let fixture: Awaited<ReturnType<typeof usageFixture>>;
afterEach(() => fixture.close());

const container = (
  id: string,
  replicas: string[] = [`${id}-a`],
  startedAtMs: number | null = null,
): LiveEnvironment => ({
  id,
  kind: "container",
  stopped: false,
  replicas: replicas.map((replica) => ({ id: replica, startedAtMs, oomKills: 0 })),
  diskUsedBytes: 7,
});
const staticSite = (id: string): LiveEnvironment => ({
  id,
  kind: "static",
  stopped: false,
  replicas: [],
  diskUsedBytes: 7,
});
const reading = (replicaId: string, changes: Partial<ReplicaReading> = {}): ReplicaReading => ({
  replicaId,
  memoryBytes: 1000,
  cpuNanos: 0,
  throttledNanos: 0,
  pids: 1,
  oomKills: 0,
  memoryLimitHits: 0,
  memoryStallMicros: null,
  ...changes,
});
const all = (environmentId = fixture.ids[0]!): UsageSample[] =>
  fixture.files.samplesOf(environmentId, 0, Infinity);
const sum = (
  name: "requests" | "bytesIn" | "bytesOut" | "cpuNanos" | "upMs",
  environmentId?: string,
): number => all(environmentId).reduce((total, sample) => total + (sample[name] ?? 0), 0);

test("a tick records what an environment's replicas and its route used since the tick before", async () => {
  fixture = await usageFixture(noon);
  const { world, clock, ids } = fixture;
  const [id] = ids as [string];
  const sampler = fixture.sampler();
  world.environments = [container(id, ["a", "b"])];
  world.readings = [reading("a", { cpuNanos: 1e9 }), reading("b", { cpuNanos: 5e9 }), reading("stranger")];
  world.edge!.meters = { [id]: meterOf({ requests: 100 }), panel: meterOf({ requests: 5 }) };
  expect(await sampler.sampleOnce()).toBe(1);

  clock.pass(30 * second);
  world.readings = [
    reading("a", { cpuNanos: 4e9, memoryBytes: 2000, throttledNanos: 3e6 }),
    reading("b", { cpuNanos: 8e9, oomKills: 2 }),
  ];
  world.edge!.meters[id] = meterOf({
    requests: 107,
    status4xx: 2,
    status5xx: 1,
    bytesIn: 10,
    bytesOut: 20,
    active: 4,
    latencySumMs: 33.5,
    latency: emptyLatency().with(40, 7),
  });
  await sampler.sampleOnce();

  const [first, second_] = all();
  // what counters held before anything was known is not usage of this half minute
  expect(first).toMatchObject({ atMs: noon, requests: 0, cpuNanos: null, memoryBytes: 2000, upMs: 0 });
  expect(second_).toMatchObject({
    atMs: noon + 30 * second,
    memoryBytes: 3000,
    cpuNanos: 6e9,
    throttledNanos: 3e6,
    oomKills: 2,
    diskBytes: 7,
    requests: 7,
    clientErrors: 2,
    errors: 1,
    bytesIn: 10,
    bytesOut: 20,
    active: 4,
    latencySumMs: 33.5,
    upMs: 30 * second,
  });
  expect(decodeLatency(second_!.latency)).toEqual(emptyLatency().with(40, 7));
});

test("a kill that took the container's counters along is counted once, from the replica's own row", async () => {
  fixture = await usageFixture(noon);
  const { world, clock, ids } = fixture;
  const [id] = ids as [string];
  const replica = { id: "a", startedAtMs: noon - second, oomKills: 3 };
  const environment = { ...container(id), replicas: [replica] };
  world.environments = [environment];
  world.readings = [reading("a", { cpuNanos: 9e9 })];
  const sampler = fixture.sampler();
  const tick = async (oomKills: number, changes: Partial<ReplicaReading> = {}) => {
    clock.pass(30 * second);
    environment.replicas = [{ ...replica, oomKills }];
    world.readings = [reading("a", changes)];
    await sampler.sampleOnce();
  };
  await sampler.sampleOnce();
  await tick(4);
  await tick(4, { cpuNanos: 1e9 });
  // seen by the kernel's counter, which the container outlived, or by both
  await tick(4, { cpuNanos: 2e9, oomKills: 1 });
  await tick(5, { cpuNanos: 3e9, oomKills: 2 });
  expect(all().map((sample) => sample.oomKills)).toEqual([0, 1, 0, 1, 1]);

  clock.pass(30 * second);
  environment.replicas = [{ id: "b", startedAtMs: clock.nowMs() - second, oomKills: 2 }];
  world.readings = [reading("b")];
  await sampler.sampleOnce();
  expect(all().at(-1)?.oomKills).toBe(2);
});

test("a site that was stopped to sleep is up and uses nothing; one that wakes is measured again", async () => {
  fixture = await usageFixture(noon);
  const { world, clock, ids } = fixture;
  const [id] = ids as [string];
  const sampler = fixture.sampler();
  world.environments = [container(id, ["a"])];
  world.readings = [reading("a", { cpuNanos: 1e9 })];
  await sampler.sampleOnce();
  world.environments = [{ ...container(id, []), asleep: true }];
  world.readings = [];
  for (let i = 0; i < 3; i++) {
    clock.pass(30 * second);
    expect(await sampler.sampleOnce()).toBe(1);
    expect(all().at(-1)).toMatchObject({ memoryBytes: 0, cpuNanos: 0, upMs: 30 * second });
  }
  world.environments = [container(id, ["a"], clock.nowMs())];
  world.readings = [reading("a", { cpuNanos: 2e8 })];
  clock.pass(30 * second);
  await sampler.sampleOnce();
  expect(all().at(-1)).toMatchObject({ memoryBytes: 1000, cpuNanos: 2e8, upMs: 30 * second });
});

test("commands and jobs are counted as use of their site, and make it neither up nor awake", async () => {
  fixture = await usageFixture(noon, 3);
  const { world, clock, ids } = fixture;
  const [running, asleep, stopped] = ids as [string, string, string];
  const sampler = fixture.sampler();
  world.environments = [
    { ...container(running), oneOffs: "of-running" },
    { ...container(asleep, []), asleep: true, oneOffs: "of-asleep" },
    { ...container(stopped, []), stopped: true, oneOffs: "of-stopped" },
  ];
  world.readings = [reading(`${running}-a`)];
  await sampler.sampleOnce();
  clock.pass(30 * second);
  const used = { cpuNanos: 2e9, memoryBytes: 500 };
  world.readings = [
    reading(`${running}-a`, { cpuNanos: 1e9 }),
    reading("of-running", used),
    reading("of-asleep", used),
    reading("of-stopped", used),
  ];
  await sampler.sampleOnce();
  clock.pass(30 * second);
  // What they used until their end is there once more, then no longer.
  world.readings = [reading(`${running}-a`, { cpuNanos: 1e9 }), reading("of-asleep", { cpuNanos: 3e9 })];
  await sampler.sampleOnce();
  expect(all(running).at(-2)).toMatchObject({ memoryBytes: 1500, cpuNanos: 3e9, upMs: 30_000 });
  expect(all(asleep).slice(-2)).toMatchObject([
    { memoryBytes: 500, cpuNanos: 2e9, upMs: 30_000 },
    { cpuNanos: 1e9, upMs: 30_000 },
  ]);
  expect(all(stopped)).toMatchObject([{ memoryBytes: 500, cpuNanos: 2e9, upMs: 0 }]);
});

test("static sites have no memory and CPU, and are up while the edge answers; stopped ones get no row", async () => {
  fixture = await usageFixture(noon, 3);
  const { world, clock, ids } = fixture;
  world.environments = [
    staticSite(ids[0]!),
    { ...staticSite(ids[1]!), stopped: true },
    container(ids[2]!, []),
  ];
  const sampler = fixture.sampler();
  await sampler.sampleOnce();
  clock.pass(30 * second);
  expect(await sampler.sampleOnce()).toBe(1);
  expect(all().at(-1)).toMatchObject({ memoryBytes: null, cpuNanos: null, diskBytes: 7, upMs: 30 * second });

  world.edge!.meters[ids[1]!] = meterOf({ requests: 1, bytesOut: 300 });
  clock.pass(30 * second);
  // what a stopped site's visitors cost counts all the same
  expect(await sampler.sampleOnce()).toBe(2);
  expect(all(ids[1]).map((sample) => [sample.bytesOut, sample.upMs])).toEqual([[300, 0]]);
});

test("another epoch counts from zero, and so do counters that shrank", async () => {
  fixture = await usageFixture(noon);
  const { world, clock, ids } = fixture;
  const [id] = ids as [string];
  world.environments = [staticSite(id)];
  world.edge!.meters[id] = meterOf({ requests: 50 });
  const sampler = fixture.sampler();
  for (const [epoch, requests, expected] of [
    ["first", 60, 10],
    ["second", 80, 80],
    ["second", 81, 1],
    ["second", 3, 3],
  ] as const) {
    if (all().length === 0) await sampler.sampleOnce();
    clock.pass(30 * second);
    world.edge!.epoch = epoch;
    world.edge!.meters[id] = meterOf({ requests });
    await sampler.sampleOnce();
    expect(all().at(-1)!.requests).toBe(expected);
  }
});

test("edge or engine away: the row has what is known, and nothing is lost or counted twice", async () => {
  fixture = await usageFixture(noon);
  const { world, clock, ids } = fixture;
  const [id] = ids as [string];
  const lines: string[] = [];
  const log: Log = { ...silentLog, warn: (line) => lines.push(line), info: (line) => lines.push(line) };
  const sampler = fixture.sampler(log);
  world.environments = [container(id, ["a"])];
  world.readings = [reading("a", { cpuNanos: 1e9 })];
  world.edge!.meters[id] = meterOf({ requests: 10 });
  await sampler.sampleOnce();

  const edge = world.edge;
  world.edge = null;
  for (const cpuNanos of [2e9, 3e9]) {
    clock.pass(30 * second);
    world.readings = [reading("a", { cpuNanos })];
    await sampler.sampleOnce();
    expect(all().at(-1)).toMatchObject({ requests: 0, cpuNanos: 1e9, upMs: 30 * second });
  }
  world.edge = edge;
  edge!.meters[id] = meterOf({ requests: 25 });
  world.readings = null;
  for (const requests of [15, 0]) {
    clock.pass(30 * second);
    await sampler.sampleOnce();
    expect(all().at(-1)).toMatchObject({ requests, cpuNanos: null, memoryBytes: null, upMs: 0 });
  }
  world.readings = [reading("a", { cpuNanos: 9e9 })];
  clock.pass(30 * second);
  await sampler.sampleOnce();
  expect(all().at(-1)).toMatchObject({ requests: 0, cpuNanos: 6e9, upMs: 90 * second });
  expect(sum("requests")).toBe(15);
  expect(sum("cpuNanos")).toBe(8e9);
  expect(sum("upMs")).toBe(150 * second);
  // said once when it goes and once when it comes, not at every tick
  expect(lines).toHaveLength(4);
});

test("an edge that never answers costs one deadline, not the tick", async () => {
  fixture = await usageFixture(noon);
  const { createSampler } = await import("./sampler.ts");
  const sampler = createSampler({
    environments: async () => [container(fixture.ids[0]!, ["a"])],
    readings: async () => [reading("a")],
    meters: () => new Promise(() => {}),
    files: fixture.files,
    clock: fixture.clock,
    log: silentLog,
    deadlineMs: 20,
  });
  expect(await sampler.sampleOnce()).toBe(1);
  expect(all()[0]).toMatchObject({ memoryBytes: 1000, requests: 0 });
});

test("a daemon that was away loses neither requests nor CPU time; a restarted replica counts from zero", async () => {
  fixture = await usageFixture(noon);
  const { world, clock, ids } = fixture;
  const [id] = ids as [string];
  world.environments = [container(id, ["a", "b"], noon)];
  world.readings = [reading("a", { cpuNanos: 1e9 }), reading("b", { cpuNanos: 9e9 })];
  world.edge!.meters[id] = meterOf({ requests: 10, latency: emptyLatency().with(2, 10) });
  await fixture.sampler().sampleOnce();

  fixture.reopen();
  clock.wallMs += 600 * second;
  clock.spentMs = 5;
  world.readings = [reading("a", { cpuNanos: 3e9 }), reading("b", { cpuNanos: 4e9 })];
  world.edge!.meters[id] = meterOf({ requests: 70, bytesOut: 9, latency: emptyLatency().with(2, 70) });
  const sampler = fixture.sampler();
  await sampler.sampleOnce();
  expect(all().at(-1)).toMatchObject({ requests: 60, bytesOut: 9, cpuNanos: 6e9, upMs: 600 * second });
  expect(decodeLatency(all().at(-1)!.latency)[2]).toBe(60);

  clock.pass(30 * second);
  await sampler.sampleOnce();
  expect(all().at(-1)).toMatchObject({ requests: 0, cpuNanos: 0, upMs: 30 * second });
});

test("the state goes over to the next month's file, and a restart right after finds it", async () => {
  fixture = await usageFixture(Date.parse("2026-03-31T23:59:45Z"));
  const { world, clock, ids } = fixture;
  const [id] = ids as [string];
  world.environments = [container(id, ["a"])];
  world.readings = [reading("a", { cpuNanos: 1e9 })];
  world.edge!.meters[id] = meterOf({ requests: 10 });
  await fixture.sampler().sampleOnce();
  fixture.reopen();
  const sampler = fixture.sampler();
  clock.pass(30 * second);
  world.edge!.meters[id] = meterOf({ requests: 11 });
  await sampler.sampleOnce();
  fixture.reopen();
  clock.pass(30 * second);
  world.edge!.meters[id] = meterOf({ requests: 13 });
  await fixture.sampler().sampleOnce();
  expect(all().map((sample) => sample.requests)).toEqual([0, 1, 2]);
  expect(
    readdirSync(fixture.folder)
      .filter((name) => name.endsWith(".db"))
      .sort(),
  ).toEqual(["2026-03.db", "2026-04.db"]);
});

test("a clock set back over a month's end neither fails a tick nor loses the state", async () => {
  fixture = await usageFixture(Date.parse("2026-04-01T00:00:10Z"));
  const { world, clock, ids } = fixture;
  const [id] = ids as [string];
  world.environments = [staticSite(id)];
  world.edge!.meters[id] = meterOf({ requests: 10 });
  const sampler = fixture.sampler();
  await sampler.sampleOnce();
  clock.spentMs += 30 * second;
  clock.wallMs -= 60 * second;
  world.edge!.meters[id] = meterOf({ requests: 12 });
  await sampler.sampleOnce();
  // spans are measured on the clock that never jumps
  expect(all()[0]).toMatchObject({
    atMs: Date.parse("2026-03-31T23:59:10Z"),
    requests: 2,
    upMs: 30 * second,
  });
  fixture.reopen();
  clock.wallMs = Date.parse("2026-03-31T23:59:40Z");
  world.edge!.meters[id] = meterOf({ requests: 13 });
  await fixture.sampler().sampleOnce();
  expect(sum("requests")).toBe(3);
});

test("two ticks at the same time of the wall clock are kept apart", async () => {
  fixture = await usageFixture(noon);
  const { world, clock, ids } = fixture;
  world.environments = [staticSite(ids[0]!)];
  world.edge!.meters[ids[0]!] = meterOf();
  const sampler = fixture.sampler();
  await sampler.sampleOnce();
  clock.spentMs += 30 * second;
  world.edge!.meters[ids[0]!] = meterOf({ requests: 4 });
  await sampler.sampleOnce();
  expect(all().map((sample) => [sample.atMs, sample.requests])).toEqual([
    [noon, 0],
    [noon + 1, 4],
  ]);
});

test("a tick that cannot be written throws and loses nothing", async () => {
  fixture = await usageFixture(noon);
  const { world, clock, ids } = fixture;
  world.environments = [container(ids[0]!, ["a"])];
  world.readings = [reading("a", { cpuNanos: 1e9 })];
  world.edge!.meters[ids[0]!] = meterOf({ requests: 1 });
  const sampler = fixture.sampler();
  await sampler.sampleOnce();
  const [file] = fixture.files.files();
  file!.raw.run(
    "CREATE TEMP TRIGGER full BEFORE INSERT ON samples BEGIN SELECT RAISE(ABORT, 'disk full'); END",
  );
  clock.pass(30 * second);
  world.readings = [reading("a", { cpuNanos: 2e9 })];
  world.edge!.meters[ids[0]!] = meterOf({ requests: 5 });
  await expect(sampler.sampleOnce()).rejects.toThrow("disk full");
  file!.raw.run("DROP TRIGGER full");
  clock.pass(30 * second);
  await sampler.sampleOnce();
  expect(all().at(-1)).toMatchObject({ requests: 4, cpuNanos: 1e9, upMs: 60 * second });
});

test("an environment that is not listed for a while is not counted twice when it comes back", async () => {
  fixture = await usageFixture(noon);
  const { world, clock, ids } = fixture;
  const [id] = ids as [string];
  const sampler = fixture.sampler();
  world.environments = [container(id, ["a"])];
  world.readings = [reading("a", { cpuNanos: 1e9 })];
  world.edge!.meters[id] = meterOf({ requests: 10 });
  await sampler.sampleOnce();
  clock.pass(30 * second);
  world.environments = [];
  await sampler.sampleOnce();
  clock.pass(30 * second);
  world.environments = [container(id, ["a"])];
  world.edge!.meters[id] = meterOf({ requests: 12 });
  await sampler.sampleOnce();
  expect(sum("requests")).toBe(2);
  expect(sum("cpuNanos")).toBe(0);
});

test("uptime: a rollout does not interrupt it, a crash and a first start do", async () => {
  fixture = await usageFixture(noon);
  const { world, clock, ids } = fixture;
  const [id] = ids as [string];
  const sampler = fixture.sampler();
  world.environments = [];
  await sampler.sampleOnce();

  clock.pass(30 * second);
  world.environments = [container(id, ["a"], clock.wallMs - 12 * second)];
  world.readings = [reading("a", { cpuNanos: 5e9 })];
  await sampler.sampleOnce();
  clock.pass(30 * second);
  world.environments = [container(id, ["b"], clock.wallMs - 3 * second)];
  world.readings = [reading("b", { cpuNanos: 1e9 })];
  await sampler.sampleOnce();
  clock.pass(30 * second);
  world.environments = [container(id, ["b"], clock.wallMs - 10 * second)];
  world.readings = [reading("b", { cpuNanos: 2e8 })];
  await sampler.sampleOnce();
  expect(all().map((sample) => sample.upMs / second)).toEqual([12, 30, 10]);
});
