import { expect, setDefaultTimeout, test } from "bun:test";
import { systemClock } from "../domain/clock.ts";
import type { ReplicaDisk } from "../domain/engine.ts";
import { newId } from "../domain/id.ts";
import { silentLog } from "../domain/log.ts";
import { MB } from "../domain/size.ts";
import { dockerFixture, eventually, randomSubnet } from "../testing/docker-fixture.ts";
import { docker as dockerCli } from "../testing/e2e/croft.ts";
import { type DataDisk, ownDocker, webImage } from "../testing/e2e/own-docker.ts";
import { createDockerEngine } from "./docker-engine.ts";
import { mountOptionsOf } from "./mount-options.ts";

setDefaultTimeout(120_000);

const disk = (changes: Partial<ReplicaDisk> = {}): ReplicaDisk => ({
  ...{ layerBytes: 48 * MB, logFileBytes: MB, longestFileBytes: null, readOnlyRoot: false },
  ...changes,
});

const owner = { site: "quota", environment: "production", release: "1", role: "site" } as const;

const engineOn = async (kind: DataDisk) => {
  const docker = await ownDocker(kind);
  const engine = createDockerEngine({
    ...{ dockerHost: docker.host, log: silentLog, clock: systemClock, hostFirewall: false },
  });
  const network = { name: `croft-${newId("env")}`, subnet: randomSubnet() };
  await engine.ensureNetwork(network, owner);
  const start = async (script: string, changes?: Partial<ReplicaDisk>) => {
    const replicaId = newId("rep");
    await engine.startReplica({
      ...{ name: `croft-${replicaId}`, imageId: webImage, owner, replicaId, network, env: {}, volumes: [] },
      startCommand: `${script}; echo ended; sleep 600`,
      limits: { memoryBytes: 128 * MB, cpuMillicores: 1000, pids: 32 },
      disk: disk(changes),
      stopGraceSeconds: 0,
    });
    const said = await eventually("the script's end", async () => {
      const lines = await engine.logTail(replicaId, 20);
      return lines.includes("ended") && lines.join("\n");
    });
    const usage = (await engine.diskUsage(replicaId))!;
    await engine.removeReplica(replicaId);
    return { said, usage };
  };
  return { docker, engine, start, [Symbol.asyncDispose]: () => docker[Symbol.asyncDispose]() };
};

const fillBeyond = "for n in 1 2 3 4; do dd if=/dev/zero of=/file$n bs=1M count=32 2>&1; done; sync";

test("btrfs holds a writable layer to its size: the write fails, and not one byte too many is there", async () => {
  await using on = await engineOn("btrfs");
  expect(await on.engine.diskFacts()).toMatchObject({ layerQuota: true });
  const { said, usage } = await on.start(fillBeyond);
  expect(said).toContain("Disk quota exceeded");
  expect(usage.writableBytes).toBeLessThanOrEqual(48 * MB);
  expect(usage.writableBytes).toBeGreaterThan(40 * MB);
  const beside = await on.start("dd if=/dev/zero of=/file bs=1M count=20 && echo wrote");
  expect(beside.said).toContain("wrote");
});

// Not every kernel has quotas of XFS; where they are missing, that must be seen, and nothing may fail for it.
test("XFS holds it with project quotas; without them it is known that it does not, and the site runs", async () => {
  await using on = await engineOn("xfs");
  const folder = await on.docker.docker("info", "--format", "{{.DockerRootDir}}");
  const hasQuotas = (await mountOptionsOf(folder))!.includes("prjquota");
  expect(await on.engine.diskFacts()).toMatchObject({ layerQuota: hasQuotas, folder });
  const { said, usage } = await on.start(fillBeyond);
  expect(/No space left on device|Disk quota exceeded/.test(said)).toBe(hasQuotas);
  expect(usage.writableBytes > 48 * MB).toBe(!hasQuotas);
});

test("a file can be no longer than asked, and with a read-only root only volumes and /tmp take writes", async () => {
  const fixture = await dockerFixture();
  try {
    const network = await fixture.network();
    const script =
      "dd if=/dev/zero of=/long bs=1M count=20; stat -c %s /long; echo x >/tmp/x && echo tmp; echo ended; sleep 60";
    const said = async (changes: Partial<ReplicaDisk>): Promise<string[]> => {
      const { replicaId } = await fixture.start(script, network, { disk: disk(changes) });
      return eventually("the script's end", async () => {
        const lines = await fixture.engine.logTail(replicaId, 20);
        return lines.includes("ended") && lines;
      });
    };
    expect(await said({ longestFileBytes: 5 * MB })).toContain(String(5 * MB));
    const waits =
      "until [ -e /tmp/go ]; do sleep 0.1; done; dd if=/dev/zero of=/long bs=1M count=20; stat -c %s /long; echo ended; sleep 60";
    const { replicaId } = await fixture.start(waits, network, { disk: disk({ longestFileBytes: 30 * MB }) });
    expect(await fixture.engine.setLongestFile(replicaId, 7 * MB)).toBe(true);
    await dockerCli("exec", `croft-${replicaId}`, "touch", "/tmp/go");
    expect(
      await eventually("the shorter file", async () => {
        const lines = await fixture.engine.logTail(replicaId, 20);
        return lines.includes("ended") && lines;
      }),
    ).toContain(String(7 * MB));
    const closed = await said({ readOnlyRoot: true });
    expect(closed.join("\n")).toContain("Read-only file system");
    expect(closed).toContain("tmp");
  } finally {
    await fixture.cleanup();
  }
});
