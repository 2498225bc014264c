import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Route } from "../../domain/edge.ts";
import { drainReplicas } from "../drain.ts";
import { heldByRoute, releaseHeld } from "../hold.ts";
import { noLimits, replicaAt, routeTo, toPort } from "../testing/edge-fixture.ts";
import { type RawUpstream, startRawUpstream } from "../testing/raw-upstream.ts";
import { Code, Flag, Frame } from "./protocol.ts";
import { ask, type Fields, frame, type H2Answer, headers, number } from "./testing/h2-client.ts";
import { type H2Fixture, startH2Edge } from "./testing/h2-fixture.ts";

/** What a request and its answer are, whatever carries them: the same as over HTTP/1.1. */

let edge: H2Fixture;
const upstreams: RawUpstream[] = [];
const site = (respond: Parameters<typeof startRawUpstream>[0], more: Partial<Route> = {}): RawUpstream => {
  const upstream = startRawUpstream(respond);
  upstreams.push(upstream);
  edge.route([{ ...routeTo(["site.test"], toPort(upstream.port)), ...more }]);
  return upstream;
};
/** Answers each request with the text. */
const answering = (answer: string, more: Partial<Route> = {}): RawUpstream =>
  site((text) => (text.endsWith("\r\n\r\n") ? answer : undefined), more);

beforeAll(async () => {
  edge = await startH2Edge([]);
});
afterAll(async () => {
  await edge.close();
  for (const upstream of upstreams) upstream.close();
});

const once = async (fields: Fields = ask()): Promise<H2Answer> => {
  const client = await edge.connect();
  client.send(headers(1, fields));
  const answer = await client.answer(1);
  client.close();
  return answer;
};
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const data = (id: number, bytes: string | Uint8Array, flags: number = Flag.endStream): Buffer =>
  frame(Frame.data, flags, id, bytes);

describe("requests", () => {
  test("arrive as HTTP/1.1, cookies in one field, with the edge's own word on where from", async () => {
    const upstream = answering(ok);
    await once(
      ask("/a?b=c", [
        ["cookie", "a=1"],
        ["x-forwarded-for", "10.0.0.1"],
        ["x-test", "grün"],
        ["cookie", "b=2"],
        ["te", "trailers"],
      ]),
    );
    expect(upstream.received()[0]!.replace(/X-Request-Id: [0-9a-f]{12}-[0-9a-f]+\r\n/, "")).toBe(
      "GET /a?b=c HTTP/1.1\r\nHost: site.test\r\nx-test: grün\r\ncookie: a=1; b=2\r\n" +
        "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n" +
        "Forwarded: for=127.0.0.1;proto=https\r\nX-Forwarded-Host: site.test\r\n\r\n",
    );
  });

  test("of one connection use kept connections of the upstream", async () => {
    const upstream = answering(ok);
    const client = await edge.connect();
    for (let id = 1; id < 20; id += 2) {
      client.send(headers(id));
      expect((await client.answer(id)).body.toString()).toBe("ok");
    }
    expect(upstream.connections).toHaveLength(1);
  });

  test("with a known length keep it, others are chunked, and trailers follow", async () => {
    const upstream = site((text) => (/hi$|\r\n\r\n0\r\n|t: 1\r\n\r\n$/.test(text) ? ok : undefined));
    const client = await edge.connect();
    client.send(headers(1, ask("/", [["content-length", "2"]], "POST"), Flag.endHeaders), data(1, "hi"));
    await client.answer(1);
    client.send(
      headers(3, ask("/", [], "POST"), Flag.endHeaders),
      data(3, "abc", 0),
      headers(3, [["x-t", "1"]]),
    );
    await client.answer(3);
    const [first, second] = upstream.received().join("").split("POST / HTTP/1.1\r\n").slice(1);
    expect(first).toMatch(/\r\ncontent-length: 2\r\n[^]*\r\n\r\nhi$/);
    expect(second).toMatch(/\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n$/);
  });

  test("100-continue is passed on", async () => {
    site((text) =>
      text.endsWith("hi") ? ok : text.endsWith("\r\n\r\n") ? "HTTP/1.1 100 Continue\r\n\r\n" : undefined,
    );
    const client = await edge.connect();
    const fields: Fields = [
      ["content-length", "2"],
      ["expect", "100-continue"],
    ];
    client.send(headers(1, ask("/", fields, "POST"), Flag.endHeaders));
    await client.until((list) => list.some(({ type }) => type === Frame.headers));
    client.send(data(1, "hi"));
    const answer = await client.answer(1);
    expect(answer.interim).toEqual(["100"]);
    expect(answer.body.toString()).toBe("ok");
  });

  test("that another site's connection carries get 421", async () => {
    answering(ok);
    const answer = await once(
      ask().map(([name, value]) => [name, name === ":authority" ? "un.known" : value]),
    );
    expect(answer.fields.get(":status")).toBe("421");
  });

  test("for a name without a route get 404, CONNECT and TRACE 405, a head too large 431", async () => {
    answering(ok);
    const other = ask().map(([name, value]) => [name, name === ":authority" ? "other.test" : value] as const);
    expect((await once(other)).fields.get(":status")).toBe("404");
    const connect: Fields = [
      [":method", "CONNECT"],
      [":authority", "site.test:443"],
    ];
    expect((await once(connect)).fields.get(":status")).toBe("405");
    expect((await once(ask("/", [], "TRACE"))).fields.get(":status")).toBe("405");
    const many: Fields = Array.from({ length: 150 }, (_, at) => [`x-${at}`, "y"]);
    expect((await once(ask("/", many))).fields.get(":status")).toBe("431");
  });
});

