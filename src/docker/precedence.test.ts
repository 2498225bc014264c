import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MB } from "../domain/size.ts";
import { type DockerFixture, dockerFixture } from "../testing/docker-fixture.ts";
import { cgroupOfProcess } from "./cgroup-paths.ts";

setDefaultTimeout(60_000);

let fixture: DockerFixture;
beforeAll(async () => {
  fixture = await dockerFixture();
});
afterAll(() => fixture.cleanup());

test("a replica that lets others go first does so until it need not, and its limits can be changed meanwhile", async () => {
  const { engine } = fixture;
  const network = await fixture.network();
  const limits = { memoryBytes: 64 * MB, cpuMillicores: 300, pids: 32 };
  const { replicaId, pid } = await fixture.start("while :; do sleep 1; done", network, { limits });
  const cgroup = cgroupOfProcess(pid!)!;
  const file = join(cgroup.version === 1 ? cgroup.cpu! : cgroup.folder, "cpu.idle");
  const idle = (): string => readFileSync(file, "utf8").trim();
  const share = async () => {
    const applied = await engine.appliedLimits(replicaId);
    return applied?.cpuShares ?? applied?.cpuWeight ?? null;
  };
  const usual = await share();
  expect([idle(), usual === null]).toEqual(["0", false]);

  expect(engine.letOthersFirst(new Set([replicaId]))).toEqual([]);
  expect([idle(), await share()]).toEqual(["1", null]);
  await engine.updateLimits(replicaId, { ...limits, cpuMillicores: 400 });
  expect((await engine.appliedLimits(replicaId))?.cpuMillicores).toBe(400);
  expect(idle()).toBe("0");

  engine.letOthersFirst(new Set([replicaId]));
  expect(engine.letOthersFirst(new Set())).toEqual([replicaId]);
  expect(idle()).toBe("0");
  await engine.updateLimits(replicaId, limits);
  expect(await share()).toBe(usual);
  expect(engine.letOthersFirst(new Set())).toEqual([]);
});

test("what an earlier daemon left so counts like others again", async () => {
  const network = await fixture.network();
  const { replicaId, pid } = await fixture.start("while :; do sleep 1; done", network);
  const cgroup = cgroupOfProcess(pid!)!;
  writeFileSync(join(cgroup.version === 1 ? cgroup.cpu! : cgroup.folder, "cpu.idle"), "1");
  const next = await dockerFixture();
  await next.engine.readings();
  expect(next.engine.letOthersFirst(new Set())).toContain(replicaId);
});
