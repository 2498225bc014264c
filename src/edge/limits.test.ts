import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createBucket, takeToken } from "./limiter.ts";
import { tokensIn } from "./shared/rate-bucket.ts";
import { type EdgeFixture, routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";
import { okAnswer, type RawUpstream, startOkUpstream, startRawUpstream } from "./testing/raw-upstream.ts";

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

const host = "Host: site.test\r\n";
const answerTo = async (request: string): Promise<string> => {
  const client = await connectRaw(fixture.port);
  client.send(request);
  const text = await client.until((text) => text.endsWith("ok") || text.includes("</html>"));
  client.close();
  return text;
};
const get = `GET / HTTP/1.1\r\n${host}\r\n`;

describe("body size", () => {
  test("at the limit passes, above it is 413: by length before anything is forwarded", async () => {
    fixture.route([routeTo(["site.test"], toPort(upstream.port), { maxBodyBytes: 4 })]);
    expect(await answerTo(`POST / HTTP/1.1\r\n${host}Content-Length: 4\r\n\r\nabcd`)).toStartWith(
      "HTTP/1.1 200",
    );
    const before = upstream.received().join("").length;
    expect(await answerTo(`POST / HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nabcde`)).toStartWith(
      "HTTP/1.1 413",
    );
    expect(
      await answerTo(`POST / HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 5\r\n\r\n`),
    ).toStartWith("HTTP/1.1 413");
    expect(upstream.received().join("").length).toBe(before);
  });

  test("chunked is counted as it comes, without the chunks' own bytes", async () => {
    const chunked = `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n`;
    expect(await answerTo(`${chunked}1\r\na\r\n1\r\nb\r\n2\r\ncd\r\n0\r\n\r\n`)).toStartWith("HTTP/1.1 200");
    expect(await answerTo(`${chunked}1\r\na\r\n1\r\nb\r\n3\r\ncde\r\n0\r\n\r\n`)).toStartWith("HTTP/1.1 413");
  });

  test("a refused upload that keeps coming still lets the visitor read the answer", async () => {
    const client = await connectRaw(fixture.port);
    client.send(`POST / HTTP/1.1\r\n${host}Content-Length: 3000000\r\n\r\n`);
    for (let i = 0; i < 30; i++) client.send("x".repeat(100_000));
    await client.until((text) => text.includes("</html>"));
    expect(client.text()).toStartWith("HTTP/1.1 413");
    client.close();
  });
});

describe("requests per minute", () => {
  test("the bucket empties into 429 with Retry-After, and keeps its filling over a new table", async () => {
    const routes = (): void =>
      fixture.route([routeTo(["site.test"], toPort(upstream.port), { requestsPerMinute: 5 })]);
    routes();
    const statuses: string[] = [];
    for (let i = 0; i < 7; i++) {
      if (i === 3) routes();
      const text = await answerTo(get);
      statuses.push(text.slice(9, 12));
      if (i < 5) expect(text).not.toContain("RateLimit");
      if (i !== 6) continue;
      expect(text).toMatch(/\r\nRetry-After: (1[12])\r\n(?:.*\r\n)*RateLimit-Reset: \1\r\n/);
      expect(text).toContain("\r\nRateLimit-Limit: 5\r\nRateLimit-Remaining: 0\r\n");
      expect(text).toContain("\r\nRateLimit-Policy: 5;w=60\r\n");
    }
    expect(statuses).toEqual(["200", "200", "200", "200", "200", "429", "429"]);
  });

  test("one visitor has a limit of its own, which takes none of the site's", async () => {
    fixture.route([
      routeTo(
        ["site.test"],
        toPort(upstream.port),
        { requestsPerMinute: 4, clientRequestsPerMinute: 2 },
        "clients",
      ),
    ]);
    expect(await answerTo(get)).toStartWith("HTTP/1.1 200");
    expect(await answerTo(get)).toStartWith("HTTP/1.1 200");
    for (let i = 0; i < 5; i++) expect(await answerTo(get)).toContain("\r\nRateLimit-Limit: 2\r\n");
    const { bucket } = fixture.edge.router.byHost.get("site.test")!;
    expect(tokensIn(bucket!, fixture.edge.now())).toBeGreaterThanOrEqual(2);
  });

  test("tokens come back with time, never more than a minute's worth", () => {
    const bucket = createBucket(60, 0);
    for (let i = 0; i < 60; i++) expect(takeToken(bucket, 0)).toBe(0);
    expect(takeToken(bucket, 0)).toBe(1);
    expect(takeToken(bucket, 999)).toBe(1);
    expect(takeToken(bucket, 1_000)).toBe(0);
    expect(takeToken(bucket, 1_000)).toBe(1);
    for (let i = 0; i < 60; i++) expect(takeToken(bucket, 10_000_000)).toBe(0);
    expect(takeToken(bucket, 10_000_000)).toBe(1);
  });

  test("one a minute and none at all say how long to wait", () => {
    const slow = createBucket(1, 0);
    expect(takeToken(slow, 0)).toBe(0);
    expect(takeToken(slow, 15_000)).toBe(45);
    expect(takeToken(createBucket(0, 0), 1_000_000)).toBe(60);
  });
});

describe("concurrent requests", () => {
  test("above the limit 503 with Retry-After; room again when one has ended", async () => {
    const release: (() => void)[] = [];
    const slow = startRawUpstream((text, socket) => {
      if (text.endsWith("\r\n\r\n")) release.push(() => socket.write(okAnswer));
      return undefined;
    });
    fixture.route([
      routeTo(
        ["site.test"],
        toPort(slow.port),
        { concurrentRequests: 2, requestsPerMinute: 3 },
        "concurrent",
      ),
    ]);
    const first = answerTo(get);
    const second = answerTo(get);
    while (release.length < 2) await Bun.sleep(1);
    const refused = await answerTo(get);
    expect(refused).toStartWith("HTTP/1.1 503");
    expect(refused).toContain("\r\nRetry-After: 1\r\n");
    release[0]!();
    release[1]!();
    expect(await first).toEndWith("ok");
    expect(await second).toEndWith("ok");
    // The refused one took no token of the three.
    const third = answerTo(get);
    while (release.length < 3) await Bun.sleep(1);
    release[2]!();
    expect(await third).toEndWith("ok");
    slow.close();
  });
});

test("a message route shows its page, with Retry-After when it says 503", async () => {
  const message = { kind: "message", status: 503, title: "Asleep", message: "a < b & 'c'" } as const;
  fixture.route([routeTo(["site.test"], message)]);
  const text = await answerTo(get);
  expect(text).toStartWith("HTTP/1.1 503 Service Unavailable\r\n");
  expect(text).toMatch(/\r\nRetry-After: \d+\r\n/);
  expect(text).toContain("a &lt; b &amp; &#39;c&#39;");
  fixture.route([routeTo(["site.test"], { ...message, status: 404 })]);
  expect(await answerTo(get)).not.toContain("Retry-After");
});
