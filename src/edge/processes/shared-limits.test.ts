import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RouteLimits } from "../../domain/edge.ts";
import { ensureEdge, handOverEdge } from "../spawn.ts";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { ended, killEdge } from "../testing/edge-process.ts";
import { type EdgeProcesses, edgeProcesses } from "../testing/edge-processes.ts";
import { connectRaw, exchangeRaw, type RawClient } from "../testing/raw-client.ts";
import { okAnswer, startOkUpstream, startRawUpstream } from "../testing/raw-upstream.ts";

/** A site's limits hold for all processes together. */

let edge: EdgeProcesses;
const open: { close(): void }[] = [];
const kept = <T extends { close(): void }>(it: T): T => {
  open.push(it);
  return it;
};
beforeEach(() => {
  edge = edgeProcesses();
});
afterEach(async () => {
  await edge.close();
  for (const it of open.splice(0)) it.close();
});

const get = "GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n";
let version = 0;
const start = async (upstreamPort: number, limits: Partial<RouteLimits>): Promise<number> => {
  await ensureEdge(edge.wanted({ processes: 2 }));
  await edge.client.putTable({
    version: ++version,
    routes: [routeTo(["site.test"], toPort(upstreamPort), limits, "a")],
  });
  return (await edge.ports())[0]!;
};

describe("requests per minute", () => {
  test("are given out once, to whichever process is asked; a hand-over and a crash give none back", async () => {
    const port = await start(kept(startOkUpstream()).port, { requestsPerMinute: 300 });
    const ask = async (times: number): Promise<number> => {
      let served = 0;
      const answers: string[] = [];
      for (let i = 0; i < times; i += 20)
        answers.push(...(await Promise.all(Array.from({ length: 20 }, () => exchangeRaw(port, get)))));
      for (const answer of answers) {
        if (answer.startsWith("HTTP/1.1 200 ")) served++;
        else expect(answer).toMatch(/^HTTP\/1.1 429 [^]*RateLimit-Limit: 300\r\n/);
      }
      return served;
    };
    const beganAtMs = performance.now();
    let served = await ask(600);
    // Those that came back meanwhile, five a second, are on top.
    const mayBe = (): number => 300 + Math.ceil(((performance.now() - beganAtMs) / 1000) * 5);
    expect(served).toBeGreaterThanOrEqual(300);
    expect(served).toBeLessThanOrEqual(mayBe() + 1);
    const counts = [...(await edge.requestsOf("a")).values()];
    expect(Math.min(...counts)).toBeGreaterThan(100);

    await handOverEdge(edge.wanted({ processes: 2 }));
    served += await ask(100);
    expect(served).toBeLessThanOrEqual(mayBe() + 1);
    await killEdge(edge.dir);
    await ensureEdge(edge.wanted({ processes: 2, listen: [{ host: "127.0.0.1", port }] }));
    served += await ask(100);
    expect(served).toBeLessThanOrEqual(mayBe() + 1);
  }, 40_000);
});

test("requests per minute from one address: whichever process it comes to", async () => {
  const port = await start(kept(startOkUpstream()).port, { clientRequestsPerMinute: 30 });
  const beganAtMs = performance.now();
  let served = 0;
  for (let i = 0; i < 100; i++) if ((await exchangeRaw(port, get)).startsWith("HTTP/1.1 200 ")) served++;
  expect(served).toBeGreaterThanOrEqual(30);
  expect(served).toBeLessThanOrEqual(31 + (performance.now() - beganAtMs) / 2_000);
}, 30_000);

