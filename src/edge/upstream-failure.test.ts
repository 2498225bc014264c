import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type EdgeFixture, replicaAt, routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";
import { okAnswer, type RawUpstream, startOkUpstream, startRawUpstream } from "./testing/raw-upstream.ts";

/** Which failures of a replica a visitor gets to see, and which requests are sent again. */

let fixture: EdgeFixture;
const upstreams: RawUpstream[] = [];
const site = (respond: Parameters<typeof startRawUpstream>[0]): RawUpstream => {
  const upstream = startRawUpstream(respond);
  upstreams.push(upstream);
  fixture.route([routeTo(["site.test"], toPort(upstream.port))]);
  return upstream;
};
const answering = (answer: string): RawUpstream =>
  site((text) => (text.endsWith("\r\n\r\n") ? answer : undefined));

beforeAll(() => {
  fixture = startEdge([], { newsMs: 100 });
});
afterAll(async () => {
  await fixture.close();
  for (const upstream of upstreams) upstream.close();
});

const host = "Host: site.test\r\n";
const get = `GET / HTTP/1.1\r\n${host}\r\n`;

describe("upstreams that fail", () => {
  /** A port on which nothing listens. */
  const deadPort = (): number => {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    listener.stop(true);
    return listener.port;
  };
  const status = async (request = get): Promise<string> => {
    const client = await connectRaw(fixture.port);
    client.send(request);
    const text = await client.until((text) => text.includes("\r\n\r\n"));
    client.close();
    return text.slice(9, 12);
  };

  test("refused connection: another replica, even for POST, since nothing was sent", async () => {
    const upstream = startOkUpstream();
    upstreams.push(upstream);
    const dead = deadPort();
    fixture.route([
      routeTo(["site.test"], { kind: "replicas", replicas: [replicaAt(dead), replicaAt(upstream.port)] }),
    ]);
    const post = `POST / HTTP/1.1\r\n${host}Content-Length: 2\r\n\r\nhi`;
    for (let i = 0; i < 4; i++) expect(await status(post)).toBe("200");
    expect(
      upstream
        .received()
        .join("")
        .match(/\r\n\r\nhi/g),
    ).toHaveLength(4);
  });

  test("all refuse: 502", async () => {
    fixture.route([
      routeTo(["site.test"], { kind: "replicas", replicas: [replicaAt(deadPort()), replicaAt(deadPort())] }),
    ]);
    expect(await status()).toBe("502");
    fixture.route([routeTo(["site.test"], toPort(deadPort()))]);
    expect(await status()).toBe("502");
  });

  test("no replica at all: 503", async () => {
    fixture.route([routeTo(["site.test"], { kind: "replicas", replicas: [] })]);
    expect(await status()).toBe("503");
  });

  /** Answers the first request of a connection, then closes it as the second one comes. */
  const closesOnSecond = (): RawUpstream =>
    site((text, socket) => {
      const requests = text.match(/ HTTP\/1\.1\r\n/g)!.length;
      if (requests === 1) return okAnswer;
      socket.terminate();
      return undefined;
    });

  test("a stale pooled connection: GET is sent again on a new one", async () => {
    const upstream = closesOnSecond();
    expect(await status()).toBe("200");
    expect(await status()).toBe("200");
    expect(upstream.connections).toHaveLength(2);
  });

  test("a stale pooled connection: POST is not sent twice", async () => {
    const upstream = closesOnSecond();
    const post = `POST / HTTP/1.1\r\n${host}Content-Length: 2\r\n\r\nhi`;
    expect(await status(post)).toBe("200");
    expect(await status(post)).toBe("502");
    expect(upstream.received()).toHaveLength(1);
  });

  test("a connection closed by the upstream while unused is not used", async () => {
    const upstream = answering(okAnswer);
    expect(await status()).toBe("200");
    for (const socket of upstream.connections) socket.end();
    await Bun.sleep(30);
    expect(await status(`DELETE / HTTP/1.1\r\n${host}\r\n`)).toBe("200");
    expect(upstream.received()).toHaveLength(2);
  });

  test("a new connection that breaks without an answer: 502, sent once", async () => {
    const upstream = site((_text, socket) => {
      socket.terminate();
    });
    expect(await status()).toBe("502");
    expect(upstream.received()).toHaveLength(1);
  });
});

describe("unix sockets", () => {
  test("a replica may listen on one", async () => {
    const unixPath = `/tmp/croft-edge-${process.pid}-${Date.now()}.sock`;
    const server = Bun.serve({
      unix: unixPath,
      fetch: (request) => new Response(new URL(request.url).pathname),
    });
    fixture.route([
      routeTo(["site.test"], { kind: "replicas", replicas: [{ replicaId: "u", address: { unixPath } }] }),
    ]);
    const client = await connectRaw(fixture.port);
    client.send(`GET /over-unix HTTP/1.1\r\n${host}\r\n`);
    await client.until((text) => text.endsWith("/over-unix"));
    client.close();
    await server.stop(true);
  });
});
