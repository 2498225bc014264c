import { afterEach, expect, test } from "bun:test";
import { systemClock } from "../domain/clock.ts";
import { newId } from "../domain/id.ts";
import { silentLog } from "../domain/log.ts";
import { dockerFixture, eventually } from "../testing/docker-fixture.ts";
import { usageFixture } from "../testing/usage-fixture.ts";
import { createSampler } from "./sampler.ts";

let cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  cleanups = [];
});

test("two replicas on a real engine: their memory and CPU time add up, and a killed child is counted", async () => {
  const usage = await usageFixture(Date.now());
  cleanups.push(usage.close);
  const docker = await dockerFixture({ hostFirewall: false });
  cleanups.push(docker.cleanup);
  const replicas = [newId("rep"), newId("rep")];
  const [id] = usage.ids as [string];
  const environment = {
    id,
    kind: "container" as const,
    stopped: false,
    diskUsedBytes: null,
    replicas: replicas.map((replica) => ({ id: replica, startedAtMs: null, oomKills: 0 })),
  };
  const sampler = createSampler({
    readings: () => docker.engine.readings(),
    meters: () => Promise.resolve({ epoch: "e", atMs: 0, meters: {} }),
    environments: async () => [environment],
    files: usage.files,
    clock: systemClock,
    log: silentLog,
  });
  await sampler.sampleOnce();

  const network = await docker.network();
  // one burns CPU, one has a child that wants more memory than there is
  await docker.start("while :; do :; done", network, { replicaId: replicas[0] });
  await docker.start("while :; do tail /dev/zero; sleep 1; done", network, { replicaId: replicas[1] });
  const samples = () => usage.files.samplesOf(id, 0, Number.MAX_SAFE_INTEGER);
  await eventually("an OOM kill in a sample", async () => {
    await sampler.sampleOnce();
    return samples().some((sample) => sample.oomKills > 0);
  });
  const cpuNanos = samples().reduce((sum, sample) => sum + (sample.cpuNanos ?? 0), 0);
  const readings = (await docker.engine.readings()).filter((one) => replicas.includes(one.replicaId));
  expect(readings).toHaveLength(2);
  expect(samples().at(-1)!.memoryBytes).toBeGreaterThan(0);
  expect(cpuNanos).toBeGreaterThan(0);
  // no sample takes more than the kernel has counted in all
  expect(cpuNanos).toBeLessThanOrEqual(readings.reduce((sum, one) => sum + one.cpuNanos, 0));
}, 60_000);
