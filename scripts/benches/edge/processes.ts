import { createEdgeClient } from "../../../src/edge/client.ts";
import { processesIn, socketOf } from "../../../src/edge/processes/folder.ts";
import { pidOf } from "../../../src/edge/processes/identity.ts";
import { median, type Row, row } from "../row.ts";
import { type Sample, wrk } from "./load-tools.ts";
import { benchRoutes, type Proxy, smallHost, type Stage, withStage } from "./proxies.ts";

/** Two edge processes on one address beside one: what a request costs, who serves how much, and whether they count right. */

const connections = 128;
const limitedHost = "limited.bench.localhost";
const perMinute = 12_000;

/** Requests that each process has counted. */
const servedBy = async (dir: string): Promise<number[]> =>
  Promise.all(
    processesIn(dir).map(async (id) => {
      const answer = await fetch("http://edge/own/meters", { unix: socketOf(dir, id) });
      const { meters } = (await answer.json()) as { meters: Record<string, { requests: number }> };
      return Object.values(meters).reduce((sum, { requests }) => sum + requests, 0);
    }),
  );

/** As many requests as are asked for, no more; how they were answered, and how long it took. */
const exactly = async (
  port: number,
  host: string,
  count: number,
): Promise<{ ok: number; seconds: number }> => {
  const startedMs = performance.now();
  const argv = [
    "h2load",
    "--h1",
    `-n${count}`,
    "-c64",
    "-H",
    `:authority: ${host}`,
    `http://127.0.0.1:${port}/`,
  ];
  const child = Bun.spawn(argv, { stdin: "ignore", stdout: "pipe" });
  const text = await new Response(child.stdout).text();
  const ok = /status codes: (\d+) 2xx/.exec(text);
  if (ok === null) throw new Error(`h2load on port ${port}: ${text}`);
  return { ok: Number(ok[1]), seconds: (performance.now() - startedMs) / 1000 };
};

/** How many requests of a limited site were let through, and how many the limit allows in that time. */
const limited = async (stage: Stage, dir: string, port: number): Promise<{ ok: number; allowed: number }> => {
  const routes = benchRoutes(stage.upstreams);
  const [first] = routes;
  const limits = { ...first!.limits, requestsPerMinute: perMinute };
  await createEdgeClient(dir).putTable({
    version: 2,
    routes: [...routes, { ...first!, id: "limited", hosts: [limitedHost], limits }],
  });
  const { ok, seconds } = await exactly(port, limitedHost, 3 * perMinute);
  return { ok, allowed: perMinute + (perMinute / 60) * seconds };
};

export const edgeProcessesBench = (rounds = 5, seconds = 1): Promise<Row[]> =>
  withStage(false, async (stage) => {
    const one = await stage.startCroft();
    const two = await stage.startCroft("--processes", "2");
    const pids = processesIn(two.dir).map(pidOf);
    if (pids.length !== 2) throw new Error(`there are ${pids.length} processes`);
    const shares: number[] = [];
    const run = async (proxy: Proxy, of: number[]): Promise<Sample> =>
      wrk(proxy, seconds, { pids: of, connections });
    const singles: Sample[] = [];
    const doubles: Sample[] = [];
    await run(one, [one.pid]);
    await run(two, pids);
    for (let round = 0; round < rounds; round++) {
      singles.push(await run(one, [one.pid]));
      const before = await servedBy(two.dir);
      doubles.push(await run(two, pids));
      const served = (await servedBy(two.dir)).map((count, at) => count - before[at]!);
      shares.push((100 * Math.min(...served)) / served.reduce((sum, count) => sum + count, 0));
    }
    const counted = async (): Promise<number> =>
      (await two.client.meters()).meters["environment-199"]!.requests;
    const sent = 100_000;
    const before = await counted();
    await exactly(two.port, smallHost, sent);
    const meter = (await counted()) - before;
    const { ok, allowed } = await limited(stage, two.dir, two.port);

    const figure = (samples: Sample[], of: (sample: Sample) => number): number => median(samples.map(of));
    const how = `${connections} connections, median of ${rounds} × ${seconds} s in turn`;
    const beside = (
      name: string,
      value: number,
      unit: string,
      peer: string,
      peerValue: number,
      note: string,
    ): Row => row(name, { value, unit, peer, peerValue, note });
    const name = "edge/two-processes";
    return [
      beside(
        name,
        figure(doubles, (it) => it.perSecond),
        "requests/s",
        "one process",
        figure(singles, (it) => it.perSecond),
        `no bar: load and upstream share the machine's processors with them; ${how}`,
      ),
      beside(
        `${name}-cpu`,
        figure(doubles, (it) => it.cpuMicros),
        "µs of CPU each",
        "one process",
        figure(singles, (it) => it.cpuMicros),
        `bar: ≤ 1.1 ×; ${how}`,
      ),
      beside(
        `${name}-share`,
        median(shares),
        "% of the requests by the idler",
        "half",
        50,
        `bar: ≥ 35 %; ${how}`,
      ),
      beside(
        `${name}-limit`,
        ok,
        "requests let through",
        "the limit",
        allowed,
        `bar: exact to 5 %; ${3 * perMinute} requests to a site limited to ${perMinute} a minute`,
      ),
      beside(
        `${name}-meter`,
        meter,
        "requests counted",
        "sent",
        sent,
        "bar: exact; by both processes together",
      ),
    ];
  });
