import { writeFileSync } from "node:fs";
import { loadavg, setPriority } from "node:os";
import { cleanUpOnSignals, undoAll } from "./clean-ups.ts";
import { daemonBench } from "./daemon.ts";
import { deployBench } from "./deploy.ts";
import { edgeIdleBench } from "./edge/idle.ts";
import { edgeProcessesBench } from "./edge/processes.ts";
import { edgeSlowBench } from "./edge/slow.ts";
import { edgeH2Bench, edgeLogBench, edgeSmallBench, edgeTlsBench } from "./edge/small.ts";
import { edgeSwapBench } from "./edge/swap.ts";
import { edgeTransferBench } from "./edge/transfer.ts";
import { logsBench } from "./logs.ts";
import type { Row } from "./row.ts";
import { manySitesBench } from "./supervisor/many-sites.ts";
import { wakeBench } from "./supervisor/wake.ts";
import { noisyNeighbourBench } from "./supervisor/noisy-neighbour.ts";
import { usageBench } from "./usage.ts";
import { zeroDowntimeBench } from "./zero-downtime.ts";

interface Bench {
  run: () => Promise<Row[]>;
  /** Beginnings of the names of its figures. */
  names: string[];
  /** By when it must be done; 4 by default. */
  minutes?: number;
}

/** One after another, so that none disturbs the next. */
const benches: Bench[] = [
  { run: edgeSmallBench, names: ["edge/h1-small", "edge/h1-p99"] },
  { run: edgeLogBench, names: ["edge/access-log"] },
  { run: edgeTlsBench, names: ["edge/h1-tls", "edge/handshakes"] },
  { run: edgeH2Bench, names: ["edge/h2-tls"] },
  { run: edgeTransferBench, names: ["edge/download", "edge/upload"] },
  { run: edgeSwapBench, names: ["edge/table-swap"] },
  { run: edgeIdleBench, names: ["edge/idle-memory"] },
  { run: edgeProcessesBench, names: ["edge/two-processes"] },
  { run: edgeSlowBench, names: ["edge/slow-clients"] },
  { run: deployBench, names: ["deploy/overhead", "deploy/push-to-live", "deploy/rollback"], minutes: 15 },
  { run: zeroDowntimeBench, names: ["deploy/zero-downtime"], minutes: 15 },
  { run: daemonBench, names: ["daemon/idle-memory", "daemon/idle-cpu", "daemon/boot"], minutes: 15 },
  { run: () => noisyNeighbourBench(), names: ["supervisor/noisy-neighbour"], minutes: 8 },
  { run: usageBench, names: ["usage/sample"], minutes: 15 },
  { run: wakeBench, names: ["supervisor/wake-frozen", "supervisor/wake-stopped"], minutes: 15 },
  { run: manySitesBench, names: ["supervisor/many-sites"], minutes: 30 },
  { run: logsBench, names: ["logs/collect", "logs/search"] },
];

/** By a group (`edge`) or a figure (`edge/h1-small`). */
const isAsked = ({ names }: Bench, words: readonly string[]): boolean =>
  words.some((word) => names.some((name) => name.startsWith(`${word}/`) || word.startsWith(name)));

const withinTime = async ({ run, minutes = 4 }: Bench): Promise<Row[]> => {
  const { promise, reject } = Promise.withResolvers<never>();
  const late = setTimeout(() => reject(new Error(`took more than ${minutes} minutes`)), minutes * 60_000);
  const running = run();
  running.catch(() => {});
  try {
    return await Promise.race([running, promise]);
  } finally {
    clearTimeout(late);
    await undoAll();
  }
};

const table = (rows: Row[]): string => {
  const lines = rows.map(({ name, value, unit, peer, peerValue, ratio }) => [
    name,
    `${value.toLocaleString("en")} ${unit}`,
    `${peerValue.toLocaleString("en")}`,
    peer,
    `× ${ratio.toLocaleString("en", { maximumSignificantDigits: 3 })}`,
  ]);
  const widths = [0, 1, 2, 3].map((at) => Math.max(...lines.map((cells) => cells[at]!.length)));
  return lines
    .map(
      (cells, n) =>
        `${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join("  ")}\n    ${rows[n]!.note}\n`,
    )
    .join("");
};

/** Gives this session, peers and load included, precedence over all others (sched(7), autogroups and nice values). */
const goFirst = (): void => {
  setPriority(-15);
  try {
    writeFileSync("/proc/self/autogroup", "-15");
  } catch {
    // Without autogroups the nice value alone counts.
  }
};

cleanUpOnSignals();
const words = process.argv.slice(2).filter((word) => !word.startsWith("--"));
if (process.argv.includes("--first")) goFirst();
const asJson = process.argv.includes("--json");
const asked = benches.filter((bench) => isAsked(bench, words));
const rows: Row[] = [];
for (const bench of asked) {
  const { names } = bench;
  process.stderr.write(`${names.join(", ")} …\n`);
  try {
    const load = loadavg()[0]!.toFixed(1);
    const measured = (await withinTime(bench)).map((row) => ({
      ...row,
      note: `${row.note}; load average before ${load}`,
    }));
    rows.push(...measured);
    if (!asJson) process.stdout.write(table(measured));
  } catch (error) {
    // The other figures are of use without this one.
    process.exitCode = 1;
    process.stderr.write(`${names.join(", ")} failed: ${(error as Error).stack}\n`);
  }
}
if (asked.length === 0) {
  process.exitCode = 2;
  process.stderr.write(`there is no bench named ${words.join(" ")}\n`);
}
if (asJson) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
process.exit();