describe("answers", () => {
  test("carry lower-case names and nothing of the upstream's connection", async () => {
    answering(
      "HTTP/1.1 200 Fine\r\nServer: up\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\n" +
        "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-LONG: " +
        "v".repeat(300) +
        "\r\nContent-Length: 2\r\n\r\nok",
    );
    const answer = await once();
    expect([...answer.fields]).toEqual([
      [":status", "200"],
      ["server", "up"],
      ["set-cookie", "a=1\nb=2"],
      ["x-long", "v".repeat(300)],
      ["content-length", "2"],
      ["date", expect.stringMatching(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/)],
    ]);
  });

  test.each([
    ["to HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "200"],
    ["204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", "204"],
    ["304", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: x\r\n\r\n", "304"],
    ["without content", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200"],
  ])("%s end with their head", async (_, method, text, status) => {
    answering(text);
    const client = await edge.connect();
    client.send(headers(1, ask("/", [], method)));
    const answer = await client.answer(1);
    expect(answer.fields.get(":status")).toBe(status);
    const own = client.frames().filter(({ streamId }) => streamId === 1);
    expect(own.map(({ type, flags }) => [type, flags])).toEqual([[Frame.headers, 5]]);
  });

  test("of all framings come whole: chunked with trailers, until close", async () => {
    answering(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n1\r\nd\r\n0\r\nX-Sum: 7\r\n\r\n",
    );
    const chunked = await once();
    expect(chunked.body.toString()).toBe("abcd");
    expect([...chunked.trailers!]).toEqual([["x-sum", "7"]]);
    expect(chunked.fields.has("transfer-encoding")).toBe(false);
    site((text, socket) => {
      if (!text.endsWith("\r\n\r\n")) return;
      socket.write("HTTP/1.1 200 OK\r\n\r\nuntil close");
      socket.end();
    });
    const closed = await once();
    expect(closed.body.toString()).toBe("until close");
    expect(closed.reset).toBeNull();
  });

  test("early hints come before", async () => {
    answering(`HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n${ok}`);
    const answer = await once();
    expect(answer.interim).toEqual(["103"]);
    expect(answer.body.toString()).toBe("ok");
  });

  test("a head of several frames arrives", async () => {
    const value = "v".repeat(7_000);
    answering(`HTTP/1.1 200 OK\r\nA: ${value}\r\nB: ${value}\r\nC: ${value}\r\nContent-Length: 2\r\n\r\nok`);
    const answer = await once();
    expect([answer.fields.get("a"), answer.fields.get("c"), answer.body.toString()]).toEqual([
      value,
      value,
      "ok",
    ]);
  });

  test("that break off are reset, not ended", async () => {
    for (const head of ["Content-Length: 9", "Transfer-Encoding: chunked"]) {
      site((text, socket) => {
        if (!text.endsWith("\r\n\r\n")) return;
        socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n4\r\nab`);
        setTimeout(() => socket.end(), 20);
      });
      const answer = await once();
      expect(answer.fields.get(":status")).toBe("200");
      expect(answer.reset).toBe(Code.internal);
    }
  });

  test("before the end of the request: it is not wanted any more", async () => {
    site((text) => (text.includes("\r\n\r\n") && !text.includes("HTTP/1.1 4") ? ok : undefined));
    const client = await edge.connect();
    client.send(headers(1, ask("/", [], "POST"), Flag.endHeaders), data(1, "abc", 0));
    const answer = await client.answer(1);
    expect(answer.fields.get(":status")).toBe("200");
    expect(await client.refused(1)).toBe(Code.none);
    // What was on its way is no fault.
    client.send(data(1, "more"));
    expect(await client.alive()).toBe(true);
  });

  test("413 comes whole before the rest of the request is refused", async () => {
    answering(ok, { limits: { ...noLimits, maxBodyBytes: 3 } });
    const client = await edge.connect();
    client.send(headers(1, ask("/", [["content-length", "30"]], "POST"), Flag.endHeaders), data(1, "abc", 0));
    const answer = await client.answer(1);
    expect(answer.fields.get(":status")).toBe("413");
    client.send(data(1, "def", 0));
    expect(await client.refused(1)).toBe(Code.none);
    const own = client.frames().filter(({ streamId }) => streamId === 1);
    expect(own.map(({ type }) => type)).toEqual([Frame.headers, Frame.data, Frame.reset]);
    // Whoever ends the request by itself is not reset.
    client.send(headers(3, ask("/", [["content-length", "4"]], "POST"), Flag.endHeaders));
    expect((await client.answer(3)).fields.get(":status")).toBe("413");
    client.send(data(3, "abcd"));
    expect(await client.alive()).toBe(true);
    expect(edge.edge.visitors.size).toBe(0);
    expect(client.frames().some((it) => it.streamId === 3 && it.type === Frame.reset)).toBe(false);
  });

  test("of the edge itself: limits, message pages, redirects, HSTS, a static file", async () => {
    answering(ok, {
      limits: { ...noLimits, requestsPerMinute: 1 },
      https: { redirect: true, hstsSeconds: 60 },
    });
    expect((await once()).fields.get("strict-transport-security")).toBe("max-age=60");
    const limited = await once();
    expect(limited.fields.get(":status")).toBe("429");
    expect(limited.fields.get("retry-after")).toBe("60");
    expect(limited.body.toString()).toContain("Too many requests");
    answering(ok, { limits: { ...noLimits, maxBodyBytes: 3 } });
    const large = await edge.connect();
    large.send(headers(1, ask("/", [], "POST"), Flag.endHeaders), data(1, "abcd", 0));
    expect((await large.answer(1)).fields.get(":status")).toBe("413");
    edge.route([routeTo(["site.test"], { kind: "redirect", host: "other.test", permanent: true })]);
    expect((await once(ask("/x?y"))).fields.get("location")).toBe("https://other.test/x?y");
    const folder = mkdtempSync(join(tmpdir(), "croft-h2-"));
    const big = Buffer.alloc(300_000, "0123456789");
    writeFileSync(join(folder, "big.bin"), big);
    edge.route([routeTo(["site.test"], { kind: "static", folder })]);
    const client = await edge.connect();
    client.send(frame(Frame.windowUpdate, 0, 0, number(10_000_000)), headers(1, ask("/big.bin")));
    await client.until(() => client.frames().filter(({ type }) => type === Frame.data).length >= 4);
    client.send(frame(Frame.windowUpdate, 0, 1, number(10_000_000)));
    expect((await client.answer(1)).body.equals(big)).toBe(true);
    rmSync(folder, { recursive: true });
  });
});

describe("in flight", () => {
  const stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

  test("events arrive as they are sent; who resets a stream cancels its upstream alone", async () => {
    let closed = 0;
    const upstream = Bun.listen<undefined>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data: (socket) => void socket.write(`${stream}5\r\nev: 1\r\n`),
        close: () => void closed++,
      },
    });
    edge.route([routeTo(["site.test"], toPort(upstream.port))]);
    const before = edge.edge.sessions.size;
    const client = await edge.connect();
    client.send(headers(1), headers(3));
    const eventsOf = (id: number): number =>
      client.frames().filter(({ type, streamId }) => type === Frame.data && streamId === id).length;
    await client.until(() => eventsOf(1) > 0 && eventsOf(3) > 0);
    client.send(frame(Frame.reset, 0, 1, number(Code.cancel)));
    while (closed < 1) await Bun.sleep(2);
    expect(await client.alive()).toBe(true);
    const { meter } = edge.edge.router.byId.get("site.test")!;
    expect(meter.active).toBe(1);
    // The connection's end cancels the rest.
    client.close();
    while (closed < 2) await Bun.sleep(2);
    expect(meter.active).toBe(0);
    while (edge.edge.sessions.size > before) await Bun.sleep(2);
    upstream.stop(true);
  });

  test("wait while their route holds, bodies too; who resets a stream waits no more", async () => {
    edge.route([routeTo(["site.test"], { kind: "hold", maxRequests: 9, maxMs: 60_000 })]);
    const client = await edge.connect();
    client.send(
      Buffer.concat([
        headers(1),
        headers(3, ask("/", [["content-length", "2"]], "POST"), Flag.endHeaders),
        headers(5),
      ]),
    );
    client.send(data(3, "hi"));
    while (heldByRoute(edge.edge)["site.test"] !== 3) await Bun.sleep(1);
    client.send(frame(Frame.reset, 0, 5, Uint8Array.of(0, 0, 0, 8)));
    while (heldByRoute(edge.edge)["site.test"] !== 2) await Bun.sleep(1);
    const upstream = site((text) => (/\r\n\r\n(hi)?$/.test(text) ? ok : undefined));
    releaseHeld(edge.edge);
    for (const id of [1, 3]) expect((await client.answer(id)).fields.get(":status")).toBe("200");
    expect(upstream.received().join("")).toContain("\r\n\r\nhi");
    expect(
      upstream
        .received()
        .join("")
        .match(/HTTP\/1\.1/g),
    ).toHaveLength(2);
    client.close();
  });

  test("a drained replica's requests end at its deadline", async () => {
    const upstream = site(() => undefined);
    const client = await edge.connect();
    client.send(headers(1));
    while (upstream.received().join("") === "") await Bun.sleep(2);
    expect(await drainReplicas(edge.edge, [replicaAt(upstream.port).replicaId], 50)).toBe(1);
    expect((await client.answer(1)).fields.get(":status")).toBe("503");
  });

  test("an upstream that is not there gives 502", async () => {
    const gone = startRawUpstream(() => undefined);
    gone.close();
    edge.route([routeTo(["site.test"], toPort(gone.port))]);
    expect((await once()).fields.get(":status")).toBe("502");
  });

  test("counts as over HTTP/1.1", async () => {
    const upstream = startRawUpstream((text) => (text.endsWith("\r\n\r\n") ? ok : undefined));
    upstreams.push(upstream);
    edge.route([routeTo(["site.test"], toPort(upstream.port), {}, "counted")]);
    const client = await edge.connect();
    client.send(headers(1), headers(3), headers(5));
    for (const id of [1, 3, 5]) await client.answer(id);
    const { meter } = edge.edge.router.byId.get("counted")!;
    expect([meter.requests, meter.status2xx, meter.active]).toEqual([3, 3, 0]);
    expect(meter.bytesOut).toBeGreaterThan(3 * ok.length - 1);
  });
});
