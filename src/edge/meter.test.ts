import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fineBucketOf, latencyBucketOf } from "../domain/latency-histogram.ts";
import { silentLog } from "../domain/log.ts";
import { writeAtomically } from "./atomic-file.ts";
import { type MeterStore, openMeterStore } from "./meter-store.ts";
import { countAnswer, countLatency, createMeter, readingOf } from "./meter.ts";
import { createTableStore } from "./table-store.ts";
import { noLimits, routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";
import { okAnswer, startOkUpstream } from "./testing/raw-upstream.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-edge-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

describe("what is counted", () => {
  test("requests by class, bytes of heads and bodies as the visitor sees them, latency", async () => {
    const upstream = startOkUpstream();
    const fixture = startEdge([
      routeTo(["site.test"], toPort(upstream.port), {}, "a"),
      routeTo(["moved.test"], { kind: "message", status: 302, title: "", message: "" }, {}, "b"),
      routeTo(["asleep.test"], { kind: "message", status: 503, title: "", message: "" }, {}, "b2"),
    ]);
    const client = await connectRaw(fixture.port);
    const requests = [
      "GET / HTTP/1.1\r\nHost: site.test\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ];
    for (const [at, request] of requests.entries()) {
      client.send(request);
      await client.until((text) => text === okAnswer.repeat(at + 1));
    }
    const { meter } = fixture.edge.router.byId.get("a")!;
    expect(meter).toMatchObject({
      requests: 3,
      status2xx: 3,
      status4xx: 0,
      active: 0,
      bytesIn: requests.join("").length,
      bytesOut: okAnswer.length * 3,
    });
    expect(meter.latency.reduce((sum, n) => sum + n, 0)).toBe(3);
    expect(meter.latencySumMs).toBeGreaterThan(0);
    for (const host of ["moved.test", "asleep.test", "asleep.test"])
      client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await client.until((text) => text.match(/<\/html>/g)?.length === 3);
    expect(fixture.edge.router.byId.get("b")!.meter).toMatchObject({ requests: 1, status3xx: 1 });
    expect(fixture.edge.router.byId.get("b2")!.meter).toMatchObject({ requests: 2, status5xx: 2 });
    client.close();
    await fixture.close();
    upstream.close();
  });
});

/** Each stands for a process that has ended by the time the next one is opened. */
let processes = 0;
const openStore = (wallMs: number): MeterStore => {
  const store = openMeterStore(dir, `${++processes}-1-00000000`, silentLog, wallMs, null);
  store.fold();
  store.save();
  return store;
};
const files = () => readdirSync(dir).filter((name) => name.startsWith("meters"));

describe("the meter file", () => {
  test("brings counters and epoch back, without what was active", () => {
    const store = openStore(1);
    const meter = createMeter(1);
    store.meters.set("a", meter);
    const counted = { target: { meter }, status: 0, bytesIn: 0, bytesOut: 0 };
    countAnswer(counted, 200);
    countAnswer(counted, 503);
    countLatency(meter, 12.5);
    meter.bytesIn = 7;
    meter.active = 3;
    store.save();
    const again = openStore(2);
    expect(again.epoch).toBe(store.epoch);
    expect(readingOf(again.meters.get("a")!)).toEqual({ ...readingOf(meter), active: 0 });
  });

  test("of an edge that counted latencies in wider buckets is read at the same times", () => {
    const path = join(dir, "meters.json");
    const store = openStore(1);
    for (const name of files()) rmSync(join(dir, name));
    const { latency: _, ...counters } = readingOf(createMeter(1));
    const old = {
      epoch: store.epoch,
      meters: {
        a: {
          ...counters,
          seenAtMs: 1,
          latency: [
            [40, 7],
            [120, 2],
          ],
        },
      },
    };
    writeAtomically(path, JSON.stringify(old), false);
    const { latency } = openStore(2).meters.get("a")!;
    // 0.25 ms × 1.12^39.5, the middle of what bucket 40 held
    expect(latency[latencyBucketOf(0.25 * 1.12 ** 39.5)]).toBe(7);
    expect(latency.at(-1)).toBe(2);
    expect(latency.reduce((sum, n) => sum + n, 0)).toBe(9);
    expect(fineBucketOf(40)).toBe(latencyBucketOf(0.25 * 1.12 ** 39.5));
  });

  test("is not written when nothing was counted", () => {
    const store = openStore(1);
    const [name] = files();
    rmSync(join(dir, name!));
    store.save();
    expect(files()).toEqual([]);
    store.meters.set("a", { ...createMeter(1), bytesOut: 1 });
    store.save();
    expect(openStore(1).meters.get("a")!.bytesOut).toBe(1);
  });

  test("torn at any byte: a new epoch, never a wrong number", () => {
    const first = openStore(1);
    first.meters.set("a", { ...createMeter(1), bytesOut: 1 });
    first.save();
    const whole = readFileSync(join(dir, files()[0]!));
    for (let length = 0; length < whole.length; length += 17) {
      for (const name of files()) rmSync(join(dir, name));
      writeFileSync(join(dir, "meters-99-1-00000000.json"), whole.subarray(0, length));
      const store = openStore(1);
      expect(store.epoch).not.toBe(first.epoch);
      expect(store.meters.size).toBe(0);
    }
  });
});

describe("the table file", () => {
  const table = {
    version: 3,
    routes: [{ id: "a", hosts: ["a.test"], target: toPort(80), limits: noLimits }],
  };

  test("comes back as it was; torn at any byte it is not used", async () => {
    const store = createTableStore(dir, silentLog);
    expect(store.load()).toBeNull();
    await store.save(table);
    expect(store.load()).toEqual(table);
    const path = join(dir, "table.json");
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length += 7) {
      writeFileSync(path, whole.subarray(0, length));
      expect(store.load()).toBeNull();
    }
    const flipped = Buffer.from(whole);
    flipped[100]! ^= 1;
    writeFileSync(path, flipped);
    expect(store.load()).toBeNull();
  });

  test("a full disk: saving fails, the table before stays whole", async () => {
    const small = join(dir, "small");
    mkdirSync(small);
    const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", small]);
    expect(mounted.exitCode).toBe(0);
    try {
      const store = createTableStore(small, silentLog);
      await store.save(table);
      const hosts = Array.from({ length: 10_000 }, (_, at) => `host-${at}.test`);
      const large = { version: 4, routes: [{ ...table.routes[0]!, hosts }] };
      await expect(store.save(large)).rejects.toThrow(/ENOSPC/);
      expect(store.load()).toEqual(table);
      await store.save({ ...table, version: 5 });
      expect(store.load()!.version).toBe(5);
    } finally {
      Bun.spawnSync(["umount", small]);
    }
  });
});
