import { describe, expect, test } from "bun:test";
import { connect as connectHttp2 } from "node:http2";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { startOkUpstream, startRawUpstream } from "../testing/raw-upstream.ts";
import { stopVisitors } from "../stop.ts";
import { leaveNow, leaveSoon } from "./session-end.ts";
import { Code, Flag, Frame, preface } from "./protocol.ts";
import { ask, frame, headers } from "./testing/h2-client.ts";
import { startH2Edge } from "./testing/h2-fixture.ts";

/** A connection from its first byte to its last, and the clients that people use. */

describe("deadlines", () => {
  test.each<[string, Uint8Array, number | null]>([
    ["who says nothing", new Uint8Array(), null],
    ["who stops within the preface", preface.subarray(0, 9), null],
    [
      "who never ends a header block",
      Buffer.concat([preface, frame(4, 0, 0), headers(1, ask(), 0)]),
      Code.enhanceYourCalm,
    ],
    [
      "who never ends a frame",
      Buffer.concat([preface, frame(4, 0, 0), headers(1).subarray(0, 20)]),
      Code.none,
    ],
    ["who asks for nothing", Buffer.concat([preface, frame(4, 0, 0)]), Code.none],
  ])("%s is asked to go, and then closed", async (_, hello, code) => {
    const edge = await startH2Edge([], { headMs: 150, keepAliveMs: 300, leaveMs: 50, lingerMs: 50 });
    const client = await edge.connect(hello);
    await client.until(() => false);
    expect(client.closed()).toBe(true);
    expect(client.frames()[0]!.type).toBe(Frame.settings);
    const said = client.frames().filter(({ type }) => type === Frame.goAway);
    expect(said.at(-1)?.payload.readUInt32BE(4) ?? null).toBe(code);
    while (edge.edge.sessions.size > 0) await Bun.sleep(2);
    await edge.close();
  });

  test("an answer that does not come gives 504, a body that stops 408, on their streams alone", async () => {
    const silent = startRawUpstream(() => undefined);
    const edge = await startH2Edge([routeTo(["site.test"], toPort(silent.port))], {
      answerMs: 100,
      bodyMs: 100,
    });
    const client = await edge.connect();
    client.send(headers(1), headers(3, ask("/", [["content-length", "9"]], "POST"), Flag.endHeaders));
    expect((await client.answer(1)).fields.get(":status")).toBe("504");
    expect((await client.answer(3)).fields.get(":status")).toBe("408");
    expect(await client.alive()).toBe(true);
    await edge.close();
    silent.close();
  });

  test("who reads nothing of an answer loses the stream, and who reads nothing at all the connection", async () => {
    const server = Bun.serve({
      port: 0,
      development: false,
      fetch: () => new Response(Buffer.alloc(1_000_000)),
    });
    const edge = await startH2Edge([routeTo(["site.test"], toPort(server.port!))], { stallMs: 200 });
    const client = await edge.connect();
    client.send(headers(1));
    expect((await client.answer(1)).reset).toBe(Code.internal);
    expect(await client.alive()).toBe(true);
    expect(edge.edge.visitors.size).toBe(0);
    await edge.close();
    await server.stop(true);
  });
});

