import { join } from "node:path";
import { cpuSecondsOf, memoryOf } from "../processes.ts";
import { type Row, row } from "../row.ts";
import { interleaved, steady } from "./load-tools.ts";
import { bulkHost, type Proxy, smallHost, type Stage, withStage } from "./proxies.ts";
import type { SteadyReport } from "./steady-client.ts";

/**
 * Healthy visitors' latency while many slow ones hold connections open. The edge and HAProxy each have a crowd of
 * their own for the whole time, and are asked in turn, so that a busy moment of the machine meets both alike.
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
    const first = proxies.map(({ pid }) => memoryOf(pid).pssMb);
    const most = [...first];
    const watch = setInterval(() => {
      for (const [at, { pid }] of proxies.entries()) most[at] = Math.max(most[at]!, memoryOf(pid).pssMb);
    }, 1_000);
    const crowds = proxies.map((proxy) => startCrowd(stage, proxy, slow, Math.min(rampSeconds, seconds)));
    await Promise.all(crowds.map(({ ready }) => ready));
    const cpu = proxies.map(({ pid }) => cpuSecondsOf(pid));
    const during = await interleaved(proxies, rounds, ask);
    const used = proxies.map(({ pid }, at) => cpuSecondsOf(pid) - cpu[at]!);
    clearInterval(watch);
    const cut = await Promise.all(crowds.map((crowd) => crowd.leave()));

    const [croft, haproxy] = proxies.map(({ name }, at) => {
      const [calm, busy] = [joined(before.get(name)!), joined(during.get(name)!)];
      const text =
        `p99 ${calm.p99Ms.toFixed(2)} -> ${busy.p99Ms.toFixed(2)} ms, p50 ${calm.p50Ms.toFixed(2)} -> ` +
        `${busy.p50Ms.toFixed(2)} ms, ${busy.failed} of ${busy.requests} failed, ${cut[at]} cut off, ` +
        `${used[at]!.toFixed(1)} s of CPU, grown ${(most[at]! - first[at]!).toFixed(0)} MB`;
      return { calm, busy, text };
    });
    const note =
      `bar: < 2 × before; ${slow} connections that drip heads, drip bodies or hardly read, come over ${rampSeconds} s; ` +
      `healthy visitors ask ${rate} times a second, ${seconds} s each in ${rounds} turns, p99 of all of it; ` +
      `Croft ${croft!.text}; HAProxy ${haproxy!.text}`;
    const beside = (peer: string, peerValue: number): Row =>
      row("edge/slow-clients", { value: croft!.busy.p99Ms, unit: "ms p99", peer, peerValue, note });
    if (croft!.busy.failed > 0) throw new Error(`healthy visitors failed: ${croft!.busy.example}`);
    return [beside("before", croft!.calm.p99Ms), beside("haproxy", haproxy!.busy.p99Ms)];
  });
