import { type TestCroft, uniqueSlug, until } from "../../src/testing/e2e/croft.ts";
import { type OwnDocker, ownDocker, webImage } from "../../src/testing/e2e/own-docker.ts";
import { withCleanUp } from "./clean-ups.ts";
import { withCroft } from "./install.ts";
import { cpuSecondsOf, memoryOf, preciseCpuSecondsOf } from "./processes.ts";
import { median, type Row, row, timed } from "./row.ts";

const containerSites = 95;
const staticSites = 5;
/** Three samples and several passes over everything fall into it. */
const idleSeconds = Number(process.env.CROFT_BENCH_IDLE_SECONDS ?? 90);

/** As installed, with addresses for all; tests look at things more often. */
const idleSettings = {
  CROFT_SAMPLE_SECONDS: "30",
  CROFT_DISK_SECONDS: "60",
  CROFT_NETWORK_POOL: "10.189.0.0/20",
};

/** What Croft takes while nothing happens, with 100 sites that were all just deployed and visited; and its start. */
export const daemonBench = async (): Promise<Row[]> => {
  // Docker is one of the bench's own, so that what it takes is told of these sites alone.
  const own = await ownDocker();
  return withCleanUp(
    async () => void (await own[Symbol.asyncDispose]()),
    () => measure(own),
  );
};

const measure = (own: OwnDocker): Promise<Row[]> =>
  withCroft({ ...idleSettings, DOCKER_HOST: own.host }, async (croft, binary) => {
    await makeSites(croft);
    const edgePid = (await croft.edge()).pid;
    const pids = [croft.daemonPid(), edgePid];
    // The rollouts' last work (old replicas, first samples) is not idleness.
    await Bun.sleep(15_000);
    const cpu = () => pids.map(cpuSecondsOf);
    const engines = await own.pids();
    const engineCpu = () => engines.map(preciseCpuSecondsOf).reduce((sum, one) => sum + one, 0);
    const [before, engineBefore] = [cpu(), engineCpu()];
    await Bun.sleep(idleSeconds * 1000);
    const used = cpu().map((seconds, at) => ((seconds - before[at]!) / idleSeconds) * 100);
    const enginePercent = ((engineCpu() - engineBefore) / idleSeconds) * 100;
    const [daemon, edge] = pids.map(memoryOf) as [ReturnType<typeof memoryOf>, ReturnType<typeof memoryOf>];
    const sites = `${containerSites} running containers, ${staticSites} static`;
    const mb = (value: number): string => `${Math.round(value)} MB`;
    return [
      row("daemon/idle-memory", {
        value: daemon.pssMb,
        unit: "MB (PSS)",
        peer: "the bar",
        peerValue: 120,
        note: `the daemon (RSS ${mb(daemon.rssMb)}); beside it the edge ${mb(edge.pssMb)} (RSS ${mb(edge.rssMb)}); ${sites}, ${idleSeconds} s after the last deploy`,
      }),
      row("daemon/idle-cpu", {
        value: used[0]!,
        unit: "% of a core",
        peer: "Docker in the same time",
        peerValue: enginePercent,
        note: `the daemon with the programs it runs; beside it the edge ${used[1]!.toFixed(2)} %; sampling every 30 s; ${sites}`,
      }),
      await bootRow(croft, binary),
    ];
  });

const makeSites = async (croft: TestCroft): Promise<void> => {
  const slugs: string[] = [];
  for (let n = 0; n < containerSites; n++) {
    const slug = uniqueSlug(`idle-${n}`);
    slugs.push(slug);
    await croft.createSite(slug, {
      type: "image",
      image: webImage,
      startCommand: "echo hello > /tmp/index.html; exec httpd -f -p $PORT -h /tmp",
    });
    await croft.api("POST", `/sites/${slug}/deployments`, {});
  }
  for (let n = 0; n < staticSites; n++) {
    const slug = uniqueSlug(`idle-static-${n}`);
    slugs.push(slug);
    await croft.createSite(slug);
    await croft.push(slug, { "index.html": "<h1>hello</h1>" });
  }
  for (const slug of slugs)
    await until(
      `${slug} serves`,
      () => croft.visit(`${slug}.localhost`),
      ({ status, body }) => status === 200 && body.includes("hello"),
      120_000,
    );
};

/** From the start of the process to the first good answer of /healthz, on the data of the sites above. */
const bootRow = async (croft: TestCroft, binary: string): Promise<Row> => {
  const boots: number[] = [];
  const floors: number[] = [];
  const own: number[] = [];
  for (let n = 0; n < 7; n++) {
    await croft.kill("SIGTERM");
    boots.push(await timed(() => croft.start()));
    floors.push(await timed(() => ended([process.execPath, "-e", "0"])));
    own.push(await timed(() => ended([binary, "version"])));
  }
  return row("daemon/boot", {
    value: median(boots),
    unit: "ms",
    peer: "bun -e 0",
    peerValue: median(floors),
    note: `spawn to /healthz with 100 sites, median of 7; croft version takes ${Math.round(median(own))} ms`,
  });
};

const ended = (argv: string[]): Promise<number> =>
  Bun.spawn(argv, { stdin: "ignore", stdout: "ignore", stderr: "ignore" }).exited;

if (import.meta.main) console.log(JSON.stringify(await daemonBench(), null, 2));
