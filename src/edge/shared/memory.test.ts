import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../domain/log.ts";
import { createMeter } from "../meter.ts";
import { columns, freeColumns, openShared, type SharedMemory } from "./memory.ts";
import { exchangeBytes, othersServing, type RouteShare, routeShare, tellServing } from "./share.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-shared-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const idOf = (number: number) => `${number}-1-00000000`;
const open = (number: number, alone = false) => openShared(dir, idOf(number), silentLog, alone);
const tell = (share: RouteShare, active: number): void => {
  const meter = { ...createMeter(0), active };
  tellServing({ held: new Map() } as never, { share, meter } as never);
};
const bytes = (memory: SharedMemory, bytesIn: number): number =>
  exchangeBytes(routeShare(memory, "a")!, { ...createMeter(0), bytesIn });

test("each sees the sum of the others, until what they counted is taken over", () => {
  const [first, second, third] = [open(1, true), open(2), open(3)] as const;
  const shares = [first, second, third].map((memory) => routeShare(memory, "a")!);
  shares.forEach((share, at) => tell(share, at + 1));
  expect(shares.map(othersServing)).toEqual([5, 4, 3]);
  expect([bytes(first, 10), bytes(second, 200), bytes(third, 3_000)]).toEqual([0, 10, 210]);
  expect(bytes(first, 10)).toBe(3_200);

  freeColumns(first, [idOf(1), idOf(3)]);
  expect(shares.map(othersServing)).toEqual([3, 4, 1]);
  expect(bytes(first, 10)).toBe(3_000);
  // The next one takes the free column, clean.
  const fourth = open(4);
  expect(fourth.column).toBe(second.column);
  expect(othersServing(routeShare(fourth, "a"))).toBe(4);
  expect(othersServing(shares[0]!)).toBe(3);
});

test("an edge that starts alone forgets what killed processes have left", () => {
  const first = open(1, true);
  tell(routeShare(first, "a")!, 7);
  bytes(first, 9);
  const next = open(2, true);
  expect(othersServing(routeShare(next, "a"))).toBe(0);
  expect(bytes(next, 0)).toBe(0);
});

test("beyond the last column a process counts for itself, and is well", () => {
  const all = Array.from({ length: columns + 1 }, (_, at) => open(at + 1, at === 0));
  expect(all.at(-2)!.column).toBe(columns - 1);
  expect(all.at(-1)!.column).toBe(-1);
  expect(routeShare(all.at(-1)!, "a")).toBeNull();
});

test("a file that is not whole, or of another boot, is made anew; where none can be, the edge starts all the same", () => {
  const path = join(dir, "limits-1.bin");
  open(1, true);
  const { size } = statSync(path);
  tell(routeShare(open(2), "a")!, 3);
  truncateSync(path, size - 1);
  expect(othersServing(routeShare(open(3), "a"))).toBe(0);
  expect(statSync(path).size).toBe(size);
  writeFileSync(path, Buffer.alloc(size, 7));
  expect(open(4).column).toBe(0);
  rmSync(path);
  mkdirSync(path);
  const alone = open(5);
  tell(routeShare(alone, "a")!, 3);
  expect(othersServing(routeShare(alone, "a"))).toBe(0);
});
