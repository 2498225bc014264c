import { expect, test } from "bun:test";
import { Frame, Setting } from "./h2/protocol.ts";
import { startBareEdge } from "./h2/testing/bare-session.ts";
import { headers, setting } from "./h2/testing/h2-client.ts";
import { countPending, createPendingCount, shedPending } from "./pending-budget.ts";
import type { Edge } from "./state.ts";
import { routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw, type RawClient } from "./testing/raw-client.ts";
import { startRawUpstream } from "./testing/raw-upstream.ts";

/** One look at all visitors. */
const shed = (edge: Edge, mostBytes?: number): number => {
  const count = createPendingCount();
  for (const visitor of edge.visitors) countPending(count, visitor, edge.clock.nowMs);
  return shedPending(edge, count, mostBytes);
};

test("above the bound of all that is pending, the slowest readers go, and no others", async () => {
  const big = Buffer.alloc(8_000_000, 0x61);
  const server = Bun.serve({
    port: 0,
    development: false,
    fetch: (request) => new Response(request.url.endsWith("/big") ? big : "ok"),
  });
  const fixture = startEdge([routeTo(["site.test"], toPort(server.port!))]);
  const { edge } = fixture;
  const pending = (): number =>
    [...edge.visitors].reduce(
      (sum, { out }) => sum + out.pending.reduce((all, { buffer }) => all + buffer.byteLength, 0),
      0,
    );
  const stalled = async (count: number): Promise<RawClient[]> => {
    const before = [...edge.visitors].filter(({ out }) => out.pendingBytes > 0).length;
    const clients = await Promise.all(Array.from({ length: count }, () => connectRaw(fixture.port)));
    for (const client of clients) {
      client.send("GET /big HTTP/1.1\r\nHost: site.test\r\n\r\n");
      client.socket.pause();
    }
    while ([...edge.visitors].filter(({ out }) => out.pendingBytes > 0).length < before + count)
      await Bun.sleep(10);
    // The coarse clock moves on with the sweep.
    await Bun.sleep(100);
    return clients;
  };
  const old = await stalled(10);
  const young = await stalled(10);
  const healthy = await connectRaw(fixture.port);
  healthy.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
  await healthy.until((text) => text.endsWith("ok"));

  expect(shed(edge)).toBe(0);
  expect(shed(edge, pending())).toBe(0);
  const before = pending();
  expect(shed(edge, before - 1)).toBe(1);
  const gone = 1 + shed(edge, before / 2);
  expect(pending()).toBeLessThanOrEqual(before / 2);
  expect(gone).toBeLessThan(20);
  // Whoever waited for longest.
  for (const client of [...old, ...young]) client.socket.resume();
  await Promise.all(old.slice(0, gone).map((client) => client.untilClosed()));
  const whole = young.at(-1)!;
  expect((await whole.until((text) => text.length > 8_000_000)).length).toBeGreaterThan(8_000_000);
  healthy.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
  await healthy.until((text) => text.split("ok").length === 3);

  for (const client of [...old, ...young, healthy]) client.socket.terminate();
  const { meter } = edge.router.byId.get("site.test")!;
  while (meter.active > 0) await Bun.sleep(5);
  await fixture.close();
  await server.stop(true);
}, 30_000);

test("who sends far ahead while its request is not answered counts, too", async () => {
  const silent = startRawUpstream(() => undefined);
  const fixture = startEdge([routeTo(["site.test"], toPort(silent.port))]);
  const { edge } = fixture;
  const request = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n";
  const waiting = await connectRaw(fixture.port);
  waiting.send(request);
  const greedy = await Promise.all(Array.from({ length: 5 }, () => connectRaw(fixture.port)));
  for (const client of greedy) client.send(request.repeat(10_000));
  const held = (): number =>
    [...edge.visitors].reduce((sum, visitor) => sum + (visitor.held?.length ?? 0), 0);
  while ([...edge.visitors].filter((visitor) => (visitor.held?.length ?? 0) > 65_536).length < 5)
    await Bun.sleep(5);
  expect(shed(edge, 100_000)).toBe(5);
  expect(held()).toBe(0);
  expect(edge.visitors.size).toBe(1);
  waiting.close();
  await fixture.close();
  silent.close();
}, 30_000);

test("of a connection of HTTP/2 the streams go that wait for longest, the connection stays", async () => {
  const upstream = startRawUpstream((text) =>
    text.endsWith("\r\n\r\n")
      ? `HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${"x".repeat(200_000)}`
      : undefined,
  );
  const bare = startBareEdge(upstream.port);
  const it = bare.open(setting(Setting.initialWindowSize, 0));
  for (let id = 1; id < 40; id += 2) it.send(headers(id));
  const pending = (): number => [...bare.edge.visitors].reduce((sum, { out }) => sum + out.pendingBytes, 0);
  while (pending() < 20 * 100_000) await Bun.sleep(5);
  expect(shed(bare.edge)).toBe(0);
  expect(shed(bare.edge, pending() / 2)).toBeGreaterThan(0);
  const resets = (): number => it.frames().filter(({ type }) => type === Frame.reset).length;
  while (resets() === 0) await Bun.sleep(5);
  expect(it.session.phase).toBe("open");
  expect(it.session.streams.size).toBe(20 - resets());
  it.end();
  bare.close();
  upstream.close();
}, 30_000);
