import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { routeTo } from "../testing/edge-fixture.ts";
import { type Authority, createAuthority } from "../tls/testing/authority.ts";
import { startTlsEdge, type TlsFixture } from "../tls/testing/tls-fixture.ts";

/** A real HAProxy in front, passing connections on as they are, TLS included. */

const app = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: async (request) => {
    const size = (await request.arrayBuffer()).byteLength;
    if (new URL(request.url).pathname === "/large") return new Response(Buffer.alloc(30_000_000, 7));
    const { headers } = request;
    return new Response(`${headers.get("x-forwarded-for")} ${headers.get("x-forwarded-proto")} ${size}`);
  },
});
const address = { host: "127.0.0.1", port: app.port! };
const routes = [routeTo(["site.test"], { kind: "replicas", replicas: [{ replicaId: "app", address }] })];

let authority: Authority;
let edge: TlsFixture;
let dir: string;
let haproxy: Bun.Subprocess;
/** By name of a backend. */
let ports: Record<string, number>;

const freePort = (): number => {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop(true);
  return listener.port;
};

beforeAll(async () => {
  authority = createAuthority();
  edge = await startTlsEdge(routes, [authority.issue(["site.test"])], {
    http2: true,
    trustedProxies: ["127.0.0.0/8"],
    proxyProtocol: true,
  });
  dir = mkdtempSync(join(tmpdir(), "croft-haproxy-"));
  writeFileSync(join(dir, "ca.crt"), authority.ca);
  const servers: [string, number, string][] = [
    ["plain1", edge.port, "send-proxy check check-send-proxy inter 100"],
    ["plain2", edge.port, "send-proxy-v2 check check-send-proxy inter 100"],
    ["tls1", edge.tlsPort, "send-proxy"],
    ["tls2", edge.tlsPort, "send-proxy-v2-ssl proxy-v2-options unique-id,crc32c"],
  ];
  ports = Object.fromEntries(servers.map(([name]) => [name, freePort()]));
  const config = servers.map(
    ([name, port, options]) =>
      `listen ${name}\n  bind 127.0.0.1:${ports[name]}\n  bind [::1]:${ports[name]}\n  server edge 127.0.0.1:${port} ${options}\n`,
  );
  const defaults = "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n";
  writeFileSync(join(dir, "haproxy.cfg"), `global\n  nbthread 1\n${defaults}${config.join("")}`);
  haproxy = Bun.spawn(["haproxy", "-q", "-db", "-f", join(dir, "haproxy.cfg")], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  const endsAtMs = performance.now() + 10_000;
  while ((await curl("plain1", "http")).code !== 0 && performance.now() < endsAtMs) await Bun.sleep(50);
}, 20_000);
afterAll(async () => {
  haproxy.kill();
  await haproxy.exited;
  await edge.close();
  authority.remove();
  rmSync(dir, { recursive: true });
  await app.stop(true);
});

/** A request from 127.0.0.77, or over IPv6. */
const curl = async (
  listener: string,
  scheme: "http" | "https",
  { path = "/", ipv6 = false, args = [] as string[] } = {},
): Promise<{ code: number; text: string; bytes: number }> => {
  const to = `site.test:${ports[listener]}:${ipv6 ? "[::1]" : "127.0.0.1"}`;
  const from = ipv6 ? [] : ["--interface", "127.0.0.77"];
  const common = ["--silent", "--max-time", "20", "--cacert", join(dir, "ca.crt"), "--resolve", to, ...from];
  const run = Bun.spawn(["curl", ...common, ...args, `${scheme}://site.test:${ports[listener]}${path}`], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const body = await new Response(run.stdout).bytes();
  return { code: await run.exited, text: Buffer.from(body.subarray(0, 200)).toString(), bytes: body.length };
};

const versions = "%{http_version}";

test.each(["plain1", "plain2"])("plain HTTP through %s", async (listener) => {
  expect((await curl(listener, "http")).text).toBe("127.0.0.77 http 0");
  expect((await curl(listener, "http", { ipv6: true })).text).toBe("::1 http 0");
});

test.each(["tls1", "tls2"])("HTTPS through %s, HTTP/1.1 and HTTP/2", async (listener) => {
  for (const [option, version] of [
    ["--http1.1", "1.1"],
    ["--http2", "2"],
  ] as const) {
    const args = [option, "--write-out", ` ${versions}`];
    expect((await curl(listener, "https", { args })).text).toBe(`127.0.0.77 https 0 ${version}`);
    expect((await curl(listener, "https", { args, ipv6: true })).text).toBe(`::1 https 0 ${version}`);
  }
});

test("much goes both ways through TLS behind a header", async () => {
  const large = join(dir, "large");
  writeFileSync(large, Buffer.alloc(20_000_000, 1));
  for (const option of ["--http1.1", "--http2"]) {
    const down = await curl("tls2", "https", { path: "/large", args: [option] });
    expect(down).toMatchObject({ code: 0, bytes: 30_000_000 });
    const up = await curl("tls2", "https", { args: [option, "--data-binary", `@${large}`] });
    expect(up.text).toBe("127.0.0.77 https 20000000");
  }
}, 60_000);

test("a slow reader behind a header gets all of it", async () => {
  const slow = await curl("tls1", "https", { path: "/large", args: ["--http1.1", "--limit-rate", "15M"] });
  expect(slow).toMatchObject({ code: 0, bytes: 30_000_000 });
}, 30_000);

test("HAProxy's own health checks find the edge up", async () => {
  // A check that were refused would have taken the server out after three rounds.
  await Bun.sleep(600);
  for (const listener of ["plain1", "plain2"])
    expect((await curl(listener, "http")).text).toBe("127.0.0.77 http 0");
});
