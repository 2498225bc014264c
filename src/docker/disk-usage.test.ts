import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { NetworkRef } from "../domain/engine.ts";
import { MB } from "../domain/size.ts";
import { type DockerFixture, dockerFixture, eventually } from "../testing/docker-fixture.ts";

setDefaultTimeout(30_000);

let fixture: DockerFixture;
let network: NetworkRef;
beforeAll(async () => {
  fixture = await dockerFixture();
  network = await fixture.network();
});
afterAll(() => fixture.cleanup());

const startAndWait = async (script: string) => {
  const { replicaId } = await fixture.start(`${script}; echo; echo ready; sleep 300`, network);
  await eventually("ready", async () => (await fixture.engine.logTail(replicaId, 5)).includes("ready"));
  return replicaId;
};

test("writes count by blocks: sparse files little, small files whole blocks; /tmp is memory, not disk", async () => {
  const { engine } = fixture;
  const replicaId = await startAndWait(
    "dd if=/dev/zero of=/data bs=1M count=20; truncate -s 1G /sparse; dd if=/dev/zero of=/tmp/x bs=1M count=10",
  );
  const usage = (await engine.diskUsage(replicaId))!;
  expect(usage.writableBytes).toBeGreaterThanOrEqual(20 * MB);
  expect(usage.writableBytes).toBeLessThan(21 * MB);
  await engine.stopReplica(replicaId, 0);
  expect((await engine.diskUsage(replicaId))!.writableBytes).toBe(usage.writableBytes);
});

test("empty files count as small ones: the host has only so many inodes", async () => {
  const { engine } = fixture;
  const replicaId = await startAndWait("mkdir /many && cd /many && seq 1 3000 | xargs touch");
  expect((await engine.diskUsage(replicaId))!.writableBytes).toBeGreaterThan(3000 * 4096);
});

test("logs count, and rotate at their bound", async () => {
  const { engine } = fixture;
  const replicaId = await startAndWait("head -c 50000000 /dev/zero | tr '\\0' x | fold -w 1000");
  const { logBytes } = (await engine.diskUsage(replicaId))!;
  expect(logBytes).toBeGreaterThan(10 * MB);
  expect(logBytes).toBeLessThan(32 * MB);
});

test("asked for many at once, each gets its own answer; none for a replica that is not there", async () => {
  const { engine } = fixture;
  const ids = await Promise.all([1, 5].map((n) => startAndWait(`dd if=/dev/zero of=/data bs=1M count=${n}`)));
  const [small, large, none] = await Promise.all([...ids, "rep_none"].map((id) => engine.diskUsage(id)));
  expect(large!.writableBytes - small!.writableBytes).toBe(4 * MB);
  expect(none).toBeNull();
});
