import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContainerOutputs } from "../docker/container-outputs.ts";
import type { LogSource } from "../domain/app-log.ts";
import { systemClock } from "../domain/clock.ts";
import type { NetworkRef, ReplicaState } from "../domain/engine.ts";
import { silentLog } from "../domain/log.ts";
import { type DockerFixture, dockerFixture, dockerHost, eventually } from "../testing/docker-fixture.ts";
import { type Collector, createCollector } from "./collector.ts";
import type { FloodLimits } from "./deps.ts";
import { type LogStore, openLogStore } from "./log-store.ts";
import { readAll } from "./query.ts";

setDefaultTimeout(90_000);

let fixture: DockerFixture;
let network: NetworkRef;
let dir: string;
let sources: LogSource[];
let store: LogStore;
let stopAll: (() => Promise<void>)[];
beforeAll(async () => {
  fixture = await dockerFixture();
  network = await fixture.network();
});
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-collector-"));
  sources = [];
  stopAll = [];
});
afterEach(async () => {
  for (const stop of stopAll) await stop();
  rmSync(dir, { recursive: true, force: true });
});
afterAll(() => fixture.cleanup());

const sourceOf = (state: ReplicaState, changes: Partial<LogSource> = {}): LogSource => ({
  replicaId: state.replicaId,
  containerId: state.containerId,
  environmentId: "env_1",
  release: 1,
  process: "web",
  secretsOf: "rel_1",
  ...changes,
});

/** A life of the collector on the same folder. A process that is killed leaves files as they are; so does this. */
const begin = (flood?: FloodLimits): { collector: Collector; stop: () => Promise<void> } => {
  store = openLogStore({ dir, keep: async () => ({ maxBytes: 3 * 1024 * 1024, days: 14 }), log: silentLog });
  const collector = createCollector({
    store,
    outputs: createContainerOutputs(dockerHost),
    sources: async () => sources,
    sourceOf: async (id) => sources.find((one) => one.replicaId === id) ?? null,
    secrets: async () => ["hunter2-hunter2"],
    clock: systemClock,
    log: silentLog,
    flood,
  });
  const life = new AbortController();
  const running = collector.start(life.signal);
  const stop = async () => {
    life.abort();
    await running;
  };
  stopAll.push(stop);
  return { collector, stop };
};

const stored = async (): Promise<string[]> => {
  const texts: string[] = [];
  for await (const line of readAll(store, "env_1", {})) if (line) texts.push(line.text);
  return texts;
};
const storedWith = (last: string, deadlineMs = 30_000) =>
  eventually(`line ${last}`, async () => (await stored()).includes(last), deadlineMs);

test("what a container prints is kept with its time, output and level, and secrets are not", async () => {
  begin();
  const state = await fixture.start(
    `echo one; echo 'WARN key hunter2-hunter2 shown' >&2; printf '  at trace\\n' >&2; head -c 40000 /dev/zero | tr '\\0' x; echo; printf '\\001\\033[31mred\\377'; echo; printf last`,
    network,
  );
  sources = [sourceOf(state, { process: "worker", release: 7 })];
  await storedWith("last");
  const lines = (await Array.fromAsync(readAll(store, "env_1", {}))).flatMap((line) => line ?? []);
  const byText = (text: string) => lines.find((line) => line.text.startsWith(text))!;
  expect(lines).toHaveLength(6);
  expect(byText("one")).toMatchObject({ stream: "stdout", level: "info", process: "worker", release: 7 });
  expect(byText("WARN")).toMatchObject({
    text: "WARN key ******** shown",
    stream: "stderr",
    level: "warning",
  });
  expect(byText("  at")).toMatchObject({ level: "warning" });
  expect(byText("xxx")).toMatchObject({ cut: true });
  expect(byText("xxx").text).toHaveLength(16 * 1024);
  expect(byText("\x01").text).toBe("\x01\x1b[31mred\ufffd");
  expect(Math.abs(byText("one").atMs - state.startedAtMs!)).toBeLessThan(30_000);
});

