import { createDockerEngine } from "../../src/docker/docker-engine.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { silentLog } from "../../src/domain/log.ts";
import { dockerFixture } from "../../src/testing/docker-fixture.ts";
import { type OwnDocker, ownDocker, webImage } from "../../src/testing/e2e/own-docker.ts";
import { withCleanUp } from "./clean-ups.ts";
import { preciseCpuSecondsOf } from "./processes.ts";
import { median, type Row, row, timed } from "./row.ts";

const passes = 40;
const statsRounds = 5;

/**
 * Reading what all running containers use, once: cgroup files through Croft's engine beside Docker's stats API, asked
 * for all of them at the same time and in its cheaper one-shot form. Processor time, since that is what a host has less
 * of; of the API with what Docker spends on the answer. Docker is one of the bench's own.
 */
export const usageBench = async (containers = 100): Promise<Row[]> => {
  const own = await ownDocker();
  return withCleanUp(
    async () => void (await own[Symbol.asyncDispose]()),
    () => measure(own, containers),
  );
};

const measure = async (own: OwnDocker, containers: number): Promise<Row[]> => {
  const engine = createDockerEngine({
    dockerHost: own.host,
    log: silentLog,
    clock: systemClock,
    hostFirewall: false,
  });
  const fixture = await dockerFixture({ engine });
  const imageId = await own.docker("inspect", "--format", "{{.Id}}", webImage);
  // A /28 has room for 13 addresses, so containers share a few networks.
  const networks = [await fixture.network()];
  while (networks.length * 12 < containers) networks.push(await fixture.network());
  for (let i = 0; i < containers; i++)
    await fixture.start("exec sleep 3600", networks[Math.floor(i / 12)]!, { imageId });

  const read = (await engine.readings()).length;
  const cpuMs: number[] = [];
  const wallMs: number[] = [];
  for (let pass = 0; pass < passes; pass++) {
    const before = process.cpuUsage();
    wallMs.push(await timed(() => engine.readings()));
    const { user, system } = process.cpuUsage(before);
    cpuMs.push((user + system) / 1000);
  }

  const ids = (await engine.listReplicas()).map(({ containerId }) => containerId);
  const unix = own.host.replace("unix://", "");
  const docker = await own.pids();
  const dockerSeconds = (): number => docker.map(preciseCpuSecondsOf).reduce((sum, one) => sum + one, 0);
  const statsMs: number[] = [];
  const beforeDocker = dockerSeconds();
  const beforeSelf = process.cpuUsage();
  for (let round = 0; round < statsRounds; round++)
    statsMs.push(
      await timed(() =>
        Promise.all(
          ids.map(async (id) =>
            (await fetch(`http://docker/containers/${id}/stats?stream=false&one-shot=true`, { unix })).json(),
          ),
        ),
      ),
    );
  const { user, system } = process.cpuUsage(beforeSelf);
  const peerValue = ((user + system) / 1000 + (dockerSeconds() - beforeDocker) * 1000) / statsRounds;
  const value = median(cpuMs);
  return [
    row("usage/sample", {
      value,
      unit: "ms of CPU",
      peer: "Docker stats API, one-shot",
      peerValue,
      note: `${read} running containers, median of ${passes} passes; ${(peerValue / value).toFixed(0)} times less. By the clock ${median(wallMs).toFixed(1)} ms beside ${median(statsMs).toFixed(0)} ms`,
    }),
  ];
};

if (import.meta.main) console.log(JSON.stringify(await usageBench(), null, 2));
