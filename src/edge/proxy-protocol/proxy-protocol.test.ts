import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { connect } from "node:tls";
import type { EdgeHealth } from "../../domain/edge.ts";
import { createEdgeClient } from "../client.ts";
import { connectRaw, exchangeRaw } from "../testing/raw-client.ts";
import { routeTo } from "../testing/edge-fixture.ts";
import { type Authority, createAuthority } from "../tls/testing/authority.ts";
import { startTlsEdge, type TlsFixture } from "../tls/testing/tls-fixture.ts";

/** An app that answers what it was told of where the visitor is. */
const app = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: async (request) => {
    const { headers } = request;
    const size = (await request.arrayBuffer()).byteLength;
    return new Response(`${headers.get("x-forwarded-for")} ${headers.get("x-forwarded-proto")} ${size}`);
  },
});
const target = {
  kind: "replicas" as const,
  replicas: [{ replicaId: "app", address: { host: "127.0.0.1", port: app.port! } }],
};
const routes = [routeTo(["site.test"], target)];

let authority: Authority;
let edge: TlsFixture;
let stranger: TlsFixture;
beforeAll(async () => {
  authority = createAuthority();
  const certificates = [authority.issue(["site.test"])];
  const options = { http2: true, handshakeMs: 300, deadlines: { headMs: 300 }, proxyProtocol: true };
  edge = await startTlsEdge(routes, certificates, { ...options, trustedProxies: ["127.0.0.0/8", "::1"] });
  stranger = await startTlsEdge(routes, certificates, { ...options, trustedProxies: ["192.0.2.0/24"] });
});
afterAll(async () => {
  await edge.close();
  await stranger.close();
  authority.remove();
  await app.stop(true);
});

const get = "GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n";
const line = "PROXY TCP4 203.0.113.9 10.0.0.1 50000 443\r\n";
const binary = (command: number, family: number, body: number[]): Buffer =>
  Buffer.from(
    [..."\r\n\r\n\0\r\nQUIT\n"].map((c) => c.charCodeAt(0)).concat(command, family, 0, body.length, ...body),
  );

const over = (rest: Buffer | string): Promise<string> =>
  exchangeRaw(edge.port, Buffer.concat([Buffer.from(rest as string), Buffer.from(get)]).toString("latin1"));
const latin = (bytes: Buffer): Promise<string> => exchangeRaw(edge.port, bytes.toString("latin1") + get);

test("plain HTTP: the visitor is who the header names", async () => {
  expect(await over(line)).toEndWith("\r\n\r\n203.0.113.9 http 0");
  expect(await over("PROXY TCP6 2001:DB8::0009 ::1 50000 443\r\n")).toEndWith("2001:db8::9 http 0");
  expect(await latin(binary(0x21, 0x11, [203, 0, 113, 8, 10, 0, 0, 1, 1, 1, 1, 1]))).toEndWith(
    "203.0.113.8 http 0",
  );
  const ssl = [203, 0, 113, 8, 10, 0, 0, 1, 1, 1, 1, 1, 0x20, 0, 5, 1, 0, 0, 0, 0];
  expect(await latin(binary(0x21, 0x11, ssl))).toEndWith("203.0.113.8 https 0");
});

test("a connection of the proxy's own has the proxy's address", async () => {
  expect(await latin(binary(0x20, 0, []))).toEndWith("127.0.0.1 http 0");
  expect(await over("PROXY UNKNOWN\r\n")).toEndWith("127.0.0.1 http 0");
});

test("every visitor on it is the same one, and what they claim in fields is not believed", async () => {
  const client = await connectRaw(edge.port);
  client.send(`${line}${get.replace("Connection: close", "X-Forwarded-For: 6.6.6.6")}`);
  await client.until((text) => text.endsWith(" 0"));
  client.send(get);
  expect((await client.untilClosed()).match(/203\.0\.113\.9 http 0/g)).toHaveLength(2);
});

