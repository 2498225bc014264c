import { closeSync, ftruncateSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cpuSecondsOf } from "../processes.ts";
import { median, type Row, row } from "../row.ts";
import { interleaved } from "./load-tools.ts";
import { bulkHost, type Proxy, withStage } from "./proxies.ts";

/** One large body at a time, by curl: speed and CPU beside nginx, and what the process grows by meanwhile. */

interface Transfer {
  mbPerSecond: number;
  cpuSeconds: number;
  grownMb: number;
}

const pageMb = 4096 / 1e6;
const rssMbOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]) * pageMb;

const transfer = async (
  { port, scheme, pid }: Proxy,
  bytes: number,
  words: readonly string[],
  path: string,
): Promise<Transfer> => {
  const beforeMb = rssMbOf(pid);
  const beforeCpu = cpuSecondsOf(pid);
  let mostMb = beforeMb;
  const watch = setInterval(() => {
    mostMb = Math.max(mostMb, rssMbOf(pid));
  }, 20);
  const startedMs = performance.now();
  const child = Bun.spawn(
    [
      ..."curl -sSfk --http1.1 --max-time 120 -o /dev/null".split(" "),
      ...words,
      ...["-H", `Host: ${bulkHost}`, "-H", "Expect:", `${scheme}://localhost:${port}${path}`],
    ],
    { stdin: "ignore", stdout: "ignore", stderr: "pipe" },
  );
  const said = await new Response(child.stderr).text();
  const code = await child.exited;
  clearInterval(watch);
  if (code !== 0) throw new Error(`curl on port ${port}: ${said}`);
  return {
    mbPerSecond: bytes / 1e6 / ((performance.now() - startedMs) / 1000),
    cpuSeconds: cpuSecondsOf(pid) - beforeCpu,
    grownMb: Math.max(mostMb, rssMbOf(pid)) - beforeMb,
  };
};

export const edgeTransferBench = async (rounds = 7, bytes = 2 ** 30): Promise<Row[]> => [
  ...(await transfers(false, rounds, bytes)),
  ...(await transfers(true, rounds, bytes)),
];

const transfers = (secure: boolean, rounds: number, bytes: number): Promise<Row[]> =>
  withStage(secure, async (stage) => {
    const file = join(stage.dir, "upload");
    const handle = openSync(file, "w");
    ftruncateSync(handle, bytes);
    closeSync(handle);
    const proxies = [await stage.start("croft"), await stage.start("nginx")];
    const rows: Row[] = [];
    for (const [name, words, path] of [
      ["download", [], `/bytes/${bytes}`],
      ["upload", ["-T", file], "/upload"],
    ] as const) {
      for (const proxy of proxies)
        await transfer(proxy, 1, name === "upload" ? ["-X", "PUT", "-d", "x"] : [], "/bytes/1");
      const samples = await interleaved(proxies, rounds, (proxy) => transfer(proxy, bytes, words, path));
      const figure = (peer: Proxy["name"], of: (it: Transfer) => number, pick = median): number =>
        pick(samples.get(peer)!.map(of));
      const most = (values: number[]): number => Math.max(...values);
      const label = `edge/${name}${secure ? "-tls" : ""}`;
      const how = `${Math.round(bytes / 2 ** 20)} MiB${secure ? " over TLS 1.3" : ""}, one at a time, median of ${rounds} in turn`;
      rows.push(
        row(label, {
          value: figure("croft", (it) => it.mbPerSecond),
          unit: "MB/s",
          peer: "nginx",
          peerValue: figure("nginx", (it) => it.mbPerSecond),
          note: `bar: ≥ 0.8 × nginx; CPU ${figure("croft", (it) => it.cpuSeconds).toFixed(2)} s each, nginx ${figure("nginx", (it) => it.cpuSeconds).toFixed(2)} s; ${how}`,
        }),
        row(`${label}-memory`, {
          value: figure("croft", (it) => it.grownMb, most),
          unit: "MB grown",
          peer: "nginx",
          peerValue: figure("nginx", (it) => it.grownMb, most),
          note: `bar: ≤ 30 MB; the most that the process grew by (RSS, sampled every 20 ms) in one of them; ${how}`,
        }),
      );
    }
    return rows;
  });
