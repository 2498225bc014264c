import { join } from "node:path";
import type { RouteTable } from "../../../src/domain/edge.ts";
import type { LoopDelay } from "../../../src/edge/loop-watch.ts";
import { median, type Row, row, timed } from "../row.ts";
import { startSteady } from "./load-tools.ts";
import { benchRoutes, type Stage, withStage } from "./proxies.ts";

/** Tables of 1,000 routes put in force under load, every replica another one each time; nginx reloads as many servers. */

const rate = 3_000;
const pauseMs = 250;

/** What an edge's event loop was held up by since it was last asked. */
const delayOf = async (dir: string): Promise<LoopDelay> =>
  (await (await fetch("http://edge/own/delay", { unix: join(dir, "edge.sock") })).json()) as LoopDelay;

interface Change {
  failed: number;
  requests: number;
  p99Ms: number;
  inForceMs: number[];
  example: string | null;
}

const underLoad = async (
  stage: Stage,
  port: number,
  swaps: number,
  sites: number,
  change: (n: number) => Promise<void>,
): Promise<Change> => {
  const load = startSteady(
    stage,
    { port },
    {
      rate,
      seconds: 120,
      host: "site-#.bench.localhost",
      hosts: sites,
    },
  );
  await Bun.sleep(500);
  const inForceMs: number[] = [];
  for (let n = 1; n <= swaps; n++) {
    inForceMs.push(await timed(() => change(n)));
    await Bun.sleep(pauseMs);
  }
  load.stop();
  const { failed, requests, p99Ms, example } = await load.report;
  return { failed, requests, p99Ms, inForceMs, example };
};

export const edgeSwapBench = (swaps = 20, count = 1_000): Promise<Row[]> =>
  withStage(false, async (stage) => {
    const croft = await stage.startCroft();
    const tables: RouteTable[] = Array.from({ length: swaps + 2 }, (_, n) => ({
      version: n + 2,
      routes: benchRoutes(stage.upstreams, count, n),
    }));
    await croft.client.putTable(tables[0]!);
    await delayOf(croft.dir);
    // What the machine itself holds up, under the same load without a swap.
    await underLoad(stage, croft.port, Math.min(swaps, 10), count, () => Promise.resolve());
    const still = await delayOf(croft.dir);
    const own = await underLoad(stage, croft.port, swaps, count, async (n) => {
      await croft.client.putTable(tables[n]!);
    });
    const delay = await delayOf(croft.dir);

    const nginx = await stage.startReloadable(count);
    const theirs = await underLoad(stage, nginx.port, Math.min(swaps, 10), count, nginx.reload);
    const how = `${swaps} tables of ${count} routes, every replica another one, at ${rate} requests/s to all sites in turn`;
    const rows = [
      row("edge/table-swap", {
        value: own.failed,
        unit: "failed requests",
        peer: "nginx reload",
        peerValue: theirs.failed,
        note:
          `bar: none; of ${own.requests}, p99 ${own.p99Ms.toFixed(2)} ms; nginx: of ${theirs.requests}, p99 ` +
          `${theirs.p99Ms.toFixed(2)} ms; ${how}${own.example === null ? "" : `; ${own.example}`}`,
      }),
      row("edge/table-swap-block", {
        value: delay.longestMs,
        unit: "ms blocked",
        peer: "without swaps",
        peerValue: still.longestMs,
        note: `bar: ≤ 20 ms; the longest that the edge's event loop was held up in ${(delay.watchedMs / 1000).toFixed(1)} s, measured inside; ${how}`,
      }),
      row("edge/table-swap-time", {
        value: median(own.inForceMs),
        unit: "ms until in force",
        peer: "nginx reload",
        peerValue: median(theirs.inForceMs),
        note: `from the command to its answer, the table on disk; nginx: until a new worker answers; ${how}`,
      }),
    ];
    return rows;
  });