test("a header that comes byte by byte is read, one that takes too long is not waited for", async () => {
  const client = await connectRaw(edge.port);
  for (const byte of line) {
    client.send(byte);
    await Bun.sleep(1);
  }
  client.send(get);
  expect(await client.untilClosed()).toEndWith("203.0.113.9 http 0");
  const slow = await connectRaw(edge.port);
  slow.send("PROXY TCP4 203.0");
  const dripping = setInterval(() => slow.closed() || slow.send("1"), 50);
  expect(await slow.untilClosed()).toBe("");
  clearInterval(dripping);
});

test.each([
  ["none", get],
  ["malformed", `PROXY TCP4 203.0.113.9\r\n${get}`],
  ["endless", `PROXY TCP4 ${"9".repeat(500)}`],
  ["twice", line + line + get],
])("a trusted proxy's header: %s is not served", async (_, bytes) => {
  const answer = await exchangeRaw(edge.port, bytes);
  expect(answer).not.toContain("200 OK");
});

test("nobody else may send one, and everybody else needs none", async () => {
  expect(await exchangeRaw(stranger.port, line + get)).toStartWith("HTTP/1.1 400 ");
  expect(await exchangeRaw(stranger.port, get)).toEndWith("127.0.0.1 http 0");
  expect(await overTls(stranger.tlsPort, "")).toEndWith("127.0.0.1 https 0");
  await expect(overTls(stranger.tlsPort, line)).rejects.toThrow();
});

/** A request over TLS that begins behind the given bytes, sent in one piece with the handshake's first. */
const overTls = async (port: number, before: Buffer | string, request = get): Promise<string> => {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const raw = createConnection({ host: "127.0.0.1", port });
  let sent = Buffer.from(before as string);
  const joined = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      raw.write(Buffer.concat([sent, chunk]), () => done());
      sent = Buffer.alloc(0);
    },
    final(done) {
      raw.end(() => done());
    },
  });
  raw.on("data", (data) => joined.push(data));
  raw.on("end", () => joined.push(null));
  raw.on("error", reject);
  const socket = connect({ socket: joined, servername: "site.test", ca: authority.ca });
  let text = "";
  socket.on("data", (data: Buffer) => (text += data.toString("latin1")));
  socket.on("error", reject);
  socket.on("close", () => (text === "" ? reject(new Error("no answer")) : resolve(text)));
  socket.on("end", () => resolve(text));
  socket.write(request);
  return promise.finally(() => raw.destroy());
};

test("TLS: the header comes before the handshake, in one piece with it or not", async () => {
  expect(await overTls(edge.tlsPort, line)).toEndWith("203.0.113.9 https 0");
  expect(await overTls(edge.tlsPort, binary(0x20, 0, []))).toEndWith("127.0.0.1 https 0");
  await expect(overTls(edge.tlsPort, "")).rejects.toThrow();
  await expect(overTls(edge.tlsPort, "PROXY TCP4 x\r\n")).rejects.toThrow();
});

test("TLS: whoever sends neither header nor handshake is not waited for", async () => {
  const silent = await connectRaw(edge.tlsPort);
  const half = await connectRaw(edge.tlsPort);
  half.send("PROXY TCP4");
  const introduced = await connectRaw(edge.tlsPort);
  introduced.send(line);
  for (const client of [silent, half, introduced]) expect(await client.untilClosed()).toBe("");
});

test("the edge's process is told by an option, and says so", async () => {
  const dir = mkdtempSync(join(tmpdir(), "croft-edge-"));
  const argv = [join(import.meta.dir, "../entry.ts"), "edge", "--dir", dir, "--listen", "127.0.0.1:0"];
  const child = Bun.spawn([process.execPath, ...argv, "--proxy-protocol", "on"], {
    stdio: ["ignore", "ignore", "ignore"],
  });
  try {
    const client = createEdgeClient(dir);
    let health: EdgeHealth | null = null;
    while (child.exitCode === null && health === null) health = await client.health().catch(() => null);
    expect(health).toMatchObject({ proxyProtocol: true });
    await client.putTable({ version: 1, routes, trustedProxies: ["127.0.0.0/8"] });
    const port = Number(health!.listening[0]!.split(":").at(-1));
    expect(await exchangeRaw(port, line + get)).toEndWith("203.0.113.9 http 0");
  } finally {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(dir, { recursive: true });
  }
});