test("nothing is lost or doubled over lives of the collector, rotations and a removal", async () => {
  // Two rotations: the three files that the engine keeps hold all of it, however slow the reader is.
  const count = 40_000;
  const state = await fixture.start(
    `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo "line $i of a site that has something to say each time around"; done; exec sleep 300`,
    network,
    {
      limits: { memoryBytes: 64 << 20, cpuMillicores: 1000, pids: 32 },
      disk: { layerBytes: 1 << 30, logFileBytes: 5 << 19, longestFileBytes: null, readOnlyRoot: false },
    },
  );
  sources = [sourceOf(state)];
  const last = `line ${count} of a site that has something to say each time around`;
  for (let life = 0; life < 4; life++) {
    const { stop } = begin();
    await eventually("some lines", async () => (await stored()).length > life * 2_000);
    await stop();
  }
  const { collector } = begin();
  await storedWith(last);
  await collector.drain(state.replicaId);
  await fixture.engine.removeReplica(state.replicaId);
  const texts = (await stored()).filter((text) => text.startsWith("line "));
  const missing = texts.findIndex((text, n) => !text.startsWith(`line ${n + 1} of`));
  expect([missing, texts.length]).toEqual([-1, count]);
});

test("last words are kept: of one that crashes, of one that is killed, and of one removed by others", async () => {
  const { collector } = begin();
  const crashed = await fixture.start("echo crashed here; exit 3", network);
  const asked = await fixture.start(
    "trap 'echo good bye; exit 0' TERM; echo up; while :; do sleep 0.1; done",
    network,
  );
  const removed = await fixture.start("while :; do echo alive; sleep 0.02; done", network);
  sources = [crashed, asked, removed].map((state) => sourceOf(state));
  collector.notice();
  await storedWith("crashed here");
  await storedWith("up");
  await storedWith("alive");
  // Removed past Croft: its file is gone, and can still be read to its end.
  await fixture.engine.removeReplica(removed.replicaId);
  await fixture.engine.stopReplica(asked.replicaId, 5);
  await collector.drain(asked.replicaId);
  await fixture.engine.removeReplica(asked.replicaId);
  expect(await stored()).toContain("good bye");
  sources = [];
  collector.notice();
  const alive = async () => (await stored()).filter((text) => text === "alive").length;
  let before = -1;
  await eventually("its last line", async () => before === (before = await alive()));
});

test("a container that takes the place of another is read from its first line", async () => {
  const { collector } = begin();
  const first = await fixture.start("echo first; exec sleep 300", network);
  sources = [sourceOf(first)];
  collector.notice();
  await storedWith("first");
  await fixture.engine.removeReplica(first.replicaId);
  const second = await fixture.start("echo second; exec sleep 300", network, { replicaId: first.replicaId });
  sources = [sourceOf(second)];
  collector.notice();
  await storedWith("second");
  expect(await stored()).toEqual(["first", "second"]);
});

test("two containers' lines stand in the order of their times, also when both had much to say while nobody read", async () => {
  const script = "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; done; echo end; exec sleep 300";
  const states = await Promise.all([fixture.start(script, network), fixture.start(script, network)]);
  sources = states.map((state) => sourceOf(state));
  await Promise.all(
    states.map((state) =>
      eventually("end", async () => (await fixture.engine.logTail(state.replicaId, 1))[0] === "end"),
    ),
  );
  begin();
  await eventually("both ends", async () => (await stored()).filter((text) => text === "end").length === 2);
  const times = (await Array.fromAsync(readAll(store, "env_1", {}))).flatMap((line) => line?.atMs ?? []);
  expect(times).toHaveLength(6002);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test("a flood is bounded: lines are dropped, counted and the newest kept, and the log keeps to its size", async () => {
  begin({ burstBytes: 200 * 1024, bytesPerSecond: 64 * 1024 });
  const lines = 300_000;
  const state = await fixture.start(
    `yes 'the same line over and over, as floods are' | head -n ${lines}; echo the end; exec sleep 300`,
    network,
    { limits: { memoryBytes: 64 << 20, cpuMillicores: 1000, pids: 32 } },
  );
  sources = [sourceOf(state)];
  await storedWith("the end", 60_000);
  const texts = await stored();
  const dropped = texts.flatMap(
    (text) => /^([\d,]+) lines? dropped: /.exec(text)?.[1]?.replaceAll(",", "") ?? [],
  );
  const kept = texts.filter((text) => text.startsWith("the same line")).length;
  const may = texts.filter((text) => text.startsWith("lines may be missing")).length;
  const sum = dropped.reduce((total, one) => total + Number(one), kept);
  expect(dropped.length).toBeGreaterThan(0);
  expect(kept).toBeLessThan(lines / 3);
  // Where the engine itself let go of lines, nobody can have counted them; that is said, too.
  if (may === 0) expect(sum).toBe(lines);
  else expect(sum).toBeLessThanOrEqual(lines);
  expect(await store.bytes("env_1")).toBeLessThan(3 * 1024 * 1024);
});
