import { afterEach, beforeEach, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../domain/log.ts";
import { openMeterStore } from "./meter-store.ts";
import { createMeter, meterJson, readingOf } from "./meter.ts";
import { processIdOf } from "./processes/identity.ts";

/** Counts of several processes: whatever ends when, each is in the sum once. */

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-meters-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Processes of another boot have ended. */
const dead = (number: number) => `${number}-1-00000000`;
const living = processIdOf("self")!;

const counted = (id: string, requests: number, epoch: string | null = null) => {
  const store = openMeterStore(dir, id, silentLog, 1, epoch);
  store.meters.set("a", { ...createMeter(1), requests });
  store.save();
  return store;
};
const requestsOf = (meters: ReadonlyMap<string, { requests: number }>) => meters.get("a")?.requests ?? 0;
/** What the lead would tell if nobody else answered. */
const total = (store: ReturnType<typeof openMeterStore>) =>
  [store.meters, ...store.unread(new Set())].reduce((sum, meters) => sum + requestsOf(meters), 0);

test("a lead takes over what ended, leaves what lives, and counts neither twice", () => {
  const { epoch } = counted(dead(1), 5);
  counted(dead(2), 7, epoch);
  counted(living, 11, epoch);
  const lead = openMeterStore(dir, dead(3), silentLog, 1, epoch);
  expect(total(lead)).toBe(23);
  lead.fold();
  expect(requestsOf(lead.meters)).toBe(12);
  expect(total(lead)).toBe(23);
  lead.fold();
  expect(total(lead)).toBe(23);
  expect(readdirSync(dir).sort()).toEqual([`meters-${dead(3)}.json`, `meters-${living}.json`].sort());
  // An answer takes the place of the file.
  expect(lead.unread(new Set([living]))).toEqual([]);
});

test("whichever files a killed lead has left, the next one comes to the same sum", () => {
  const { epoch } = counted(dead(1), 5);
  counted(dead(2), 7, epoch);
  counted(dead(3), 1, epoch);
  const before = `${dir}-before`;
  cpSync(dir, before, { recursive: true });
  const first = openMeterStore(dir, dead(3), silentLog, 1, epoch);
  first.meters.set("a", { ...createMeter(1), requests: 1 });
  first.fold();
  const written = readFileSync(join(dir, `meters-${dead(3)}.json`));
  const left = [1, 2].map((number) => `meters-${dead(number)}.json`);
  // Killed before the sum was written, after it, and between the removals.
  for (const remains of [null, left, left.slice(0, 1), left.slice(1), []]) {
    rmSync(dir, { recursive: true });
    cpSync(before, dir, { recursive: true });
    if (remains !== null) {
      writeFileSync(join(dir, `meters-${dead(3)}.json`), written);
      for (const name of left) if (!remains.includes(name)) rmSync(join(dir, name));
    }
    for (let number = 4; number < 7; number++) {
      const next = openMeterStore(dir, dead(number), silentLog, 1, null);
      expect(next.epoch).toBe(epoch);
      expect(total(next)).toBe(13);
      next.fold();
      expect(requestsOf(next.meters)).toBe(13);
      expect(total(next)).toBe(13);
      expect(readdirSync(dir)).toEqual([`meters-${dead(number)}.json`]);
    }
  }
  rmSync(before, { recursive: true });
});

test("a disk that takes nothing: counted once all the same, and put in order when it does again", () => {
  const { epoch } = counted(dead(1), 5);
  const lead = openMeterStore(dir, dead(2), silentLog, 1, null);
  // Written first, then renamed.
  const inTheWay = join(dir, `meters-${dead(2)}.json.new`);
  mkdirSync(inTheWay);
  for (let i = 0; i < 3; i++) {
    lead.fold();
    expect(requestsOf(lead.meters)).toBe(5);
    expect(total(lead)).toBe(5);
  }
  rmSync(inTheWay, { recursive: true });
  lead.fold();
  expect(total(lead)).toBe(5);
  expect(readdirSync(dir)).toEqual([`meters-${dead(2)}.json`]);
  expect(lead.epoch).toBe(epoch);
});

test("the counts of an edge of one process go on", () => {
  const first = counted(dead(1), 9);
  const [name] = readdirSync(dir);
  writeFileSync(join(dir, "meters.json"), readFileSync(join(dir, name!)));
  rmSync(join(dir, name!));
  const next = openMeterStore(dir, dead(2), silentLog, 1, null);
  expect(next.epoch).toBe(first.epoch);
  next.fold();
  expect(requestsOf(next.meters)).toBe(9);
  expect(readdirSync(dir)).toEqual([`meters-${dead(2)}.json`]);
});

test("one file torn: nothing is wrong, and a life of the counters whose sum would shrink is over", () => {
  const { epoch } = counted(dead(1), 5);
  counted(dead(2), 7, epoch);
  const path = join(dir, `meters-${dead(1)}.json`);
  const whole = readFileSync(path);
  for (const length of [0, 1, 64, 65, whole.length - 1]) {
    writeFileSync(path, whole.subarray(0, length));
    // Beside others the rest goes on.
    const beside = openMeterStore(dir, dead(3), silentLog, 1, epoch);
    expect(total(beside)).toBe(7);
  }
  const alone = openMeterStore(dir, dead(4), silentLog, 1, null);
  alone.fold();
  expect(alone.epoch).not.toBe(epoch);
  expect(total(alone)).toBe(0);
});

test("counts of another life are not added", () => {
  counted(dead(1), 5, "0-earlier");
  const { epoch } = counted(dead(2), 7, "1-later");
  const lead = openMeterStore(dir, dead(3), silentLog, 1, null);
  expect(lead.epoch).toBe(epoch);
  lead.fold();
  expect(requestsOf(lead.meters)).toBe(7);
});

test("saved gently: what was counted before is on the disk, whatever else is saved meanwhile", async () => {
  const store = counted(living, 5);
  const meters = Array.from({ length: 3_000 }, (_, at) => {
    const meter = { ...createMeter(1), requests: 1, bytesOut: at };
    meter.latency[at % meter.latency.length]! += 1;
    store.meters.set(`site-${at}`, meter);
    return meter;
  });
  const stored = () => openMeterStore(dir, dead(1), silentLog, 1, store.epoch).unread(new Set())[0]!;
  await store.saveGently();
  expect(stored().size).toBe(3_001);
  expect(stored().get("site-7")!.latency).toEqual(meters[7]!.latency);

  for (const meter of meters) meter.requests++;
  const gently = store.saveGently();
  store.meters.get("a")!.requests = 9;
  store.save();
  meters[8]!.requests++;
  // Begun after both: the last count, too.
  const last = store.saveGently();
  await gently;
  expect(requestsOf(stored())).toBe(9);
  expect(stored().get("site-2999")!.requests).toBe(2);
  await last;
  expect(stored().get("site-8")!.requests).toBe(3);
  expect(readdirSync(dir)).toEqual([`meters-${living}.json`]);
});

test("what ended is taken over while a gentle save is under way: neither lost nor doubled", async () => {
  const { epoch } = counted(dead(1), 5);
  const lead = openMeterStore(dir, living, silentLog, 1, epoch);
  for (let at = 0; at < 3_000; at++) lead.meters.set(`site-${at}`, { ...createMeter(1), requests: 1 });
  lead.meters.set("a", { ...createMeter(1), requests: 11 });
  const gently = lead.saveGently();
  await new Promise((resolve) => setImmediate(resolve));
  lead.fold();
  await gently;
  const next = openMeterStore(dir, dead(2), silentLog, 1, epoch);
  expect(total(next)).toBe(16);
  expect(readdirSync(dir)).toEqual([`meters-${living}.json`]);
});

test("what is told is what was saved, with what is active now", async () => {
  const store = counted(living, 5);
  store.meters.get("a")!.active = 3;
  store.meters.get("a")!.latency[20] = 7;
  store.meters.get("a")!.latencySumMs = 7;
  await store.saveGently();
  const { a } = JSON.parse(store.savedJson());
  expect(a).toEqual(meterJson(readingOf(store.meters.get("a")!)));
  store.meters.delete("a");
  await store.saveGently();
  expect(JSON.parse(store.savedJson())).toEqual({});
});