describe("leaving", () => {
  const start = async () => {
    let answer = (): void => {};
    const upstream = startRawUpstream((text, socket) => {
      if (!text.includes("/slow")) return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
      answer = () => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow");
      return undefined;
    });
    const edge = await startH2Edge([routeTo(["site.test"], toPort(upstream.port))], { leaveMs: 100 });
    const client = await edge.connect();
    client.send(headers(1, ask("/slow")));
    while (upstream.received().join("") === "") await Bun.sleep(2);
    return { upstream, edge, client, answer: () => answer() };
  };
  const goAways = (client: { frames(): { type: number; payload: Buffer }[] }): number[] =>
    client
      .frames()
      .filter(({ type }) => type === Frame.goAway)
      .map(({ payload }) => payload.readUInt32BE(0));

  test("what is asked before the visitor knows is served, what comes after is not; then the end", async () => {
    const { upstream, edge, client, answer } = await start();
    const [session] = edge.edge.sessions;
    leaveSoon(session!);
    await client.until(() => goAways(client).length === 1);
    client.send(headers(3));
    expect((await client.answer(3)).body.toString()).toBe("ok");
    leaveNow(session!);
    await client.until(() => goAways(client).length === 2);
    expect(goAways(client)).toEqual([2 ** 31 - 1, 3]);
    client.send(headers(5));
    await Bun.sleep(50);
    expect(upstream.received().join("").match(/GET/g)).toHaveLength(2);
    answer();
    expect((await client.answer(1)).body.toString()).toBe("slow");
    await client.until(() => false);
    expect(client.closed()).toBe(true);
    expect(client.frames().some(({ streamId }) => streamId === 5)).toBe(false);
    await edge.close();
    upstream.close();
  });

  test("when the edge stops: nothing in flight is lost, whoever has nothing goes at once", async () => {
    const { upstream, edge, client, answer } = await start();
    const idle = await edge.connect();
    expect(await idle.alive()).toBe(true);
    edge.edge.stopping = true;
    const stopped = stopVisitors(edge.edge);
    await idle.until(() => false);
    expect(idle.closed()).toBe(true);
    expect(client.closed()).toBe(false);
    answer();
    expect((await client.answer(1)).body.toString()).toBe("slow");
    await stopped;
    expect(edge.edge.sessions.size).toBe(0);
    await edge.close();
    upstream.close();
  });

  test("a visitor's GOAWAY: its requests are answered first", async () => {
    const { upstream, edge, client, answer } = await start();
    client.send(frame(Frame.goAway, 0, 0, Buffer.alloc(8)));
    expect(await client.alive()).toBe(true);
    answer();
    expect((await client.answer(1)).body.toString()).toBe("slow");
    await client.until(() => false);
    expect(client.closed()).toBe(true);
    await edge.close();
    upstream.close();
  });

  test("at capacity an idle connection goes for another one; requests beyond are refused", async () => {
    const { upstream, edge, client } = await start();
    const idle = await edge.connect();
    expect(await idle.alive()).toBe(true);
    // One connection, its stream, and the idle connection.
    (edge.edge.capacity as { visitors: number }).visitors = 3;
    client.send(headers(3));
    expect((await client.answer(3)).body.toString()).toBe("ok");
    await idle.until(() => false);
    expect(idle.closed()).toBe(true);
    client.send(headers(5, ask("/slow")), headers(7));
    expect(await client.refused(7)).toBe(Code.refusedStream);
    await edge.close();
    upstream.close();
  });
});

describe("clients", () => {
  test("curl, nghttp, h2load and node:http2 get their answers", async () => {
    const upstream = startOkUpstream();
    const edge = await startH2Edge([routeTo(["site.test", "localhost"], toPort(upstream.port))]);
    const url = `https://localhost:${edge.tlsPort}/`;
    const said = async (...argv: string[]): Promise<string> => {
      const run = Bun.spawn(argv, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
      return (await new Response(run.stdout).text()) + (await new Response(run.stderr).text());
    };
    expect(await said("curl", "-sk", "--http2", "-w", " %{http_version} %{response_code}", url)).toBe(
      "ok 2 200",
    );
    expect(await said("curl", "-sk", "--http1.1", "-w", " %{http_version}", url)).toBe("ok 1.1");
    const nghttp = await said("nghttp", "-ny", "--stat", "-m", "50", url);
    expect(nghttp.match(/ 200 +2 \/$/gm)).toHaveLength(50);
    const load = await said("h2load", "-n2000", "-c4", "-m20", url);
    expect(load).toContain("2000 succeeded, 0 failed, 0 errored");
    const session = connectHttp2(url, { ca: edge.ca });
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, at) => {
        const stream = session.request({ ":path": `/${at}`, ":method": "POST", cookie: ["a=1", "b=2"] });
        stream.end("x".repeat(at * 100));
        let body = "";
        for await (const part of stream) body += part;
        return body;
      }),
    );
    expect(answers.every((body) => body === "ok")).toBe(true);
    session.close();
    await edge.close();
    upstream.close();
  }, 30_000);
});
