import { afterAll, beforeAll, expect, test } from "bun:test";
import { type EdgeFixture, replicaAt, routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw, exchangeRaw } from "./testing/raw-client.ts";
import {
  dated,
  okAnswer,
  type RawUpstream,
  splitRequests,
  startRawUpstream,
} from "./testing/raw-upstream.ts";

/** What is the app's business reaches it, and its visitors, as it is. */

let fixture: EdgeFixture;
const upstreams: RawUpstream[] = [];
const start = (respond: Parameters<typeof startRawUpstream>[0]): RawUpstream => {
  const upstream = startRawUpstream(respond);
  upstreams.push(upstream);
  return upstream;
};
const site = (respond: Parameters<typeof startRawUpstream>[0]): RawUpstream => {
  const upstream = start(respond);
  fixture.route([routeTo(["site.test"], toPort(upstream.port))]);
  return upstream;
};
beforeAll(() => {
  fixture = startEdge([], {
    headMs: 500,
    keepAliveMs: 500,
    bodyMs: 500,
    stallMs: 500,
    connectMs: 500,
    answerMs: 500,
    silenceMs: 1_500,
  });
});
afterAll(async () => {
  await fixture.close();
  for (const upstream of upstreams) upstream.close();
});

const host = "Host: site.test\r\n";
const wholeHead = (text: string): boolean => text.endsWith("\r\n\r\n");

const parts =
  "--cut\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/9\r\n\r\nab\r\n" +
  "--cut\r\nContent-Type: text/plain\r\nContent-Range: bytes 4-5/9\r\n\r\nef\r\n--cut--\r\n";
const answers = [
  `HTTP/1.1 206 Partial Content\r\n${dated}Content-Range: bytes 2-4/9\r\nETag: "v1"\r\nContent-Length: 3\r\n\r\ncde`,
  `HTTP/1.1 206 Partial Content\r\n${dated}Content-Type: multipart/byteranges; boundary=cut\r\nContent-Length: ${parts.length}\r\n\r\n${parts}`,
  `HTTP/1.1 416 Range Not Satisfiable\r\n${dated}Content-Range: bytes */9\r\nContent-Length: 0\r\n\r\n`,
  `HTTP/1.1 304 Not Modified\r\n${dated}ETag: "v1"\r\nCache-Control: max-age=5\r\nVary: Accept\r\n\r\n`,
  `HTTP/1.1 412 Precondition Failed\r\n${dated}Content-Length: 0\r\n\r\n`,
];

test("ranges and conditions are the app's to judge", async () => {
  const fields =
    'Range: bytes=2-4, -1\r\nIf-Range: "v1"\r\nIf-Match: "v1", W/"v0"\r\nIf-None-Match: *\r\n' +
    "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\nIf-Unmodified-Since: nonsense\r\n" +
    "Cache-Control: no-cache\r\nPragma: no-cache\r\n";
  for (const answer of answers) {
    const upstream = site((text) => (wholeHead(text) ? answer : undefined));
    const client = await connectRaw(fixture.port);
    client.send(`GET /a?b HTTP/1.1\r\n${host}${fields}\r\n`);
    expect(await client.until((text) => text.length >= answer.length)).toBe(answer);
    client.close();
    expect(upstream.received()[0]!).toContain(fields);
  }
});

test("trailers go both ways", async () => {
  const trailers = "X-Sum: 5\r\nX-Signed: yes\r\n";
  const upstream = site((text) =>
    text.endsWith("yes\r\n\r\n")
      ? `HTTP/1.1 200 OK\r\n${dated}Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n${trailers}\r\n`
      : undefined,
  );
  const client = await connectRaw(fixture.port);
  client.send(
    `POST / HTTP/1.1\r\n${host}Trailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n${trailers}\r\n`,
  );
  const text = await client.until((text) => text.endsWith("yes\r\n\r\n"));
  client.close();
  expect(text).toEndWith(`\r\n\r\n2\r\nok\r\n0\r\n${trailers}\r\n`);
  expect(text).toContain("Trailer: X-Sum\r\n");
  expect(upstream.received()[0]!).toEndWith(`\r\n\r\n5\r\nhello\r\n0\r\n${trailers}\r\n`);
});

