import { cleanUpOnSignals } from "./clean-ups.ts";
import { daemonBench } from "./daemon.ts";
import { deployBench } from "./deploy.ts";
import { edgeBench } from "./edge.ts";
import { edgeH2Bench } from "./edge-h2.ts";
import { edgeTlsBench } from "./edge-tls.ts";
import type { Row } from "./row.ts";
import { usageBench } from "./usage.ts";
import { zeroDowntimeBench } from "./zero-downtime.ts";

/** One after another, so that none disturbs the next. */
const groups: Record<string, (() => Promise<Row[]>)[]> = {
  edge: [edgeBench, edgeTlsBench, edgeH2Bench],
  deploy: [deployBench, zeroDowntimeBench],
  daemon: [daemonBench],
  usage: [usageBench],
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

cleanUpOnSignals();
const words = process.argv.slice(2);
const asJson = words.includes("--json");
const rows: Row[] = [];
for (const group of words.filter((word) => word in groups))
  for (const bench of groups[group]!) {
    process.stderr.write(`${bench.name} …\n`);
    try {
      const measured = await bench();
      rows.push(...measured);
      if (!asJson) process.stdout.write(table(measured));
    } catch (error) {
      // The other figures are of use without this one.
      process.exitCode = 1;
      process.stderr.write(`${bench.name} failed: ${(error as Error).stack}\n`);
    }
  }
if (asJson) process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
