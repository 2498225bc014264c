import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, host, routes, startNginx, untilServing } from "./edge.ts";
import { makeCertificate, startCaddy, startCroft, startHaproxy } from "./edge-tls.ts";
import { median, type Row, row } from "./row.ts";

const connections = 32;
const streams = 8;

/**
 * HTTP/2 over TLS 1.3 at the edge beside HAProxy and Caddy, one thread each, in front of the same upstream over
 * HTTP/1.1: small answers, 32 connections with 8 streams each. Rounds are interleaved and medians compared. Run
 * alone: `bun scripts/benches/edge-h2.ts [rounds] [seconds]`.
 */
export const edgeH2Bench = async (rounds = 5, seconds = 4): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), "croft-bench-h2-"));
  const running: Bun.Subprocess[] = [];
  try {
    const pem = makeCertificate(dir);
    const upstreamPort = freePort();
    running.push(startNginx(dir, upstreamPort));
    const proxies = [
      await startCroft(dir, upstreamPort, pem, "--http2", "on"),
      startHaproxy(dir, upstreamPort, "h2,http/1.1"),
      startCaddy(dir, upstreamPort, "h1 h2"),
    ];
    running.push(...proxies.map((proxy) => proxy.process));
    for (const { port } of proxies) await untilServing(port, "https");

    const samples = new Map<string, number[]>(proxies.map(({ name }) => [name, []]));
    for (const { port } of proxies) await loadH2(port, 1);
    for (let round = 0; round < rounds; round++)
      for (const { name, port } of proxies) samples.get(name)!.push(await loadH2(port, seconds));
    const value = median(samples.get("croft")!);
    const note = `${connections} connections × ${streams} streams, median of ${rounds} × ${seconds} s, ${routes} routes, TLS 1.3, P-256`;
    return ["haproxy", "caddy"].map((peer) =>
      row("edge/h2-tls", {
        value,
        unit: "requests/s",
        peer,
        peerValue: median(samples.get(peer)!),
        note,
      }),
    );
  } finally {
    for (const child of running) {
      child.kill("SIGTERM");
      await child.exited;
    }
    rmSync(dir, { recursive: true, force: true });
  }
};

/** One run of h2load. @returns requests per second; fails when any answer was not 2xx or did not come */
const loadH2 = async (port: number, seconds: number): Promise<number> => {
  const child = Bun.spawn(
    [
      "h2load",
      `-c${connections}`,
      `-m${streams}`,
      `-D${seconds}`,
      "-H",
      `:authority: ${host}`,
      `https://localhost:${port}/`,
    ],
    { stdin: "ignore", stdout: "pipe" },
  );
  const said = await new Response(child.stdout).text();
  const perSecond = Number(/finished in [\d.]+\w+, ([\d.]+) req\/s/.exec(said)?.[1]);
  const failed = /(\d+) failed, (\d+) errored, (\d+) timeout/.exec(said);
  const statuses = /status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/.exec(said);
  const clean =
    failed?.slice(1).every((count) => count === "0") && statuses?.slice(2).every((count) => count === "0");
  if (!(perSecond > 0) || !clean || !said.includes("Application protocol: h2"))
    throw new Error(`h2load on port ${port}: ${said}`);
  return perSecond;
};

if (import.meta.main) {
  const [rounds, seconds] = process.argv.slice(2).map(Number);
  process.stdout.write(`${JSON.stringify(await edgeH2Bench(rounds, seconds), null, 2)}\n`);
}
