import { join } from "node:path";
import { cpuSecondsOf } from "../processes.ts";
import { type Proxy, smallHost, type Stage } from "./proxies.ts";
import type { SteadyReport } from "./steady-client.ts";

export interface Sample {
  perSecond: number;
  /** CPU of the proxy per request, in µs. */
  cpuMicros: number;
}

const said = async (argv: string[]): Promise<string> => {
  const child = Bun.spawn(argv, { stdin: "ignore", stdout: "pipe" });
  return new Response(child.stdout).text();
};

/** What the proxy's processes have used per request while `work` ran, which returns requests and their rate. */
const withCpu = async (
  pids: readonly number[],
  work: () => Promise<{ requests: number; perSecond: number }>,
): Promise<Sample> => {
  const used = (): number => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  const before = used();
  const { requests, perSecond } = await work();
  return { perSecond, cpuMicros: ((used() - before) / requests) * 1e6 };
};

export const connections = 64;

export interface WrkOptions {
  fields?: readonly string[];
  /** Whose CPU counts. */
  pids?: readonly number[];
  connections?: number;
}

/** One run of wrk over kept connections; fails when any answer was not 2xx or a socket broke. */
export const wrk = (
  { port, scheme, pid }: Proxy,
  seconds: number,
  { fields = [], pids = [pid], connections: count = connections }: WrkOptions = {},
): Promise<Sample> =>
  withCpu(pids, async () => {
    const argv = ["wrk", "-t1", `-c${count}`, `-d${seconds}s`];
    for (const field of [`Host: ${smallHost}`, ...fields]) argv.push("-H", field);
    const text = await said([...argv, `${scheme}://localhost:${port}/`]);
    if (/Non-2xx|Socket errors/.test(text)) throw new Error(`wrk on port ${port}: ${text}`);
    const requests = Number(/(\d+) requests in/.exec(text)?.[1]);
    const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(text)?.[1]);
    if (!(perSecond > 0)) throw new Error(`wrk was not understood: ${text}`);
    return { requests, perSecond };
  });

export const h2Connections = 32;
export const h2Streams = 8;

/** One run of h2load; fails when any answer was not 2xx or did not come. */
export const h2load = ({ port, pid }: Proxy, seconds: number): Promise<Sample> =>
  withCpu([pid], async () => {
    const load = [`-c${h2Connections}`, `-m${h2Streams}`, `-D${seconds}`, "-H", `:authority: ${smallHost}`];
    const text = await said(["h2load", ...load, `https://localhost:${port}/`]);
    const perSecond = Number(/finished in [\d.]+\w+, ([\d.]+) req\/s/.exec(text)?.[1]);
    const requests = Number(/requests: \d+ total, \d+ started, (\d+) done/.exec(text)?.[1]);
    const failed = /(\d+) failed, (\d+) errored, (\d+) timeout/.exec(text);
    const statuses = /status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(text);
    const none = (counts: RegExpExecArray | null, from: number): boolean =>
      counts !== null && counts.slice(from).every((count) => count === "0");
    if (!(perSecond > 0) || !none(failed, 1) || !none(statuses, 2) || !text.includes("protocol: h2"))
      throw new Error(`h2load on port ${port}: ${text}`);
    return { requests, perSecond };
  });

export interface SteadyOptions {
  rate: number;
  /** At most; `stop` ends it before. */
  seconds: number;
  connections?: number;
  host?: string;
  /** How many hosts are asked in turn; `#` in their name is the number. */
  hosts?: number;
}

/** Starts requests at a steady rate. @returns what ends them and says how they went */
export const startSteady = (
  stage: Stage,
  { port }: Pick<Proxy, "port">,
  { rate, seconds, connections: count = connections, host = smallHost, hosts = 1 }: SteadyOptions,
): { report: Promise<SteadyReport>; stop: () => void } => {
  const client = join(import.meta.dir, "steady-client.ts");
  const words = [port, host, rate, seconds, count, hosts].map(String);
  const child = stage.run([process.execPath, client, ...words]);
  return {
    report: new Response(child.stdout).json() as Promise<SteadyReport>,
    stop: () => void child.stdin.end(),
  };
};

export const steady = (stage: Stage, proxy: Proxy, options: SteadyOptions): Promise<SteadyReport> =>
  startSteady(stage, proxy, options).report;

/** Rounds of all proxies in turn, so that a busy moment of the machine meets all alike. */
export const interleaved = async <T>(
  proxies: readonly Proxy[],
  rounds: number,
  measure: (proxy: Proxy) => Promise<T>,
): Promise<Map<Proxy["name"], T[]>> => {
  const samples = new Map<Proxy["name"], T[]>(proxies.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++)
    for (const proxy of proxies) samples.get(proxy.name)!.push(await measure(proxy));
  return samples;
};
