import { busyboxImage } from "../../src/testing/docker-fixture.ts";
import { docker, type TestCroft, uniqueSlug, until } from "../../src/testing/e2e/croft.ts";
import { withCleanUp } from "./clean-ups.ts";
import { withCroft } from "./install.ts";
import { cpuSecondsOf, memoryOf, pidsNamed } from "./processes.ts";
import { median, type Row, row, timed } from "./row.ts";

const containerSites = 95;
const staticSites = 5;
const image = "bench-busybox:latest";
/** Three samples and several passes over everything fall into it. */
const idleSeconds = Number(process.env.CROFT_BENCH_IDLE_SECONDS ?? 90);

/** As installed, with addresses for all; tests look at things more often. */
const idleSettings = {
  CROFT_SAMPLE_SECONDS: "30",
  CROFT_DISK_SECONDS: "60",
  CROFT_NETWORK_POOL: "10.189.0.0/20",
};

/** What Croft takes while nothing happens, with 100 sites that were all just deployed and visited; and its start. */
export const daemonBench = (): Promise<Row[]> =>
  withCleanUp(async () => void (await docker("rmi", image)), measure);

const measure = (): Promise<Row[]> =>
  withCroft(idleSettings, async (croft, binary) => {
    await makeSites(croft);
    const edgePid = (await croft.edge()).pid;
    const pids = [croft.daemonPid(), edgePid];
    // The rollouts' last work (old replicas, first samples) is not idleness.
    await Bun.sleep(15_000);
    const cpu = () => pids.map(cpuSecondsOf);
    const engines = ["dockerd", "containerd"].flatMap(pidsNamed);
    const engineCpu = () => engines.map(cpuSecondsOf).reduce((sum, one) => sum + one, 0);
    const [before, engineBefore] = [cpu(), engineCpu()];
    await Bun.sleep(idleSeconds * 1000);
    const used = cpu().map((seconds, at) => ((seconds - before[at]!) / idleSeconds) * 100);
    const enginePercent = ((engineCpu() - engineBefore) / idleSeconds) * 100;
    const [daemon, edge] = pids.map(memoryOf) as [ReturnType<typeof memoryOf>, ReturnType<typeof memoryOf>];
    const sites = `${containerSites} running containers, ${staticSites} static`;
    const mb = (value: number): string => `${Math.round(value)} MB`;
    return [
      row("daemon/idle-memory", {
        value: daemon.pssMb + edge.pssMb,
        unit: "MB (PSS)",
        peer: "the bar",
        peerValue: 120,
        note: `daemon ${mb(daemon.pssMb)} (RSS ${mb(daemon.rssMb)}) and edge ${mb(edge.pssMb)} (RSS ${mb(edge.rssMb)}); ${sites}, ${idleSeconds} s after the last deploy`,
      }),
      row("daemon/idle-cpu", {
        value: used[0]! + used[1]!,
        unit: "% of a core",
        peer: "dockerd and containerd in the same time",
        peerValue: enginePercent,
        note: `daemon ${used[0]!.toFixed(2)} %, edge ${used[1]!.toFixed(2)} %; sampling every 30 s; ${sites}`,
      }),
      await bootRow(croft, binary),
    ];
  });

const makeSites = async (croft: TestCroft): Promise<void> => {
  // Names that begin with croft are not a tenant's to deploy.
  await docker("tag", await busyboxImage(), image);
  const slugs: string[] = [];
  for (let n = 0; n < containerSites; n++) {
    const slug = uniqueSlug(`idle-${n}`);
    slugs.push(slug);
    await croft.createSite(slug, {
      type: "image",
      image,
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
