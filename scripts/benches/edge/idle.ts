import { readFileSync } from "node:fs";
import { join } from "node:path";
import { memoryOf } from "../processes.ts";
import { type Row, row } from "../row.ts";
import { type Proxy, smallHost, type Stage, withStage } from "./proxies.ts";

/** Peers want two descriptors for each connection, and the machine may allow fewer than that. */
const fitting = (count: number): number => {
  const limits = readFileSync("/proc/self/limits", "utf8");
  const descriptors = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1024);
  return Math.min(count, Math.floor((descriptors - 200) / 2));
};

/** What connections cost that are kept open after an answer and do nothing: memory of the process in all (PSS). */

interface Idle {
  startMb: number;
  mb: number;
  rssMb: number;
  open: number;
}

const hold = async (
  stage: Stage,
  { port, scheme, pid }: Proxy,
  count: number,
  restMs: number,
): Promise<Idle> => {
  const { pssMb: startMb } = memoryOf(pid);
  const client = join(import.meta.dir, "idle-client.ts");
  const child = stage.run([process.execPath, client, `${port}`, smallHost, `${count}`, scheme]);
  const first = await child.stdout.getReader().read();
  const open = Number(/ready (\d+)/.exec(new TextDecoder().decode(first.value))?.[1]);
  if (!(open >= count * 0.99)) throw new Error(`only ${open} of ${count} connections came about`);
  // The collector gets a moment, as it has in life.
  await Bun.sleep(restMs);
  const { pssMb: mb, rssMb } = memoryOf(pid);
  child.stdin.end();
  await child.exited;
  return { startMb, mb, rssMb, open };
};

export const edgeIdleBench = async (count = 10_000, restMs = 3_000): Promise<Row[]> => [
  ...(await idle(false, count, restMs)),
  ...(await idle(true, count, restMs)),
];

const idle = (secure: boolean, count: number, restMs: number): Promise<Row[]> =>
  withStage(secure, async (stage) => {
    const rows: Row[] = [];
    const croft = await hold(stage, await stage.start("croft"), count, restMs);
    for (const peer of ["haproxy", "nginx"] as const) {
      const other = await hold(stage, await stage.start(peer), fitting(count), restMs);
      rows.push(
        row(`edge/idle-memory${secure ? "-tls" : ""}`, {
          value: croft.mb,
          unit: "MB (PSS)",
          peer,
          peerValue: other.mb,
          note:
            `bar: ≤ 150 MB; ${croft.open} kept connections ${secure ? "over TLS 1.3 " : ""}after an answer each; RSS ` +
            `${croft.rssMb.toFixed(0)} MB; before ${croft.startMb.toFixed(0)} MB, so ${(((croft.mb - croft.startMb) * 1000) / croft.open).toFixed(1)} kB each ` +
            `(${peer}, ${other.open} connections, ${(((other.mb - other.startMb) * 1000) / other.open).toFixed(1)} kB)`,
        }),
      );
    }
    return rows;
  });
