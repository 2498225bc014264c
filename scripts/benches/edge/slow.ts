import { join } from "node:path";
import { memoryOf } from "../processes.ts";
import { type Row, row } from "../row.ts";
import { startSteady, steady } from "./load-tools.ts";
import { bulkHost, type Proxy, smallHost, type Stage, withStage } from "./proxies.ts";
import type { SteadyReport } from "./steady-client.ts";

/** Healthy visitors' latency while many slow ones hold connections open; the edge and HAProxy in the same minute. */

const rate = 1_000;

interface Outcome {
  before: SteadyReport;
  during: SteadyReport;
  cut: number;
  grownMb: number;
}

const suffer = async (stage: Stage, proxy: Proxy, slow: number, seconds: number): Promise<Outcome> => {
  await steady(stage, proxy, { rate, seconds: Math.min(3, seconds) });
  const before = await steady(stage, proxy, { rate, seconds: Math.min(10, seconds) });
  const { pssMb } = memoryOf(proxy.pid);
  const crowd = stage.run([
    process.execPath,
    join(import.meta.dir, "slow-client.ts"),
    ...[`${proxy.port}`, smallHost, bulkHost, `${slow}`],
  ]);
  const words = crowd.stdout.getReader();
  await words.read();
  const load = startSteady(stage, proxy, { rate, seconds });
  let grownMb = 0;
  const watch = setInterval(() => {
    grownMb = Math.max(grownMb, memoryOf(proxy.pid).pssMb - pssMb);
  }, 1_000);
  const during = await load.report;
  clearInterval(watch);
  crowd.stdin.end();
  const cut = Number(/cut (\d+)/.exec(new TextDecoder().decode((await words.read()).value))?.[1]);
  await crowd.exited;
  return { before, during, cut, grownMb };
};

export const edgeSlowBench = (slow = 2_000, seconds = 60): Promise<Row[]> =>
  withStage(false, async (stage) => {
    const proxies = [await stage.start("croft"), await stage.start("haproxy")];
    const [croft, haproxy] = await Promise.all(proxies.map((proxy) => suffer(stage, proxy, slow, seconds)));
    const told = ({ before, during, cut, grownMb }: Outcome): string =>
      `p99 of it all ${before.p99Ms.toFixed(2)} -> ${during.p99Ms.toFixed(2)} ms, p50 ${before.p50Ms.toFixed(2)} -> ` +
      `${during.p50Ms.toFixed(2)} ms, ${during.failed} of ${during.requests} failed, ${cut} cut off, grown ${grownMb.toFixed(0)} MB`;
    const note =
      `bar: < 2 × before; ${slow} connections that drip heads, drip bodies or hardly read, ${seconds} s, healthy ` +
      `visitors ask ${rate} times a second; p99 in the median second; Croft ${told(croft!)}; HAProxy at the same time ${told(haproxy!)}`;
    const value = croft!.during.secondP99Ms;
    const rows = [
      row("edge/slow-clients", {
        value,
        unit: "ms p99",
        peer: "before",
        peerValue: croft!.before.secondP99Ms,
        note,
      }),
      row("edge/slow-clients", {
        value,
        unit: "ms p99",
        peer: "haproxy",
        peerValue: haproxy!.during.secondP99Ms,
        note,
      }),
    ];
    if (croft!.during.failed > 0) throw new Error(`healthy visitors failed: ${croft!.during.example}`);
    return rows;
  });
