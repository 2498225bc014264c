import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { startOkUpstream, startRawUpstream } from "../testing/raw-upstream.ts";
import { Code, Flag, Frame, Setting, streamWindow } from "./protocol.ts";
import { ask, block, frame, type H2Client, headers, number, setting } from "./testing/h2-client.ts";
import { type H2Fixture, startH2Edge } from "./testing/h2-fixture.ts";

/** What one side does not take, the other side must not be let send; and what costs more here than there, ends. */

const data = (id: number, bytes: Uint8Array): Buffer => frame(Frame.data, 0, id, bytes);
const grants = (client: H2Client, id: number): number =>
  client
    .frames()
    .filter(({ type, streamId }) => type === Frame.windowUpdate && streamId === id)
    .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);

describe("flow control", () => {
  test("streams whose windows stay closed hold their upstreams back, and no other stream", async () => {
    const body = Buffer.alloc(20_000_000, "x");
    const server = Bun.serve({
      port: 0,
      development: false,
      fetch: (request) => new Response(new URL(request.url).pathname === "/big" ? body : "ok"),
    });
    const edge = await startH2Edge([routeTo(["site.test"], toPort(server.port!))]);
    const client = await edge.connect();
    client.send(frame(Frame.windowUpdate, 0, 0, number(2 ** 30)));
    for (let id = 1; id < 40; id += 2) client.send(headers(id, ask("/big")));
    const { meter } = edge.edge.router.byId.get("site.test")!;
    let before = -1;
    while (meter.bytesOut !== before || meter.requests < 20) {
      before = meter.bytesOut;
      await Bun.sleep(200);
    }
    let pending = 0;
    for (const visitor of edge.edge.visitors) {
      expect(visitor.exchange!.upstream!.paused).toBe(true);
      pending += visitor.out.pendingBytes;
    }
    expect(edge.edge.visitors.size).toBe(20);
    expect(pending / 20).toBeLessThan(600_000);
    client.send(headers(101));
    expect((await client.answer(101)).body.toString()).toBe("ok");
    // One window opens: its stream goes on to the end.
    client.send(frame(Frame.windowUpdate, 0, 7, number(2 ** 30)));
    expect((await client.answer(7)).body.length).toBe(body.length);
    await edge.close();
    await server.stop(true);
  }, 60_000);

  test("a closed connection window lets nobody send, and all go on when it opens", async () => {
    const body = "x".repeat(40_000);
    const server = Bun.serve({ port: 0, development: false, fetch: () => new Response(body) });
    const edge = await startH2Edge([routeTo(["site.test"], toPort(server.port!))]);
    const client = await edge.connect();
    for (let id = 1; id < 20; id += 2) client.send(headers(id));
    const sent = (): number =>
      client
        .frames()
        .filter(({ type }) => type === Frame.data)
        .reduce((sum, { payload }) => sum + payload.length, 0);
    await client.until(() => sent() === 65_535);
    expect(await client.alive()).toBe(true);
    expect(sent()).toBe(65_535);
    client.send(frame(Frame.windowUpdate, 0, 0, number(2 ** 30)));
    for (let id = 1; id < 20; id += 2) expect((await client.answer(id)).body.toString()).toBe(body);
    await edge.close();
    await server.stop(true);
  }, 60_000);

  test("an answer that fills its window exactly ends without another grant", async () => {
    const upstream = startRawUpstream((text) =>
      text.endsWith("\r\n\r\n")
        ? `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n${"x".repeat(65_535)}\r\n0\r\n\r\n`
        : undefined,
    );
    const edge = await startH2Edge([routeTo(["site.test"], toPort(upstream.port))]);
    const client = await edge.connect();
    client.send(headers(1));
    expect((await client.answer(1)).body.length).toBe(65_535);
    await edge.close();
    upstream.close();
  });

  test("an upstream that does not read holds its stream back; a visitor who goes on is reset", async () => {
    const upstream = startRawUpstream((_text, socket) => {
      socket.pause();
      return undefined;
    });
    const other = startOkUpstream();
    const edge = await startH2Edge([
      routeTo(["site.test"], toPort(upstream.port)),
      routeTo(["other.test"], toPort(other.port)),
    ]);
    const client = await edge.connect();
    client.send(headers(1, ask("/", [], "POST"), Flag.endHeaders));
    // As a good client: no more than was granted.
    let sent = 0;
    let idle = 0;
    const piece = Buffer.alloc(16_384);
    while (idle < 30) {
      const room = Math.min(streamWindow + grants(client, 1), 65_535 + grants(client, 0)) - sent;
      if (room < piece.length) {
        idle++;
        await Bun.sleep(20);
        continue;
      }
      idle = 0;
      client.send(data(1, piece));
      sent += piece.length;
    }
    const [visitor] = edge.edge.visitors;
    expect(visitor!.paused).toBe(true);
    expect(visitor!.exchange!.upstream!.out.pendingBytes).toBeLessThan(2 * streamWindow);
    // The rest of the connection is served.
    const fields = ask().map(
      ([name, value]) => [name, name === ":authority" ? "other.test" : value] as const,
    );
    client.send(headers(3, fields));
    expect((await client.answer(3)).body.toString()).toBe("ok");
    const room = Math.ceil(streamWindow / piece.length) + 1;
    for (let i = 0; i < room; i++) client.send(data(1, piece));
    expect(await client.refused(1)).toBe(Code.flowControl);
    expect(await client.alive()).toBe(true);
    await edge.close();
    upstream.close();
    other.close();
  }, 60_000);

  test("large bodies both ways arrive whole", async () => {
    const server = Bun.serve({
      port: 0,
      maxRequestBodySize: 1e9,
      fetch: (request) => new Response(request.body),
    });
    const edge = await startH2Edge([routeTo(["site.test"], toPort(server.port!))]);
    for (const argv of [
      ["--data-binary", `@-`],
      ["-T", "-", "-X", "POST"],
    ]) {
      const body = Buffer.alloc(30_000_000);
      for (let at = 0; at < body.length; at += 4) body.writeUInt32LE(at, at);
      const url = `https://localhost:${edge.tlsPort}/`;
      const run = Bun.spawn(
        [
          "curl",
          "-sk",
          "--http2",
          "--max-time",
          "30",
          "-H",
          "Host: site.test",
          "-H",
          "Expect:",
          ...argv,
          url,
        ],
        { stdin: body, stdout: "pipe" },
      );
      const back = await new Response(run.stdout).bytes();
      expect(Bun.hash(back)).toBe(Bun.hash(body));
    }
    await edge.close();
    await server.stop(true);
  }, 60_000);
});

