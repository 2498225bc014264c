import { afterEach, expect, test } from "bun:test";
import { meterOf, usageFixture } from "../testing/usage-fixture.ts";
import { createMonthMeters } from "./month-meters.ts";
import { rollUp } from "./roll-up.ts";

const at = (text: string): number => Date.parse(text);
let fixture: Awaited<ReturnType<typeof usageFixture>>;
afterEach(() => fixture.close());

test("a month's begin on the meter stays where it is while both grow, over roll-ups and restarts", async () => {
  fixture = await usageFixture(at("2026-05-31T23:59:00Z"));
  const { clock, world, ids } = fixture;
  const id = ids[0]!;
  world.environments = [{ id, kind: "static", stopped: false, replicas: [], diskUsedBytes: null }];
  const sampler = fixture.sampler();
  const tick = async (bytesIn: number, bytesOut: number) => {
    world.edge!.meters[id] = meterOf({ requests: 1, bytesIn, bytesOut });
    await sampler.sampleOnce();
    clock.pass(30_000);
  };
  const monthMeters = createMonthMeters(fixture.deps);
  expect(await monthMeters(ids)).toBeNull();
  await tick(1_000, 2_000);
  await tick(1_500, 3_500);
  // May: 2,000 bytes were counted since the first reading.
  clock.wallMs = at("2026-05-31T23:59:59Z");
  expect(await monthMeters(ids)).toEqual({
    epoch: "first",
    endsAtMs: at("2026-06-01T00:00Z"),
    beganAt: new Map([[id, 3_000]]),
    usedBytes: new Map([[id, 2_000]]),
  });
  clock.wallMs = at("2026-06-01T00:00:10Z");
  const june = (used: number) => ({
    epoch: "first",
    endsAtMs: at("2026-07-01T00:00Z"),
    beganAt: new Map([[id, 5_000]]),
    usedBytes: new Map([[id, used]]),
  });
  expect(await monthMeters(ids)).toEqual(june(0));
  await tick(2_000, 4_000);
  clock.wallMs = at("2026-06-02T03:00Z");
  await rollUp(fixture.deps, new AbortController().signal);
  await tick(3_000, 9_000);
  expect(await monthMeters(ids)).toEqual(june(7_000));
  expect(await createMonthMeters(fixture.deps)(ids)).toEqual(june(7_000));

  // The edge lost its counters: of this month's 7,000 bytes none are in the new ones.
  world.edge!.epoch = "second";
  await tick(0, 0);
  expect(await monthMeters(ids)).toMatchObject({
    beganAt: new Map([[id, -7_000]]),
    usedBytes: new Map([[id, 7_000]]),
  });
});
