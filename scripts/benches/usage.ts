import { createDockerEngine } from "../../src/docker/docker-engine.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { silentLog } from "../../src/domain/log.ts";
import { dockerApi, dockerFixture, dockerHost } from "../../src/testing/docker-fixture.ts";
import { withCleanUp } from "./clean-ups.ts";
import { median, type Row, row, timed } from "./row.ts";

/**
 * Reading what all running containers use, once: cgroup files through Croft's engine beside Docker's stats API,
 * asked for all of them at the same time and in its cheaper one-shot form. Runs alternate.
 */
export const usageBench = async (containers = 20): Promise<Row[]> => {
  const fixture = await dockerFixture({ hostFirewall: false });
  return withCleanUp(fixture.cleanup, async () => {
    const network = await fixture.network();
    // a /28 has room for 13 addresses, so containers share a few networks
    const networks = [network];
    while (networks.length * 12 < containers) networks.push(await fixture.network());
    for (let i = 0; i < containers; i++)
      await fixture.start("exec sleep 3600", networks[Math.floor(i / 12)]!);

    const engine = createDockerEngine({
      dockerHost,
      log: silentLog,
      clock: systemClock,
      hostFirewall: false,
    });
    await engine.readings();
    const running = (await engine.listReplicas()).filter((replica) => replica.running);
    const readings: number[] = [];
    const stats: number[] = [];
    let read = 0;
    for (let round = 0; round < 7; round++) {
      readings.push(await timed(async () => (read = (await engine.readings()).length)));
      stats.push(
        await timed(() =>
          Promise.all(
            running.map((replica) =>
              dockerApi("GET", `/containers/${replica.containerId}/stats?stream=false&one-shot=true`).catch(
                // another test's container that is gone by now
                () => null,
              ),
            ),
          ),
        ),
      );
    }
    const [value, peerValue] = [median(readings), median(stats)];
    return [
      row("usage/sample", {
        value,
        unit: "ms",
        peer: "Docker stats API, one-shot",
        peerValue,
        note: `${read} running containers, median of 7; ${(peerValue / value).toFixed(0)} times as fast`,
      }),
    ];
  });
};

if (import.meta.main) console.log(JSON.stringify(await usageBench(), null, 2));
