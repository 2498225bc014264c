import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEdgeClient } from "../client.ts";
import { routeTo, toPort } from "../testing/edge-fixture.ts";

/**
 * slowhttptest against an edge of its own process: slow heads (slowloris), slow bodies, slow readers and endless
 * ranges, 400 connections of each at once. Others are served all the while, and the edge's memory is bounded.
 */

const rssBytes = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1_024;

test("slowhttptest: the site stays available, and memory bounded", async () => {
  const big = Buffer.alloc(8_000_000, 0x61);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    development: false,
    fetch: async (request) => {
      await request.arrayBuffer().catch(() => undefined);
      return new Response(new URL(request.url).pathname === "/big" ? big : "ok");
    },
  });
  const dir = mkdtempSync(join(tmpdir(), "croft-slow-"));
  const edge = Bun.spawn(
    [process.execPath, join(import.meta.dir, "../entry.ts"), "edge", "--dir", dir, "--listen", "127.0.0.1:0"],
    {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "inherit",
    },
  );
  const client = createEdgeClient(dir);
  let health = await client.health().catch(() => null);
  for (let tries = 0; health === null && tries < 1_000; tries++) {
    await Bun.sleep(10);
    health = await client.health().catch(() => null);
  }
  const at = health!.listening[0]!;
  await client.putTable({ version: 1, routes: [routeTo(["127.0.0.1"], toPort(server.port!))] });
  const ask = async (): Promise<number> => {
    const answer = await fetch(`http://${at}/`, { keepalive: false, signal: AbortSignal.timeout(20_000) });
    await answer.text();
    return answer.status;
  };
  for (let i = 0; i < 200; i++) await ask();
  const before = rssBytes(edge.pid);
  const seconds = 12;
  const slow = (path: string, ...argv: string[]): Promise<string> => {
    const child = Bun.spawn(
      [
        "slowhttptest",
        "-c",
        "400",
        "-r",
        "200",
        "-l",
        String(seconds),
        "-p",
        "5",
        "-u",
        `http://${at}${path}`,
        ...argv,
      ],
      {
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
        timeout: (seconds + 20) * 1_000,
      },
    );
    return new Response(child.stdout).text();
  };
  const attacks = [
    slow("/", "-H", "-i", "2", "-x", "20"),
    slow("/", "-B", "-i", "2", "-s", "65536", "-x", "10"),
    slow("/big", "-X", "-w", "512", "-y", "1024", "-n", "2", "-z", "32"),
    slow("/big", "-R", "-a", "1", "-b", "3000"),
  ];
  let over = false;
  const ended = Promise.all(attacks).then((said) => ((over = true), said));
  let most = before;
  const statuses = new Map<number, number>();
  while (!over) {
    const status = await ask();
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    most = Math.max(most, rssBytes(edge.pid));
    await Bun.sleep(50);
  }
  const said = await ended;
  const active = Object.values(await client.active()).reduce((sum, count) => sum + count, 0);
  edge.kill("SIGKILL");
  await edge.exited;
  await server.stop(true);
  rmSync(dir, { recursive: true, force: true });
  console.log(
    `memory grew by ${((most - before) / 1e6).toFixed(0)} MB; ${JSON.stringify([...statuses])}; left ${active}`,
  );
  expect([...statuses.keys()]).toEqual([200]);
  expect(statuses.get(200)).toBeGreaterThan(10);
  for (const text of said) expect(text.replaceAll(/\x1b\[[\d;]*m/g, "")).toMatch(/service available: +YES/);
  // What waits for slow readers is bounded at 256 MB; the rest is sockets, and what the collector has not taken yet.
  expect(most - before).toBeLessThan(400_000_000);
}, 90_000);
