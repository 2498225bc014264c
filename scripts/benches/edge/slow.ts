import { join } from "node:path";
import { cpuSecondsOf, memoryOf } from "../processes.ts";
import { type Row, row } from "../row.ts";
import { interleaved, steady } from "./load-tools.ts";
import { bulkHost, type Proxy, smallHost, type Stage, withStage } from "./proxies.ts";
import type { SteadyReport } from "./steady-client.ts";

/**
 * Healthy visitors' latency while many slow ones hold connections open. The edge and HAProxy have a crowd one after the
 * other: two at once would measure how they share the machine's processors.
 */

/** About a quarter of what either can do on two busy cores. */
const rate = 2_000;
const rounds = 6;
const rampSeconds = 6;

interface Figures {
  requests: number;
  failed: number;
  example: string | null;
  p50Ms: number;
  p99Ms: number;
}

/** Of all rounds together: each tells its slowest tenth, and no more than ten rounds are joined. */
const joined = (reports: readonly SteadyReport[]): Figures => {
  const requests = reports.reduce((sum, report) => sum + report.requests, 0);
  const slowest = reports.flatMap(({ slowestMs }) => slowestMs).sort((a, b) => b - a);
  return {
    requests,
    failed: reports.reduce((sum, { failed }) => sum + failed, 0),
    example: reports.find(({ example }) => example !== null)?.example ?? null,
    p50Ms: reports.map(({ p50Ms }) => p50Ms).sort((a, b) => a - b)[Math.floor(reports.length / 2)]!,
    p99Ms: slowest[Math.floor(requests / 100)] ?? 0,
  };
};

interface Crowd {
  ready: Promise<unknown>;
  leave(): Promise<number>;
}

const startCrowd = (stage: Stage, proxy: Proxy, slow: number, seconds: number): Crowd => {
  const program = join(import.meta.dir, "slow-client.ts");
  const words = [proxy.port, smallHost, bulkHost, slow, seconds].map(String);
  const child = stage.run([process.execPath, program, ...words]);
  const said = child.stdout.getReader();
  return {
    ready: said.read(),
    async leave() {
      child.stdin.end();
      const cut = /cut (\d+)/.exec(new TextDecoder().decode((await said.read()).value));
      await child.exited;
      return Number(cut?.[1]);
    },
  };
};

export const edgeSlowBench = (slow = 2_000, seconds = 60): Promise<Row[]> =>
  withStage(false, async (stage) => {
    const proxies = [await stage.start("croft"), await stage.start("haproxy")];
    const roundSeconds = seconds / rounds;
    const ask = (proxy: Proxy): Promise<SteadyReport> =>
      steady(stage, proxy, { rate, seconds: roundSeconds });
    await interleaved(proxies, 1, ask);
    const before = await interleaved(proxies, rounds / 2, ask);
    const crowded = async (proxy: Proxy) => {
      const first = memoryOf(proxy.pid).pssMb;
      let most = first;
      const watch = setInterval(() => {
        most = Math.max(most, memoryOf(proxy.pid).pssMb);
      }, 1_000);
      const crowd = startCrowd(stage, proxy, slow, Math.min(rampSeconds, seconds));
      await crowd.ready;
      const cpuBefore = cpuSecondsOf(proxy.pid);
      const reports: SteadyReport[] = [];
      for (let round = 0; round < rounds; round++) reports.push(await ask(proxy));
      const cpu = cpuSecondsOf(proxy.pid) - cpuBefore;
      clearInterval(watch);
      return { busy: joined(reports), cpu, grownMb: most - first, cut: await crowd.leave() };
    };

    const figures = [];
    for (const proxy of proxies) {
      const calm = joined(before.get(proxy.name)!);
      const { busy, cpu, grownMb, cut } = await crowded(proxy);
      const text =
        `p99 ${calm.p99Ms.toFixed(2)} -> ${busy.p99Ms.toFixed(2)} ms, p50 ${calm.p50Ms.toFixed(2)} -> ` +
        `${busy.p50Ms.toFixed(2)} ms, ${busy.failed} of ${busy.requests} failed, ${cut} cut off, ` +
        `${cpu.toFixed(1)} s of CPU, grown ${grownMb.toFixed(0)} MB`;
      figures.push({ calm, busy, text });
    }
    const [croft, haproxy] = figures;
    const note =
      `bar: < 2 × before; ${slow} connections that drip heads, drip bodies or hardly read, come over ${rampSeconds} s; ` +
      `healthy visitors ask ${rate} times a second, ${seconds} s each, p99 of all of it; ` +
      `Croft ${croft!.text}; HAProxy ${haproxy!.text}`;
    const beside = (peer: string, peerValue: number): Row =>
      row("edge/slow-clients", { value: croft!.busy.p99Ms, unit: "ms p99", peer, peerValue, note });
    if (croft!.busy.failed > 0) throw new Error(`healthy visitors failed: ${croft!.busy.example}`);
    return [beside("before", croft!.calm.p99Ms), beside("haproxy", haproxy!.busy.p99Ms)];
  });
