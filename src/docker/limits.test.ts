import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { NetworkRef } from "../domain/engine.ts";
import { holdsShares } from "../domain/cpu-share.ts";
import { GB, MB } from "../domain/size.ts";
import { type DockerFixture, dockerFixture, eventually } from "../testing/docker-fixture.ts";

setDefaultTimeout(30_000);

let fixture: DockerFixture;
let network: NetworkRef;
beforeAll(async () => {
  fixture = await dockerFixture();
  network = await fixture.network();
});
afterAll(() => fixture.cleanup());

const readingOf = async (replicaId: string) =>
  (await fixture.engine.readings()).find((reading) => reading.replicaId === replicaId) ?? null;

const applied = async (replicaId: string) => {
  const { readAtMs, cpuShares, cpuWeight, ...limits } = (await fixture.engine.appliedLimits(replicaId))!;
  return limits;
};

test("limits are in the kernel, and change while the replica runs: up, down, up", async () => {
  const { engine } = fixture;
  const { replicaId, pid } = await fixture.start("sleep 300", network, {
    limits: { memoryBytes: 64 * MB, cpuMillicores: 500, pids: 32 },
  });
  expect(await applied(replicaId)).toEqual({
    memoryBytes: 64 * MB,
    memorySwapBytes: 64 * MB,
    cpuMillicores: 500,
    pids: 32,
  });
  for (const limits of [
    { memoryBytes: 1 * GB, cpuMillicores: 1500, pids: 256 },
    { memoryBytes: 16 * MB, cpuMillicores: 10, pids: 8 },
    { memoryBytes: 128 * MB, cpuMillicores: 250, pids: 64 },
  ]) {
    await engine.updateLimits(replicaId, limits);
    expect(await applied(replicaId)).toEqual({ ...limits, memorySwapBytes: limits.memoryBytes });
  }
  expect((await engine.inspectReplica(replicaId))!.pid).toBe(pid);
  await engine.stopReplica(replicaId, 1);
  expect(await engine.appliedLimits(replicaId)).toBeNull();
  // and while it is stopped: for its next start
  await engine.updateLimits(replicaId, { memoryBytes: 96 * MB, cpuMillicores: 300, pids: 48 });
  await engine.restartReplica(replicaId);
  expect(await applied(replicaId)).toEqual({
    memoryBytes: 96 * MB,
    memorySwapBytes: 96 * MB,
    cpuMillicores: 300,
    pids: 48,
  });
});

test("the weight goes by the limit, also where the quota is beyond it", async () => {
  const { engine } = fixture;
  const { replicaId } = await fixture.start("sleep 300", network, {
    limits: { memoryBytes: 64 * MB, cpuMillicores: 500, pids: 32 },
  });
  const held = async () => (await engine.appliedLimits(replicaId))!;
  expect(holdsShares(await held(), 512)).toBe(true);
  await engine.updateLimits(replicaId, {
    memoryBytes: 64 * MB,
    cpuMillicores: 2000,
    weightMillicores: 250,
    pids: 32,
  });
  expect((await held()).cpuMillicores).toBe(2000);
  expect(holdsShares(await held(), 256)).toBe(true);
  expect(holdsShares(await held(), 512)).toBe(false);
});

test("a memory limit below what is in use is refused and the replica lives on", async () => {
  const { engine } = fixture;
  const { replicaId } = await fixture.start(
    "dd if=/dev/zero of=/tmp/x bs=1M count=40; echo full; sleep 300",
    network,
  );
  await eventually("use", async () => (await engine.logTail(replicaId, 5)).includes("full"));
  const lower = { memoryBytes: 16 * MB, cpuMillicores: 500, pids: 32 };
  await expect(engine.updateLimits(replicaId, lower)).rejects.toMatchObject({
    code: "conflict",
    message: expect.stringMatching(/^the memory limit cannot be lowered to 16 MB while the replica uses 4\d/),
  });
  expect(await applied(replicaId)).toMatchObject({ memoryBytes: 64 * MB });
  expect((await engine.inspectReplica(replicaId))!.running).toBe(true);
  await expect(engine.updateLimits("rep_none", lower)).rejects.toMatchObject({ code: "not_found" });
});

test("main process over its memory: killed, and said so", async () => {
  const { engine } = fixture;
  const { replicaId } = await fixture.start("exec tail /dev/zero", network);
  const state = await eventually("OOM kill", async () => {
    const found = await engine.inspectReplica(replicaId);
    return found && !found.running && found;
  });
  expect(state).toMatchObject({ exitCode: 137, oomKilled: true });
});

test("a child over its memory is killed too, counted, and the replica goes on", async () => {
  const { replicaId } = await fixture.start("tail /dev/zero; echo survived; sleep 300", network);
  const reading = await eventually("counted OOM kill", async () => {
    const found = await readingOf(replicaId);
    return found?.oomKills ? found : null;
  });
  expect(reading.oomKills).toBe(1);
  expect((await fixture.engine.inspectReplica(replicaId))!.running).toBe(true);
});

test("a fork bomb ends at the limit of processes", async () => {
  const { engine } = fixture;
  const script = "for i in $(seq 1 100); do sleep 300 & done; echo all started; sleep 300";
  const { replicaId } = await fixture.start(script, network, {
    limits: { memoryBytes: 64 * MB, cpuMillicores: 1000, pids: 20 },
  });
  await eventually("refused fork", async () =>
    (await engine.logTail(replicaId, 200)).some((line) => /can't fork/.test(line)),
  );
  expect((await readingOf(replicaId))?.pids ?? 0).toBeLessThanOrEqual(20);
});

test("CPU over its quota is throttled, and readings grow", async () => {
  const { replicaId } = await fixture.start("while :; do :; done", network, {
    limits: { memoryBytes: 64 * MB, cpuMillicores: 100, pids: 32 },
  });
  const first = await eventually("throttling", async () => {
    const found = await readingOf(replicaId);
    return found?.throttledNanos ? found : null;
  });
  const second = await eventually("more CPU", async () => {
    const found = await readingOf(replicaId);
    return found && found.cpuNanos > first.cpuNanos ? found : null;
  });
  expect(second.throttledNanos!).toBeGreaterThanOrEqual(first.throttledNanos!);
  expect(second.memoryBytes).toBeGreaterThan(0);
  expect(second.memoryBytes).toBeLessThan(64 * MB);
  await fixture.engine.removeReplica(replicaId);
  expect(await readingOf(replicaId)).toBeNull();
});

test("a second engine, as after a restart of the daemon, reads replicas it did not start", async () => {
  const { replicaId } = await fixture.start("sleep 300", network);
  const other = await dockerFixture();
  expect((await other.engine.readings()).map((reading) => reading.replicaId)).toContain(replicaId);
});
