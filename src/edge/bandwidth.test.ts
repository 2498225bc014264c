import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RouteBandwidth, RouteTarget } from "../domain/edge.ts";
import { changeBandwidth, createBandwidth, refill } from "./bandwidth.ts";
import { createMeter } from "./meter.ts";
import { type EdgeFixture, routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw, exchangeRaw } from "./testing/raw-client.ts";
import { startRawUpstream } from "./testing/raw-upstream.ts";

let fixture: EdgeFixture;
beforeAll(() => {
  fixture = startEdge([]);
});
afterAll(() => fixture.close());

const rule = (change: Partial<RouteBandwidth> = {}): RouteBandwidth => ({
  epoch: "",
  usedUpAtBytes: 1_000,
  endsAtMs: 8e15,
  bytesPerMonth: 1_000,
  policy: "throttle",
  bytesPerSecond: 100_000,
  ...change,
});
const get = "GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n";
const route = (target: RouteTarget, bandwidth: RouteBandwidth, id: string): void =>
  fixture.route([routeTo(["site.test"], target, { bandwidth }, id)]);

/** How long it took, by the clock that the edge throttles with. */
const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const startedMs = fixture.edge.now();
  await work();
  return fixture.edge.now() - startedMs;
};

describe("the month is used up", () => {
  const body = "x".repeat(150_000);
  const large = () =>
    startRawUpstream((text) =>
      text.endsWith("\r\n\r\n")
        ? `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`
        : undefined,
    );

  test("throttle: what came too much is waited for before the next request is served", async () => {
    const upstream = large();
    route(toPort(upstream.port), rule(), "answers");
    const ms = await timed(async () => {
      for (let i = 0; i < 2; i++)
        expect((await exchangeRaw(fixture.port, get)).length).toBeGreaterThan(body.length);
    });
    // The second may begin when the 150 KB of the first, at 100 KB a second, are paid for.
    expect(ms).toBeGreaterThan(1_200);
    upstream.close();
  });

  test("throttle: a file from disk goes out at the rate", async () => {
    const folder = mkdtempSync(join(tmpdir(), "croft-bandwidth-"));
    writeFileSync(join(folder, "index.html"), "x".repeat(400_000));
    route({ kind: "static", folder }, rule({ bytesPerSecond: 200_000 }), "files");
    const ms = await timed(async () => {
      expect((await exchangeRaw(fixture.port, get)).length).toBeGreaterThan(400_000);
    });
    expect(ms).toBeGreaterThan(900);
    rmSync(folder, { recursive: true });
  });

  test("throttle: uploads too, and a table that lifts it lets go at once", async () => {
    const upstream = startRawUpstream((text) =>
      text.length > 3_000_000 ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" : undefined,
    );
    const slow = rule({ bytesPerSecond: 1_000 });
    route(toPort(upstream.port), slow, "uploads");
    const client = await connectRaw(fixture.port);
    client.send(
      `POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 3000000\r\n\r\n${"x".repeat(3_000_000)}`,
    );
    while (fixture.edge.slowed.size === 0) await Bun.sleep(5);
    // What the edge had sent before is still on its way to the upstream.
    const arrived = (): number => upstream.received().join("").length;
    for (let before = -1; before !== arrived(); await Bun.sleep(50)) before = arrived();
    expect(arrived()).toBeLessThan(3_000_000);
    expect(fixture.edge.slowed.size).toBe(1);
    route(toPort(upstream.port), rule({ usedUpAtBytes: 1e9 }), "uploads");
    expect(await client.until((text) => text.endsWith("ok"))).toStartWith("HTTP/1.1 200");
    client.close();
    upstream.close();
  });

  test("block: 509 that says when the month ends; what is under way ends well", async () => {
    const finish: (() => void)[] = [];
    const upstream = startRawUpstream((text, socket) => {
      if (!text.endsWith("\r\n\r\n")) return undefined;
      finish.push(() => socket.write("y".repeat(3_000)));
      return "HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n" + "x".repeat(3_000);
    });
    const endsAtMs = Date.now() + 3_600_000;
    route(toPort(upstream.port), rule({ policy: "block", endsAtMs }), "blocked");
    const first = await connectRaw(fixture.port);
    first.send(get);
    await first.until((text) => text.endsWith("x"));
    const refused = await exchangeRaw(fixture.port, get);
    expect(refused).toStartWith("HTTP/1.1 509 ");
    expect(Number(/Retry-After: (\d+)/.exec(refused)![1])).toBeWithin(3_500, 3_601);
    finish[0]!();
    expect((await first.untilClosed()).length).toBeGreaterThan(6_000);
    upstream.close();
  });

  test("block: a stream that might never end is broken off, one that has just begun is not", async () => {
    const other = startEdge([], { endlessMs: 300 });
    const upstream = startRawUpstream((text, socket) => {
      if (!text.endsWith("\r\n\r\n")) return undefined;
      const timer = setInterval(() => socket.write("1\r\nx\r\n") < 0 && clearInterval(timer), 20);
      return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    });
    const limits = (bandwidth: RouteBandwidth) =>
      other.route([routeTo(["site.test"], toPort(upstream.port), { bandwidth }, "streams")]);
    limits(rule({ policy: "block", usedUpAtBytes: 1e9 }));
    const client = await connectRaw(other.port);
    client.send(get);
    await client.until((text) => text.includes("\r\n\r\n"));
    limits(rule({ policy: "block", usedUpAtBytes: 1 }));
    // It goes on for the time that any answer may take.
    await client.until((text) => text.split("1\r\nx\r\n").length > 5);
    const text = await client.untilClosed();
    expect(text).not.toEndWith("0\r\n\r\n");
    while (upstream.connections[0]!.readyState === 1) await Bun.sleep(5);
    await other.close();
    upstream.close();
  });

  test("a rule for other counters holds nothing back", async () => {
    const upstream = large();
    route(toPort(upstream.port), rule({ policy: "block", epoch: "another" }), "blocked");
    expect(await exchangeRaw(fixture.port, get)).toStartWith("HTTP/1.1 200");
    upstream.close();
  });
});

