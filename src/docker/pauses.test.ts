import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NetworkRef } from "../domain/engine.ts";
import { MB } from "../domain/size.ts";
import { type DockerFixture, dockerFixture, eventually } from "../testing/docker-fixture.ts";
import { createReclaimMemory } from "./reclaim-memory.ts";

setDefaultTimeout(30_000);

let fixture: DockerFixture;
let network: NetworkRef;
beforeAll(async () => {
  fixture = await dockerFixture();
  network = await fixture.network();
});
afterAll(() => fixture.cleanup());

const ticking = "trap 'exit 3' TERM; i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done";
const lastTick = async (replicaId: string): Promise<number> =>
  Number((await fixture.engine.logTail(replicaId, 1))[0] ?? 0);

test("a paused replica stands still, keeps what it has, and goes on where it was", async () => {
  const { engine } = fixture;
  const { replicaId, address } = await fixture.start(ticking, network);
  await eventually("first ticks", async () => (await lastTick(replicaId)) > 2);
  await engine.pauseReplica(replicaId);
  await engine.pauseReplica(replicaId);
  const paused = (await engine.inspectReplica(replicaId))!;
  expect(paused).toMatchObject({ running: true, paused: true, address });
  const before = await lastTick(replicaId);
  await Bun.sleep(300);
  expect(await lastTick(replicaId)).toBe(before);
  // Its figures are read and its limits changed as of any other.
  expect((await engine.readings()).some((reading) => reading.replicaId === replicaId)).toBe(true);
  await engine.updateLimits(replicaId, { memoryBytes: 96 * MB, cpuMillicores: 300, pids: 77 });
  expect(await engine.appliedLimits(replicaId)).toMatchObject({
    memoryBytes: 96 * MB,
    cpuMillicores: 300,
    pids: 77,
  });
  expect(await engine.inspectReplica(replicaId)).toMatchObject({ paused: true });
  await engine.unpauseReplica(replicaId);
  await engine.unpauseReplica(replicaId);
  await eventually("further ticks", async () => (await lastTick(replicaId)) > before);
  expect(await engine.inspectReplica(replicaId)).toMatchObject({ running: true, paused: false });
  await engine.removeReplica(replicaId);
});

test("stopping, starting and removing paused replicas; what does not run cannot be paused", async () => {
  const { engine } = fixture;
  const { replicaId } = await fixture.start(ticking, network);
  await eventually("first ticks", async () => (await lastTick(replicaId)) > 2);
  await engine.pauseReplica(replicaId);
  expect(await engine.restartReplica(replicaId)).toMatchObject({ running: true, paused: false });
  await engine.pauseReplica(replicaId);
  await engine.stopReplica(replicaId, 10);
  // It had its say: not killed.
  expect(await engine.inspectReplica(replicaId)).toMatchObject({
    running: false,
    paused: false,
    exitCode: 3,
  });
  await expect(engine.pauseReplica(replicaId)).rejects.toMatchObject({ code: "conflict" });
  await expect(engine.unpauseReplica(replicaId)).rejects.toMatchObject({ code: "conflict" });
  await engine.restartReplica(replicaId);
  await engine.pauseReplica(replicaId);
  await engine.removeReplica(replicaId);
  expect(await engine.inspectReplica(replicaId)).toBeNull();
  await expect(engine.pauseReplica(replicaId)).rejects.toMatchObject({ code: "not_found" });
});

test("the kernel takes file cache back, and is asked in the words of its cgroup version", async () => {
  const { engine } = fixture;
  const { replicaId } = await fixture.start(
    "dd if=/dev/zero of=/root/file bs=1M count=24 2>/dev/null; sync; echo written; sleep 1000",
    network,
    { limits: { memoryBytes: 64 * MB, cpuMillicores: 1000, pids: 32 } },
  );
  await eventually("a file in the cache", async () =>
    (await engine.logTail(replicaId, 1)).includes("written"),
  );
  await engine.pauseReplica(replicaId);
  const { beforeBytes, afterBytes } = (await engine.reclaimMemory(replicaId))!;
  expect(beforeBytes).toBeGreaterThan(20 * MB);
  expect(afterBytes).toBeLessThan(10 * MB);
  await engine.removeReplica(replicaId);
  expect(await engine.reclaimMemory(replicaId)).toBeNull();
});

test("the unified hierarchy is asked for all that is used", async () => {
  const root = mkdtempSync(join(tmpdir(), "croft-reclaim-"));
  mkdirSync(join(root, "proc/self"), { recursive: true });
  mkdirSync(join(root, "proc/7"), { recursive: true });
  mkdirSync(join(root, "cg/site"), { recursive: true });
  writeFileSync(join(root, "proc/self/mountinfo"), "1 1 0:1 / /cg rw - cgroup2 cgroup2 rw\n");
  writeFileSync(join(root, "proc/7/cgroup"), "0::/site\n");
  writeFileSync(join(root, "cg/site/memory.current"), "4096\n");
  const state = async () => ({ pid: 7 }) as never;
  expect(await createReclaimMemory(state, root)("rep")).toBeNull();
  writeFileSync(join(root, "cg/site/memory.reclaim"), "");
  expect(await createReclaimMemory(state, root)("rep")).toEqual({ beforeBytes: 4096, afterBytes: 4096 });
  expect(readFileSync(join(root, "cg/site/memory.reclaim"), "utf8")).toBe("4096");
  rmSync(root, { recursive: true });
});
