import { afterAll, beforeAll, expect, test } from "bun:test";
import type { RouteRules, RouteTarget } from "../domain/edge.ts";
import { heldByRoute, releaseHeld } from "./hold.ts";
import { type EdgeFixture, routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw, type RawClient } from "./testing/raw-client.ts";
import { type RawUpstream, startOkUpstream } from "./testing/raw-upstream.ts";

let fixture: EdgeFixture;
let upstream: RawUpstream;
beforeAll(() => {
  upstream = startOkUpstream();
  fixture = startEdge([]);
});
afterAll(async () => {
  await fixture.close();
  upstream.close();
});

const route = (target: RouteTarget | null, rules: RouteRules | null = null): void => {
  fixture.route(target === null ? [] : [{ ...routeTo(["site.test"], target, {}, "site"), rules }]);
  releaseHeld(fixture.edge);
};
const hold = (maxRequests = 10, maxMs = 60_000): RouteTarget => ({ kind: "hold", maxRequests, maxMs });
const get = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n";
const heldNow = (): number => heldByRoute(fixture.edge).site ?? 0;
const asking = async (request = get): Promise<RawClient> => {
  const before = heldNow();
  const client = await connectRaw(fixture.port);
  client.send(request);
  while (heldNow() === before) await Bun.sleep(1);
  return client;
};

test("requests wait for the next table, bodies and what follows on the connection included", async () => {
  route(hold());
  const body = "b".repeat(300_000);
  const first = await asking();
  const second = await asking(
    `POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: ${body.length}\r\n\r\n${body}${get}`,
  );
  expect(heldByRoute(fixture.edge)).toEqual({ site: 2 });
  // Another table that holds, too, changes nothing.
  route(hold());
  expect(heldNow()).toBe(2);
  route(toPort(upstream.port));
  await first.until((text) => text.endsWith("ok"));
  await second.until((text) => text.split("\r\n\r\nok").length === 3);
  expect(upstream.received().join("")).toContain(body);
  expect(heldByRoute(fixture.edge)).toEqual({});
  expect(fixture.edge.router.byId.get("site")!.meter.active).toBe(0);
  first.close();
  second.close();
});

test("no more than so many wait; who leaves makes room", async () => {
  route(hold(2));
  const one = await asking();
  const two = await asking();
  const three = await connectRaw(fixture.port);
  three.send(get);
  expect(await three.until((text) => text.includes("</html>"))).toMatch(
    /^HTTP\/1\.1 503 [^]*Retry-After: 2\r\n/,
  );
  two.socket.terminate();
  while (heldNow() !== 1) await Bun.sleep(1);
  const four = await asking();
  route(toPort(upstream.port));
  await one.until((text) => text.endsWith("ok"));
  await four.until((text) => text.endsWith("ok"));
  for (const client of [one, three, four]) client.close();
});

test("no longer than so long, and not past the route's end", async () => {
  route(hold(10, 50));
  const late = await connectRaw(fixture.port);
  late.send(get);
  expect(await late.until((text) => text.includes("</html>"))).toStartWith("HTTP/1.1 503");
  route(hold());
  const gone = await asking();
  route(null);
  expect(await gone.until((text) => text.includes("</html>"))).toStartWith("HTTP/1.1 503");
  late.close();
  gone.close();
});

test("who may not is refused before anything is woken", async () => {
  route(hold(), { deny: ["127.0.0.1"] });
  const client = await connectRaw(fixture.port);
  client.send(get);
  expect(await client.until((text) => text.includes("</html>"))).toStartWith("HTTP/1.1 403");
  expect(heldNow()).toBe(0);
  client.close();
});

test("what waited goes on no more at once than the site may serve", async () => {
  const limits = { concurrentRequests: 2 };
  const shown = (target: RouteTarget): void => {
    fixture.route([routeTo(["site.test"], target, limits, "site")]);
    releaseHeld(fixture.edge);
  };
  let serving = 0;
  let most = 0;
  const app = Bun.serve({
    port: 0,
    async fetch() {
      most = Math.max(most, ++serving);
      await Bun.sleep(20);
      serving--;
      return new Response("served");
    },
  });
  shown(hold());
  const clients: RawClient[] = [];
  for (let i = 0; i < 7; i++) clients.push(await asking());
  shown(toPort(app.port!));
  for (const client of clients) {
    expect(await client.until((text) => text.endsWith("served"))).toStartWith("HTTP/1.1 200");
    client.close();
  }
  expect(most).toBe(2);
  await app.stop(true);
});

test("a WebSocket, and a body that waits for its go-ahead, wait as well", async () => {
  const app = Bun.serve<undefined>({
    port: 0,
    fetch: async (request, server) =>
      server.upgrade(request, { data: undefined }) ? undefined : new Response(await request.text()),
    websocket: { message: (socket, message) => void socket.send(message) },
  });
  route(hold());
  const socket = new WebSocket(`ws://127.0.0.1:${fixture.port}/`, {
    headers: { Host: "site.test" },
  } as never);
  const echoed = new Promise((resolve) => {
    socket.onopen = () => socket.send("waited");
    socket.onmessage = ({ data }) => resolve(data);
  });
  while (heldNow() === 0) await Bun.sleep(1);
  const expecting = await asking(
    "POST / HTTP/1.1\r\nHost: site.test\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
  );
  expect(expecting.text()).toBe("");
  route(toPort(app.port!));
  expect(await echoed).toBe("waited");
  expecting.send("3\r\nabc\r\n0\r\n\r\n");
  expect(await expecting.until((text) => text.endsWith("abc"))).toContain("HTTP/1.1 200 OK\r\n");
  expecting.close();
  socket.close();
  await app.stop(true);
});

test("bodies of requests that wait stay with who sends them, and all that is kept is bounded", async () => {
  route(hold(1000));
  const head = "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 8000000\r\n\r\n";
  const pouring = await asking(head);
  pouring.send(Buffer.alloc(8_000_000, 0x62));
  await Bun.sleep(50);
  const [kept] = fixture.edge.held.get("site")!;
  expect(kept!.visitor.held?.length ?? 0).toBeLessThan(1_000_000);
  const { heldBytes } = fixture.edge;
  expect(heldBytes).toBeLessThan(1_000_000);
  const sleeper = routeTo(["sleeper.test"], hold(), {}, "sleeper");
  fixture.route([routeTo(["site.test"], hold(1000), {}, "site"), sleeper]);
  const refused = await connectRaw(fixture.port);
  const first = await connectRaw(fixture.port);
  fixture.edge.heldBytes = 64 * 1024 * 1024;
  // The first that waits at another site is let in all the same, or it would not be woken.
  first.send(get.replace("site.test", "sleeper.test"));
  refused.send(get);
  expect(await refused.until((text) => text.includes("</html>"))).toStartWith("HTTP/1.1 503 ");
  while (heldByRoute(fixture.edge).sleeper !== 1) await Bun.sleep(1);
  expect(await fixture.edge.wakeCalls.next(0)).toContain("sleeper");
  // It is counted anew, so that nobody is kept out for ever.
  while (fixture.edge.heldBytes > 1_000_000) await Bun.sleep(5);
  const other = await asking();
  const app = Bun.serve({
    port: 0,
    fetch: async (request) => new Response(`${(await request.bytes()).length} b`),
  });
  route(toPort(app.port!));
  expect(await pouring.until((text) => text.endsWith(" b"), 20_000)).toEndWith("\r\n\r\n8000000 b");
  expect(await other.until((text) => text.endsWith(" b"))).toEndWith("0 b");
  for (const client of [pouring, refused, other, first]) client.close();
  await app.stop(true);
});