describe("concurrent requests", () => {
  test("as many as may, over both; what a killed process served is free again", async () => {
    const upstream = kept(startRawUpstream(() => undefined));
    const port = await start(upstream.port, { concurrentRequests: 12 });
    const clients: RawClient[] = [];
    const asked = (): number => upstream.received().join("").split("GET / ").length;
    const ask = async (): Promise<"served" | "refused"> => {
      const before = asked();
      const client = kept(await connectRaw(port));
      client.send(get);
      for (;;) {
        if (client.text().startsWith("HTTP/1.1 503 ")) return "refused";
        if (asked() > before) {
          clients.push(client);
          return "served";
        }
        await Bun.sleep(1);
      }
    };
    for (let i = 0; i < 12; i++) expect(await ask()).toBe("served");
    for (let i = 0; i < 12; i++) expect(await ask()).toBe("refused");
    const active = Object.values(await edge.client.active());
    expect(active).toEqual([12]);

    // One ends, and there is room for one, wherever it comes in.
    upstream.connections[0]!.write(okAnswer.replace("\r\n", "\r\nConnection: close\r\n"));
    await clients[0]!.untilClosed();
    expect(await ask()).toBe("served");
    expect(await ask()).toBe("refused");

    const { worker } = await edge.roles();
    process.kill(worker[0]!, "SIGKILL");
    await ended(worker[0]!);
    while ((await edge.roles()).worker.length < 1) await Bun.sleep(20);
    const left = clients.slice(1).filter((client) => !client.closed()).length;
    expect(left).toBeLessThan(12);
    let room = 0;
    for (const endsAtMs = performance.now() + 10_000; room < 12 - left && performance.now() < endsAtMs;)
      if ((await ask()) === "served") room++;
    expect(room).toBe(12 - left);
    for (let i = 0; i < 6; i++) expect(await ask()).toBe("refused");
  }, 40_000);

  test("of many at once never more than may", async () => {
    let inFlight = 0;
    let most = 0;
    const server = Bun.serve({
      port: 0,
      development: false,
      async fetch() {
        most = Math.max(most, ++inFlight);
        await Bun.sleep(5);
        inFlight--;
        return new Response("ok");
      },
    });
    const port = await start(server.port!, { concurrentRequests: 10 });
    let served = 0;
    for (let round = 0; round < 20; round++) {
      const answers = await Promise.all(Array.from({ length: 40 }, () => exchangeRaw(port, get)));
      served += answers.filter((answer) => answer.startsWith("HTTP/1.1 200 ")).length;
    }
    expect(most).toBeLessThanOrEqual(10);
    expect(most).toBeGreaterThanOrEqual(9);
    expect(served).toBeGreaterThanOrEqual(20 * 9);
    await server.stop(true);
  }, 40_000);
});

describe("bandwidth", () => {
  const bandwidth = async (policy: "block" | "throttle", usedUpAtBytes: number, bytesPerSecond: number) => ({
    epoch: (await edge.client.meters()).epoch,
    usedUpAtBytes,
    endsAtMs: Date.now() + 3_600_000,
    bytesPerMonth: 1e12,
    policy,
    bytesPerSecond,
  });
  const passed = async (): Promise<number> => {
    const { bytesIn, bytesOut } = (await edge.client.meters()).meters.a!;
    return bytesIn + bytesOut;
  };

  test("throttle: all processes together keep the rate, also after a hand-over", async () => {
    // A file that is all hole: nothing has to be kept in memory.
    const large = join(edge.dir, "large");
    writeFileSync(large, "");
    truncateSync(large, 2_000_000_000);
    const server = Bun.serve({ port: 0, development: false, fetch: () => new Response(Bun.file(large)) });
    await ensureEdge(edge.wanted({ processes: 2 }));
    const rate = 16_000_000;
    const port = await start(server.port!, { bandwidth: await bandwidth("throttle", 0, rate) });
    const download = async (): Promise<void> => {
      const socket = await Bun.connect({
        hostname: "127.0.0.1",
        port,
        socket: { data() {}, error() {} },
      });
      kept({ close: () => socket.terminate() });
      socket.write(get);
    };
    const connections = 6;
    /** What each connection may pass before it is held back. */
    const chunk = 512 * 1024;
    const measure = async (): Promise<void> => {
      for (let i = 0; i < connections; i++) await download();
      // What was saved up is gone.
      await Bun.sleep(1_500);
      const [beforeMs, before] = [performance.now(), await passed()];
      await Bun.sleep(4_000);
      const bytes = (await passed()) - before;
      const fair = rate * ((performance.now() - beforeMs) / 1000);
      expect(bytes).toBeLessThan(fair * 1.05 + connections * chunk);
      // A busy machine may pass less, but none is kept waiting for nothing.
      expect(bytes).toBeGreaterThan(fair * 0.2);
    };
    await measure();
    await handOverEdge(edge.wanted({ processes: 2 }));
    await measure();
    await server.stop(true);
  }, 40_000);

  test("block: the month is used up for both at once", async () => {
    const body = "x".repeat(10_000);
    const server = Bun.serve({ port: 0, development: false, fetch: () => new Response(body) });
    await ensureEdge(edge.wanted({ processes: 2 }));
    const port = await start(server.port!, { bandwidth: await bandwidth("block", 2_000_000, 1) });
    let refused = 0;
    for (let asked = 0; refused < 20 && asked < 2_000; asked++)
      if ((await exchangeRaw(port, get)).startsWith("HTTP/1.1 509 ")) refused++;
    expect(refused).toBe(20);
    // Each answer is of 10 KB, so that is what both may pass beyond at most, refusals aside.
    expect(await passed()).toBeLessThan(2_000_000 * 1.05);
    await server.stop(true);
  }, 40_000);
});
