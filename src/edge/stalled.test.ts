import { dlopen } from "bun:ffi";
import { expect, test } from "bun:test";
import { boundUnread } from "./kernel-buffers.ts";
import { routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";

const { symbols } = dlopen("libc.so.6", {
  recv: { args: ["i32", "buffer", "u64", "i32"], returns: "i64" },
});
const dontWait = 0x40;
/** Slow enough that the edge can write nothing for longer than it waits, and quick enough that the kernel moves on. */
const bytesPerMs = 35;

test("who reads a little now and then is not given up, who reads nothing is", async () => {
  const body = Buffer.alloc(10_000_000, "croft");
  const server = Bun.serve({ port: 0, development: false, fetch: () => new Response(body) });
  const stallMs = 2_000;
  const fixture = startEdge([routeTo(["site.test"], toPort(server.port!))], { stallMs, sweepMs: 20 });
  const { edge } = fixture;
  const client = await connectRaw(fixture.port);
  client.socket.pause();
  // So that the kernel, too, takes small helpings.
  boundUnread(client.socket, { unreadBytes: 16 * 1024, unsentBytes: 0 });
  client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
  const written = (): number =>
    edge.router.byId.get("site.test")!.meter.bytesOut - ([...edge.visitors][0]?.out.pendingBytes ?? 0);
  while (edge.visitors.size === 0 || ![...edge.visitors][0]!.out.pendingBytes) await Bun.sleep(5);
  const [visitor] = edge.visitors;

  // Bun itself would read all that is there.
  const descriptor = (client.socket as unknown as { fd: number }).fd;
  const some = Buffer.alloc(4_096);
  const sinceMs = performance.now();
  let quietMs = 0;
  let before = written();
  let movedMs = sinceMs;
  for (let read = 0; performance.now() - sinceMs < 4 * stallMs; await Bun.sleep(20)) {
    while (read < (performance.now() - sinceMs) * bytesPerMs) {
      symbols.recv(descriptor, some, some.length, dontWait);
      read += some.length;
    }
    if (written() !== before) movedMs = performance.now();
    before = written();
    quietMs = Math.max(quietMs, performance.now() - movedMs);
  }
  expect(edge.visitors.has(visitor!)).toBe(true);
  // Otherwise this would show nothing: the edge itself could write nothing for longer than it waits.
  expect(quietMs).toBeGreaterThan(stallMs);

  while (edge.visitors.size > 0) await Bun.sleep(20);
  client.socket.terminate();
  await fixture.close();
  await server.stop(true);
}, 30_000);
