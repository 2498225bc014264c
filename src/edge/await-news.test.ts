import { afterAll, beforeAll, expect, test } from "bun:test";
import { tellNews } from "./await-news.ts";
import { releaseHeld } from "./hold.ts";
import { type EdgeFixture, replicaAt, routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw, type RawClient } from "./testing/raw-client.ts";
import { okAnswer, startOkUpstream } from "./testing/raw-upstream.ts";

/** Apps that refuse connections because they are just starting anew. */

const newsMs = 400;
let fixture: EdgeFixture;
beforeAll(() => {
  fixture = startEdge([], { newsMs });
});
afterAll(() => fixture.close());

/** A port on which nobody listens. */
const closedPort = (): number => {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop(true);
  return listener.port;
};
const route = (port: number, replicaId = "first"): void => {
  fixture.route([routeTo(["site.test"], { kind: "replicas", replicas: [replicaAt(port, replicaId)] })]);
  releaseHeld(fixture.edge);
  tellNews(fixture.edge);
};
const get = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n";
const asking = async (request = get): Promise<RawClient> => {
  const before = fixture.edge.awaiting.size;
  const client = await connectRaw(fixture.port);
  client.send(request);
  while (fixture.edge.awaiting.size === before) await Bun.sleep(1);
  return client;
};
const meter = () => fixture.edge.router.byId.get("site.test")!.meter;

test("who is refused goes to the replica that the next table names, whatever is asked", async () => {
  route(closedPort());
  const upstream = startOkUpstream();
  const body = "b".repeat(200_000);
  const plain = await asking();
  const post = await asking(
    `POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  route(upstream.port, "second");
  for (const client of [plain, post]) {
    expect(await client.until((text) => text.endsWith("ok"))).toBe(okAnswer);
    client.close();
  }
  expect(upstream.received().join("")).toContain(body);
  expect(fixture.edge.awaiting.size).toBe(0);
  expect(meter().active).toBe(0);
  upstream.close();
});

test("a table that changes nothing about the route is no news", async () => {
  const port = closedPort();
  route(port);
  const client = await asking();
  route(port);
  expect(fixture.edge.awaiting.size).toBe(1);
  expect(await client.until((text) => text.includes("</html>"))).toStartWith("HTTP/1.1 502");
  client.close();
});

test("without news it is tried once more, then told", async () => {
  const port = closedPort();
  route(port);
  const lucky = await asking();
  const upstream = Bun.serve({ port, hostname: "127.0.0.1", fetch: () => new Response("back") });
  expect(await lucky.until((text) => text.endsWith("back"))).toStartWith("HTTP/1.1 200");
  lucky.close();
  await upstream.stop(true);
  const other = await asking();
  expect(await other.until((text) => text.includes("</html>"))).toStartWith("HTTP/1.1 502");
  other.close();
  expect(meter().active).toBe(0);
  expect(fixture.edge.router.replicas.values().every(({ active }) => active === 0)).toBe(true);
});

test("news can be to wait for longer, and that there is no site any more", async () => {
  route(closedPort());
  const first = await asking();
  fixture.route([routeTo(["site.test"], { kind: "hold", maxRequests: 5, maxMs: 60_000 })]);
  tellNews(fixture.edge);
  expect(fixture.edge.held.get("site.test")!.size).toBe(1);
  const upstream = startOkUpstream();
  fixture.route([routeTo(["site.test"], toPort(upstream.port))]);
  releaseHeld(fixture.edge);
  await first.until((text) => text.endsWith("ok"));
  first.close();
  upstream.close();
  route(closedPort(), "third");
  const gone = await asking();
  fixture.route([]);
  tellNews(fixture.edge);
  expect(await gone.until((text) => text.includes("</html>"))).toStartWith("HTTP/1.1 503");
  gone.close();
});

test("who leaves meanwhile is forgotten", async () => {
  route(closedPort());
  const client = await asking();
  client.socket.terminate();
  while (fixture.edge.awaiting.size > 0) await Bun.sleep(5);
  expect(meter().active).toBe(0);
});
