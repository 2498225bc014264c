import { expect, test } from "bun:test";
import { routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";
import { createAuthority } from "./tls/testing/authority.ts";
import { connectTls } from "./tls/testing/tls-client.ts";
import { startTlsEdge } from "./tls/testing/tls-fixture.ts";
import type { Edge } from "./state.ts";

const body = Buffer.alloc(30_000_000);
for (let at = 0; at < body.length; at += 4) body.writeUInt32LE(at, at);
const hashOf = (bytes: Uint8Array): string => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
const startBig = () => Bun.serve({ port: 0, development: false, fetch: () => new Response(body) });
const request = "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n";

/** What the visitor's side of the kernel has taken of an answer once no more goes. */
const takenOf = async (edge: Edge): Promise<number> => {
  const { meter } = edge.router.byId.get("site.test")!;
  for (let before = -1; ;) {
    const [visitor] = edge.visitors;
    const taken = meter.bytesOut - (visitor?.out.pendingBytes ?? 0);
    if (taken > 0 && taken === before) return taken;
    before = taken;
    await Bun.sleep(200);
  }
};

test("of what nobody reads the kernel keeps little, over TLS too", async () => {
  const server = startBig();
  const authority = createAuthority();
  const certificate = authority.issue(["site.test"]);
  const fixture = await startTlsEdge([routeTo(["site.test"], toPort(server.port!))], [certificate]);
  const plain = await connectRaw(fixture.port);
  plain.socket.pause();
  plain.send(request);
  // By itself it would be more than a megabyte.
  expect(await takenOf(fixture.edge)).toBeLessThan(700_000);
  plain.socket.terminate();
  const { meter } = fixture.edge.router.byId.get("site.test")!;
  while (meter.active > 0) await Bun.sleep(5);
  const before = meter.bytesOut;

  const secure = await connectTls(fixture.tlsPort, "site.test", { ca: authority.ca });
  secure.socket.pause();
  secure.send(request);
  expect((await takenOf(fixture.edge)) - before).toBeLessThan(700_000);
  secure.close();
  while (meter.active > 0) await Bun.sleep(5);
  await fixture.close();
  await server.stop(true);
  authority.remove();
}, 30_000);

test("whoever takes much gets it in large pieces, until it is slow; all arrives unchanged", async () => {
  const server = startBig();
  const fixture = startEdge([routeTo(["site.test"], toPort(server.port!))]);
  const client = await connectRaw(fixture.port);
  client.send(request);
  await client.until(() => client.bytes().length > 4_000_000);
  client.socket.pause();
  const [visitor] = fixture.edge.visitors;
  const { upstream } = visitor!.exchange!;
  expect(upstream!.wide).toBe(true);
  while (upstream!.wide) await Bun.sleep(20);
  expect(visitor!.exchange!.quick).toBe(false);
  client.socket.resume();
  let headLength = 0;
  while (headLength === 0 || client.bytes().length < headLength + body.length) {
    await Bun.sleep(20);
    headLength = client.bytes().indexOf("\r\n\r\n") + 4;
  }
  expect(hashOf(client.bytes().subarray(headLength))).toBe(hashOf(body));
  client.socket.terminate();
  await fixture.close();
  await server.stop(true);
}, 30_000);
