import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Route } from "../domain/edge.ts";
import { swapTable } from "./router.ts";
import { networksOf } from "./rules/networks.ts";
import { type EdgeFixture, routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { exchangeRaw } from "./testing/raw-client.ts";
import { type RawUpstream, startOkUpstream } from "./testing/raw-upstream.ts";
import { readProvenance } from "./trusted-proxies.ts";

let fixture: EdgeFixture;
let upstream: RawUpstream;
beforeAll(() => {
  fixture = startEdge([]);
});
afterAll(() => fixture.close());
beforeEach(() => {
  upstream = startOkUpstream();
});
afterEach(() => upstream.close());

let version = 1000;
const table = (trustedProxies: string[], change: Partial<Route> = {}): void => {
  const routes = [{ ...routeTo(["site.test"], toPort(upstream.port)), ...change }];
  swapTable(fixture.edge.router, { version: ++version, routes, trustedProxies }, 0, 0);
};
const get = (fields: string): Promise<string> =>
  exchangeRaw(fixture.port, `GET / HTTP/1.1\r\nHost: site.test\r\n${fields}Connection: close\r\n\r\n`);
const claims =
  "X-Forwarded-For: 6.6.6.6, 198.51.100.7, 127.0.0.9\r\nX-Forwarded-Proto: https\r\nX-Request-Id: from-proxy\r\n";

test("claims of a trusted proxy go on, cleaned; everybody else's are replaced", async () => {
  table(["127.0.0.0/8"]);
  await get(claims);
  let seen = upstream.received().join("");
  expect(seen.match(/x-forwarded-for: .*/gi)).toEqual(["X-Forwarded-For: 198.51.100.7"]);
  expect(seen).toContain("\r\nX-Forwarded-Proto: https\r\nForwarded: for=198.51.100.7;proto=https\r\n");
  expect(seen.match(/x-request-id: .*/gi)).toEqual(["X-Request-Id: from-proxy"]);
  for (const trusted of [[], ["192.0.2.0/24"]]) {
    upstream.close();
    upstream = startOkUpstream();
    table(trusted);
    await get(claims);
    seen = upstream.received().join("");
    expect(seen).toContain("\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n");
    expect(seen).not.toMatch(/6\.6\.6\.6|198\.51|from-proxy/);
  }
});

test("rules and limits are for the visitor behind the proxy, and HTTPS at the proxy is HTTPS", async () => {
  table(["127.0.0.0/8"], { rules: { deny: ["198.51.100.0/24"] } });
  expect(await get(claims)).toStartWith("HTTP/1.1 403");
  expect(await get("X-Forwarded-For: 203.0.113.9\r\n")).toStartWith("HTTP/1.1 200");
  table(["127.0.0.0/8"], {
    limits: {
      maxBodyBytes: 1e9,
      requestsPerMinute: null,
      concurrentRequests: null,
      clientRequestsPerMinute: 1,
    },
    https: { redirect: true, hstsSeconds: 60 },
  });
  const first = await get(claims);
  expect(first).toStartWith("HTTP/1.1 200");
  expect(first).toContain("\r\nStrict-Transport-Security: max-age=60\r\n");
  expect(await get(claims)).toStartWith("HTTP/1.1 429");
  expect(await get("X-Forwarded-For: 203.0.113.9\r\n")).toStartWith("HTTP/1.1 200");
});

test("requests have ids of their own", async () => {
  table([]);
  for (let i = 0; i < 40; i++) await get("");
  const ids = upstream
    .received()
    .join("")
    .match(/X-Request-Id: .*/g)!;
  expect(new Set(ids).size).toBe(40);
});

test("a chain is read from its end, and no further than it can be believed", () => {
  const trusted = networksOf(["10.0.0.0/8", "2001:db8::/32"]);
  const client = (chain: string) =>
    readProvenance(`GET / HTTP/1.1\r\nX-Forwarded-For: ${chain}\r\n\r\n`, trusted).address;
  expect(client("6.6.6.6, 203.0.113.1, 10.1.1.1")).toBe("203.0.113.1");
  expect(client("203.0.113.1:4711, [2001:db8::1]:80")).toBe("203.0.113.1");
  expect(client("10.0.0.2, 10.0.0.1")).toBe("10.0.0.2");
  expect(client("6.6.6.6, unknown, 10.0.0.1")).toBe("10.0.0.1");
  expect(client("<script>")).toBeNull();
  expect(
    readProvenance("GET / HTTP/1.1\r\nX-Request-Id: a b\r\nX-Forwarded-Proto: gopher\r\n\r\n", trusted),
  ).toEqual({
    address: null,
    secure: null,
    requestId: null,
  });
});
