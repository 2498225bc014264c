import { expect, test } from "bun:test";
import { MB } from "../domain/size.ts";
import { type Consumption, createSuspects } from "./suspects.ts";

const machine = { cores: 2 };
const environmentOf = (id: string): string | undefined =>
  id === "rep_stranger" ? undefined : id.split("-")[0];
const use = (replicaId: string, change: Partial<Consumption> = {}): Consumption => ({
  ...{ replicaId, cpuNanos: 0, memoryBytes: 50 * MB, writtenBytes: 0, loggedBytes: 0, pids: 1 },
  ...change,
});

test("who used most of the processors, by the second, all replicas of a site together", () => {
  const suspects = createSuspects();
  for (let second = 0; second <= 5; second++)
    suspects.note(second * 1000, [
      use("a-1", { cpuNanos: second * 0.2e9 }),
      use("a-2", { cpuNanos: second * 0.2e9 }),
      use("b-1", { cpuNanos: second * 0.3e9 }),
      use("c-1", { cpuNanos: second * 0.01e9 }),
      use("rep_stranger", { cpuNanos: second * 2e9 }),
    ]);
  const found = suspects.of("cpu", environmentOf, machine);
  expect(found.map(({ environmentId, text }) => [environmentId, text])).toEqual([
    ["a", "0.40 cores"],
    ["b", "0.30 cores"],
  ]);
  expect(found[0]!.share).toBeCloseTo(0.4 / 0.71, 5);
});

test("who was slowed down is judged by what it uses since", () => {
  const suspects = createSuspects();
  for (let second = 0; second <= 10; second++)
    suspects.note(second * 1000, [use("a-1", { cpuNanos: Math.min(second, 5) * 1e9 })]);
  expect(suspects.of("cpu", environmentOf, machine)).toEqual([]);
});

test("who logs much makes the engine work, and fills disks", () => {
  const suspects = createSuspects();
  for (let second = 0; second <= 3; second++)
    suspects.note(second * 1000, [use("a-1", { loggedBytes: second * 25 * MB }), use("b-1")]);
  expect(suspects.of("cpu", environmentOf, machine)[0]).toMatchObject({
    environmentId: "a",
    text: "1.00 cores",
  });
  expect(suspects.of("disk", environmentOf, machine)).toEqual([
    { environmentId: "a", text: "25 MB written a second", amount: expect.any(Number), share: 1, pids: 1 },
  ]);
});

test("memory: who grew within the minute; where nobody did, who has most", () => {
  const suspects = createSuspects();
  suspects.note(0, [use("a-1", { memoryBytes: 900 * MB }), use("b-1", { memoryBytes: 100 * MB })]);
  expect(suspects.of("memory", environmentOf, machine)[0]!.environmentId).toBe("a");
  suspects.note(10_000, [use("a-1", { memoryBytes: 900 * MB }), use("b-1", { memoryBytes: 300 * MB })]);
  expect(suspects.of("memory", environmentOf, machine)).toEqual([
    {
      environmentId: "b",
      text: "300 MB of memory, 200 MB more than a minute ago",
      amount: expect.any(Number),
      share: 1,
      pids: 1,
    },
  ]);
  suspects.note(80_000, [use("a-1", { memoryBytes: 900 * MB }), use("b-1", { memoryBytes: 300 * MB })]);
  expect(suspects.of("memory", environmentOf, machine)[0]!.environmentId).toBe("a");
});

test("writes that nobody asked for are unknown, not none", () => {
  const suspects = createSuspects();
  suspects.note(0, [use("a-1", { writtenBytes: null })]);
  suspects.note(1000, [use("a-1", { writtenBytes: 900 * MB })]);
  expect(suspects.of("disk", environmentOf, machine)).toEqual([]);
  suspects.note(2000, [use("a-1", { writtenBytes: 910 * MB })]);
  expect(suspects.of("disk", environmentOf, machine)[0]!.text).toBe("10 MB written a second");
});