describe("over time", () => {
  const june = Date.UTC(2026, 5, 1);
  const start = (change: Partial<RouteBandwidth> = {}) => {
    const meter = createMeter(0);
    const bandwidth = createBandwidth(0);
    const given = rule({ endsAtMs: june, bytesPerSecond: 100, ...change });
    const change2 = (next: RouteBandwidth | null, nowMs: number, wallMs: number) =>
      changeBandwidth(bandwidth, next, meter, "", nowMs, wallMs);
    change2(given, 0, 1);
    return { meter, bandwidth, given, change: change2 };
  };

  test("the rate holds, saves up a second at most, and debts are waited for", () => {
    const { meter, bandwidth } = start();
    expect(bandwidth.allowedBytes).toBe(1_000);
    meter.bytesOut = 1_500;
    refill(bandwidth, meter, 1_000, 1);
    expect(bandwidth.allowedBytes).toBe(1_100);
    refill(bandwidth, meter, 5_000, 1);
    expect(bandwidth.allowedBytes).toBe(1_500);
    refill(bandwidth, meter, 60_000, 1);
    expect(bandwidth.allowedBytes).toBe(1_600);
  });

  test("the edge begins a month by itself, and the table of the old one does not end it", () => {
    const { meter, bandwidth, given, change } = start();
    meter.bytesOut = 5_000;
    refill(bandwidth, meter, 1_000, june);
    expect(bandwidth).toMatchObject({ usedUpAtBytes: 6_000, endsAtMs: Date.UTC(2026, 6, 1) });
    change({ ...given }, 2_000, june + 1);
    expect(bandwidth.usedUpAtBytes).toBe(6_000);
    change(rule({ usedUpAtBytes: 5_900, endsAtMs: Date.UTC(2026, 6, 1) }), 3_000, june + 2);
    expect(bandwidth.usedUpAtBytes).toBe(5_900);
  });

  test("a new table keeps a debt; no rule forgives it", () => {
    const { meter, bandwidth, given, change } = start();
    meter.bytesOut = 2_000;
    refill(bandwidth, meter, 0, 1);
    change({ ...given, bytesPerSecond: 50 }, 1_000, 1);
    expect(bandwidth.allowedBytes).toBe(1_050);
    change(null, 2_000, 1);
    expect(bandwidth.allowedBytes).toBe(Number.POSITIVE_INFINITY);
  });
});