test("a body waits for the app's word: its go-ahead, or its refusal", async () => {
  const expecting = `POST / HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`;
  site((text) =>
    text.endsWith("hello") ? okAnswer : wholeHead(text) ? "HTTP/1.1 100 Continue\r\n\r\n" : undefined,
  );
  const client = await connectRaw(fixture.port);
  client.send(expecting);
  await client.until((text) => text === "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  expect(await client.until((text) => text.endsWith("ok"))).toBe(`HTTP/1.1 100 Continue\r\n\r\n${okAnswer}`);
  client.close();
  const refusal = `HTTP/1.1 401 Unauthorized\r\n${dated}Content-Length: 0\r\n`;
  const upstream = site((text) => (wholeHead(text) ? `${refusal}\r\n` : undefined));
  // Whether the body follows is open, so the connection ends.
  expect(await exchangeRaw(fixture.port, expecting)).toBe(`${refusal}Connection: close\r\n\r\n`);
  expect(upstream.received()[0]!).toEndWith("\r\n\r\n");
});

test("a stream of events lives on heartbeats, past every other deadline", async () => {
  let send: (text: string) => void = () => {};
  site((text, socket) => {
    if (!wholeHead(text)) return undefined;
    send = (event) => void socket.write(event);
    return `HTTP/1.1 200 OK\r\n${dated}Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n`;
  });
  const client = await connectRaw(fixture.port);
  client.send(`GET / HTTP/1.1\r\n${host}\r\n`);
  await client.until(wholeHead);
  // Each pause is longer than the deadlines of whatever else there is; all together they are above that of silence.
  for (let i = 0; i < 3; i++) {
    await Bun.sleep(700);
    send("3\r\n:\n\n\r\n");
    await client.until((text) => text.split("3\r\n:\n\n\r\n").length === i + 2);
  }
  expect(await client.untilClosed()).toEndWith("3\r\n:\n\n\r\n");
});

test("an answer that drips on is no silence", async () => {
  site((text, socket) => {
    if (!wholeHead(text)) return undefined;
    let left = 5;
    const timer = setInterval(() => {
      socket.write("x");
      if (--left === 0) clearInterval(timer);
    }, 400);
    return `HTTP/1.1 200 OK\r\n${dated}Content-Length: 5\r\n\r\n`;
  });
  const client = await connectRaw(fixture.port);
  client.send(`GET / HTTP/1.1\r\n${host}\r\n`);
  expect(await client.until((text) => text.endsWith("x".repeat(5)))).toEndWith("\r\n\r\nxxxxx");
  client.close();
});

test("an upstream that takes nothing of a body is told from one that does not answer: 504 at the stall", async () => {
  site((_, socket) => void socket.pause());
  const client = await connectRaw(fixture.port);
  client.send(`POST / HTTP/1.1\r\n${host}Content-Length: 50000000\r\n\r\n`);
  const pouring = setInterval(() => client.closed() || client.send(Buffer.alloc(1_000_000)), 10);
  const text = await client.until((text) => text.includes("</html>"));
  clearInterval(pouring);
  expect(text).toStartWith("HTTP/1.1 504 ");
  client.socket.terminate();
});

test("replicas that break off: what may be sent twice is sent to two, anything else to one", async () => {
  const requests: [string, number][] = [
    [`GET / HTTP/1.1\r\n${host}\r\n`, 2],
    [`DELETE / HTTP/1.1\r\n${host}\r\n`, 2],
    [`GET / HTTP/1.1\r\n${host}Content-Length: 2\r\n\r\nhi`, 1],
    [`PUT / HTTP/1.1\r\n${host}Content-Length: 2\r\n\r\nhi`, 1],
    [`POST / HTTP/1.1\r\n${host}Content-Length: 0\r\n\r\n`, 1],
    [`PATCH / HTTP/1.1\r\n${host}\r\n`, 1],
  ];
  for (const [request, times] of requests) {
    const replicas = [1, 2, 3].map(() => start((_, socket) => void socket.terminate()));
    const targets = replicas.map(({ port }) => replicaAt(port));
    fixture.route([routeTo(["site.test"], { kind: "replicas", replicas: targets })]);
    const client = await connectRaw(fixture.port);
    client.send(request);
    expect(await client.until((text) => text.includes("</html>"))).toStartWith("HTTP/1.1 502 ");
    client.close();
    const asked = replicas.flatMap((replica) => replica.received().flatMap(splitRequests));
    expect([request, asked.length]).toEqual([request, times]);
  }
});

test("once more is once more: a kept connection that broke, a new one, and that is all", async () => {
  let kept = true;
  const first = start((text, socket) => {
    if (kept && text.split("\r\n\r\n").length === 2) return okAnswer;
    kept = false;
    socket.terminate();
    return undefined;
  });
  const second = start((_, socket) => void socket.terminate());
  const ask = async (): Promise<string> => {
    const client = await connectRaw(fixture.port);
    client.send(`GET / HTTP/1.1\r\n${host}\r\n`);
    const text = await client.until((text) => /ok$|<\/html>/.test(text));
    client.close();
    return text;
  };
  fixture.route([routeTo(["site.test"], { kind: "replicas", replicas: [replicaAt(first.port)] })]);
  expect(await ask()).toBe(okAnswer);
  const replicas = [replicaAt(first.port), replicaAt(second.port)];
  fixture.route([routeTo(["site.test"], { kind: "replicas", replicas })]);
  expect(await ask()).toStartWith("HTTP/1.1 502 ");
  const sent = [...first.received(), ...second.received()].flatMap(splitRequests);
  // The first request, the second one, and that once more.
  expect(sent).toHaveLength(3);
});

test("an answer that has begun is never asked for again", async () => {
  const first = start((_, socket) => {
    socket.write("HTTP/1.1 200 ");
    setTimeout(() => socket.terminate(), 20);
    return undefined;
  });
  const second = start(() => okAnswer);
  const replicas = [replicaAt(first.port), replicaAt(second.port)];
  fixture.route([routeTo(["site.test"], { kind: "replicas", replicas })]);
  const client = await connectRaw(fixture.port);
  client.send(`GET / HTTP/1.1\r\n${host}\r\n`);
  expect(await client.until((text) => text.includes("</html>"))).toStartWith("HTTP/1.1 502 ");
  client.close();
  expect(second.received()).toEqual([]);
});