describe("floods end with ENHANCE_YOUR_CALM", () => {
  let edge: H2Fixture;
  const upstream = startRawUpstream(() => undefined);
  beforeAll(async () => {
    edge = await startH2Edge([routeTo(["site.test"], toPort(upstream.port))]);
  });
  afterAll(async () => {
    await edge.close();
    upstream.close();
  });
  const many = (count: number, one: (at: number) => Buffer): Buffer[] =>
    Array.from({ length: count }, (_, at) => one(at));
  const open = headers(1, ask("/", [], "POST"), Flag.endHeaders);
  test.each<[string, () => Buffer[]]>([
    ["PING", () => many(10_000, () => frame(Frame.ping, 0, 0, "12345678"))],
    [
      "SETTINGS",
      () => many(10_000, () => frame(Frame.settings, 0, 0, setting(Setting.initialWindowSize, 1))),
    ],
    ["PRIORITY", () => many(10_000, () => frame(Frame.priority, 0, 1, "\0\0\0\0\0"))],
    ["unknown frames", () => many(10_000, () => frame(0xee, 0, 0))],
    ["empty DATA", () => [open, ...many(10_000, () => data(1, new Uint8Array()))]],
    [
      "requests taken back at once (CVE-2023-44487)",
      () =>
        many(5_000, (at) =>
          Buffer.concat([headers(2 * at + 1), frame(Frame.reset, 0, 2 * at + 1, number(8))]),
        ),
    ],
    [
      "requests that make the edge reset",
      () => many(5_000, (at) => headers(2 * at + 1, ask("/", [["Bad", "name"]]))),
    ],
    [
      "requests that make the edge reset by a wrong window",
      () =>
        many(5_000, (at) =>
          Buffer.concat([headers(2 * at + 1), frame(Frame.windowUpdate, 0, 2 * at + 1, number(0))]),
        ),
    ],
    [
      "CONTINUATION without end (CVE-2024-27316)",
      () => [
        headers(1, ask(), 0),
        ...many(10_000, () => frame(Frame.continuation, 0, 1, block([["x", "y"]]))),
      ],
    ],
    [
      "empty CONTINUATION",
      () => [headers(1, ask(), 0), ...many(10_000, () => frame(Frame.continuation, 0, 1))],
    ],
    [
      "CONTINUATION of great length",
      () => [headers(1, ask(), 0), ...many(6, () => frame(Frame.continuation, 0, 1, Buffer.alloc(16_000)))],
    ],
  ])("%s", async (_, frames) => {
    const client = await edge.connect();
    client.send(...frames());
    expect(await client.goneAway()).toBe(Code.enhanceYourCalm);
    while (edge.edge.visitors.size > 0) await Bun.sleep(2);
    expect(edge.edge.router.byId.get("site.test")!.meter.active).toBe(0);
  });

  test("a browser that leaves a page of a hundred requests is no flood", async () => {
    const client = await edge.connect();
    const ids = many(100, (at) => headers(2 * at + 1));
    client.send(...ids);
    client.send(...many(100, (at) => frame(Frame.reset, 0, 2 * at + 1, number(8))));
    expect(await client.alive()).toBe(true);
    expect(edge.edge.visitors.size).toBe(0);
  });
});
