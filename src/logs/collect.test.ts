import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openJsonFile } from "../docker/json-file-reader.ts";
import type { AppLogLine } from "../domain/app-log.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { collect, type Tracked } from "./collect.ts";
import type { SiteLog } from "./site-log.ts";

let dir: string;
let lines: AppLogLine[];
let positions: Record<string, string>;
let refuse: boolean;
const clock = fakeClock();
const open: Tracked[] = [];
/** Keeps what it is given, or refuses it, as a full disk does. */
const siteLog = {
  append: async (added: readonly AppLogLine[], behind: Record<string, string>) => {
    if (refuse) throw new Error("ENOSPC");
    lines.push(...added);
    positions = behind;
  },
} as SiteLog;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-collect-"));
  lines = [];
  refuse = false;
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.reader.close();
  rmSync(dir, { recursive: true, force: true });
});

const print = (name: string, ...texts: [text: string, second: number][]) =>
  appendFileSync(
    join(dir, name),
    texts
      .map(([text, second]) => {
        const time = new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString();
        return `${JSON.stringify({ log: `${text}\n`, stream: "stdout", time })}\n`;
      })
      .join(""),
  );
const track = async (name: string, position: string | null = null): Promise<Tracked> => {
  const reader = (await openJsonFile(join(dir, name), position))!;
  const one: Tracked = {
    key: name,
    source: {
      replicaId: name,
      containerId: name,
      environmentId: "env_1",
      release: 1,
      process: "web",
      secretsOf: "",
    },
    reader,
    mask: (text) => text,
    pending: [],
    more: true,
    notes: [],
    stored: reader.position(),
    lastLevel: {},
  };
  open.push(one);
  return one;
};
const limits = { burstBytes: 1e7, bytesPerSecond: 1e6 };
const run = (...containers: Tracked[]) =>
  collect(siteLog, containers, { bytes: 1e7, atMs: 0 }, limits, clock);
const texts = () => lines.map((line) => line.text);

test("what a full disk refuses is taken in once there is room, once", async () => {
  print("a", ["1", 1], ["2", 2]);
  print("b", ["b", 3]);
  const containers = [await track("a"), await track("b")];
  refuse = true;
  await expect(run(...containers)).rejects.toThrow("ENOSPC");
  print("a", ["3", 4]);
  await expect(run(...containers)).rejects.toThrow("ENOSPC");
  refuse = false;
  while (await run(...containers));
  expect(texts()).toEqual(["1", "2", "b", "3"]);
  // From where it was stored, another life reads nothing twice.
  expect(await run(await track("a", positions.a!), await track("b", positions.b!))).toBeFalse();
});

test("positions of a refused write are those of before", async () => {
  print("a", ["1", 1]);
  const one = await track("a");
  await run(one);
  const before = positions.a!;
  print("a", ["2", 2]);
  refuse = true;
  await expect(run(one)).rejects.toThrow();
  expect(one.stored).toBe(before);
  refuse = false;
  await run(await track("a", before));
  expect(texts()).toEqual(["1", "2"]);
});

test("a clock that jumps back holds nobody up", async () => {
  const many = (from: number): [string, number][] =>
    Array.from({ length: 3000 }, (_, n) => [`${"x".repeat(60)} ${from + n}`, from + n]);
  print("a", ...many(10_000), ...many(0));
  print("b", ...many(5_000));
  const containers = [await track("a"), await track("b")];
  while (await run(...containers));
  expect(lines).toHaveLength(9000);
  const numbers = lines.filter((line) => line.replica === "a").map((line) => Number(line.text.slice(61)));
  // Each container's lines stay as it printed them, by and large: only pieces that were read together are sorted.
  expect(new Set(numbers).size).toBe(6000);
});

test("without room for more, the rest comes next time", async () => {
  writeFileSync(join(dir, "a"), "");
  for (let n = 0; n < 20; n++)
    print(
      "a",
      ...Array.from({ length: 500 }, (_, i): [string, number] => [`${"y".repeat(200)}${n * 500 + i}`, n]),
    );
  const one = await track("a");
  const allowance = { bytes: 300_000, atMs: 0 };
  await collect(siteLog, [one], allowance, { burstBytes: 300_000, bytesPerSecond: 1 }, clock);
  const [note] = lines;
  expect(note).toMatchObject({ stream: "croft", level: "warning" });
  const dropped = Number(/^([\d,]+) lines dropped/.exec(note!.text)![1]!.replaceAll(",", ""));
  expect(dropped + lines.length - 1).toBe(10_000);
  expect(lines.at(-1)!.text).toEndWith("9999");
  expect(lines.length).toBeLessThan(2_500);
});
