import { afterEach, beforeEach, expect, test } from "bun:test";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../domain/log.ts";
import { openMeterStore } from "./meter-store.ts";
import { createMeter } from "./meter.ts";
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
