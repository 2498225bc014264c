import { expect, test } from "bun:test";
import { emptyLatency } from "../domain/latency-histogram.ts";
import { meterOf } from "../testing/usage-fixture.ts";
import { meterDelta, nextMeterBaseline, nextReplicaBaseline, replicaDelta } from "./deltas.ts";

const latency = (bucket: number, count: number): number[] => emptyLatency().with(bucket, count);

test("a route's gain is the difference to its baseline, per counter and per latency bucket", () => {
  const base = nextMeterBaseline(
    meterOf({ requests: 10, bytesOut: 500, latencySumMs: 20, latency: latency(3, 10) }),
    undefined,
  );
  const now = meterOf({
    requests: 15,
    status5xx: 2,
    bytesOut: 900,
    latencySumMs: 32.5,
    latency: latency(3, 14).with(120, 1),
  });
  const delta = meterDelta(now, base);
  expect(delta).toMatchObject({
    requests: 5,
    status5xx: 2,
    status4xx: 0,
    bytesIn: 0,
    bytesOut: 400,
    latencySumMs: 12.5,
  });
  expect(delta.latency).toEqual(latency(3, 4).with(120, 1));
  expect(meterDelta(now, undefined)).toMatchObject({ requests: 15, bytesOut: 900 });
});

test("one counter that shrank shows that all of them began anew", () => {
  const base = nextMeterBaseline(meterOf({ requests: 10, bytesIn: 5, latency: latency(1, 10) }), undefined);
  const delta = meterDelta(meterOf({ requests: 3, bytesIn: 50, latency: latency(1, 3) }), base);
  expect(delta).toMatchObject({ requests: 3, bytesIn: 50 });
  expect(delta.latency).toEqual(latency(1, 3));
});

test("a quiet route keeps the very same baseline, so that it is not written again", () => {
  const base = nextMeterBaseline(meterOf({ requests: 10 }), undefined);
  expect(nextMeterBaseline(meterOf({ requests: 10, active: 3 }), base)).toBe(base);
  expect(nextMeterBaseline(meterOf({ requests: 11 }), base)).not.toBe(base);
});

test("a replica that restarted counts from zero; what the kernel does not offer counts as nothing", () => {
  const reading = {
    replicaId: "r",
    memoryBytes: 1,
    cpuNanos: 700,
    throttledNanos: null,
    pids: null,
    oomKills: null,
    memoryLimitHits: 3,
    memoryStallMicros: null,
  };
  const base = nextReplicaBaseline({ ...reading, cpuNanos: 500, memoryLimitHits: 2 }, "env");
  expect(replicaDelta(reading, base)).toEqual({
    cpuNanos: 200,
    throttledNanos: 0,
    oomKills: 0,
    memoryLimitHits: 1,
    memoryStallMicros: null,
    continued: true,
  });
  expect(replicaDelta({ ...reading, cpuNanos: 80 }, base)).toMatchObject({ cpuNanos: 80, continued: false });
  expect(replicaDelta(reading, undefined)).toMatchObject({ cpuNanos: 700, continued: false });
});
