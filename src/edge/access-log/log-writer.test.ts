import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../domain/log.ts";
import { ascii } from "../byte-classes.ts";
import { entriesOn, linesOn } from "../testing/access-logs.ts";
import {
  closeSegment,
  createLogWriter,
  createSpare,
  flushLog,
  type LogWriter,
  makeRoom,
} from "./log-writer.ts";
import { pruneLog } from "./prune-log.ts";
import { openAccessLogs } from "./read-log.ts";
import { logFolder, parseSegment, segmentAt, segmentBytes, segmentName, spanMs } from "./segments.ts";

const MB = 1024 * 1024;
const dayMs = 24 * 3_600_000;
let dir: string;
const children: Bun.Subprocess[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-ring-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
  rmSync(dir, { recursive: true, force: true });
});

/** A process that writes so many lines into the log of `env_1`. */
const writing = (name: string, ringBytes: number, count: number) => {
  const child = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, "../testing/log-lines.ts"),
      dir,
      "env_1",
      name,
      String(ringBytes),
      String(count),
    ],
    { stdout: "pipe", stderr: "inherit" },
  );
  children.push(child);
  return child;
};
const ringSize = (): number => {
  const folder = logFolder(dir, "env_1");
  // A part may be given up by its writer meanwhile.
  const sizeOf = (name: string) => statSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0;
  return readdirSync(folder).reduce((sum, name) => sum + sizeOf(name), 0);
};
const deps = { log: silentLog, nowMs: Date.now, spare: createSpare(), open: new Set<LogWriter>() };
const lineOf = (id: string, time = new Date().toISOString()): Uint8Array =>
  ascii(
    `${JSON.stringify({ time, id, address: "", method: "GET", path: "/", status: 200, bytesIn: 1, bytesOut: 1, ms: 1, protocol: "HTTP/1.1", tls: false, host: "a" })}\n`,
  );
const put = (writer: LogWriter, line: Uint8Array): boolean => {
  if (!makeRoom(writer, line.length, deps)) return false;
  writer.bytes.set(line, writer.length);
  writer.length += line.length;
  writer.lines++;
  return true;
};

test("two processes fill one ring: it stays in its bounds, and every line in it is whole and stands once", async () => {
  const both = [writing("a", MB, 12_000), writing("b", MB, 12_000)];
  let largest = 0;
  while (both.some((child) => child.exitCode === null)) {
    if (existsSync(logFolder(dir, "env_1"))) largest = Math.max(largest, ringSize());
    await Bun.sleep(2);
  }
  // some 7 MB went through
  expect(largest).toBeGreaterThan(MB / 2);
  expect(largest).toBeLessThanOrEqual(MB);
  const lines = await linesOn(dir, "env_1");
  expect(lines.length).toBeGreaterThan(1_000);
  for (const name of ["a", "b"]) {
    const numbers = lines.filter(({ id }) => id.startsWith(name)).map(({ id }) => Number(id.slice(2)));
    // what is left of each is its end, in order and without a gap; one may have ended long before the other
    if (numbers.length > 0) expect(numbers.at(-1)).toBe(12_000);
    expect(numbers).toEqual(numbers.map((_, at) => numbers[0]! + at));
  }
}, 60_000);

test("kill -9 at any moment: lines are whole, the ring keeps its bounds, and the next process goes on", async () => {
  for (let round = 0; round < 6; round++) {
    const child = writing(`k${round}`, MB, 1_000_000);
    const reader = child.stdout.getReader();
    for (let i = 0; i <= round; i++) await reader.read();
    child.kill("SIGKILL");
    await child.exited;
    expect(ringSize()).toBeLessThanOrEqual(MB);
    const folder = logFolder(dir, "env_1");
    // A writer that was killed within a line: the next one's first line does not stick to it.
    const newest = readdirSync(folder).sort().at(-1)!;
    writeFileSync(join(folder, newest), '{"time":"2026-01-01T00:0', { flag: "a" });
  }
  const last = writing("z", MB, 10);
  await last.exited;
  const lines = await linesOn(dir, "env_1");
  expect(lines.filter(({ id }) => id.startsWith("z"))).toHaveLength(10);
  for (const line of lines) expect(line.id).toMatch(/^(?:k\d|z)-\d+$/);
}, 60_000);

describe("a disk that does not take them", () => {
  test("full: lines are dropped and counted, and written again once there is room", async () => {
    const small = join(dir, "small");
    mkdirSync(small);
    expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", small]).exitCode).toBe(0);
    try {
      const warnings: string[] = [];
      const log = { ...silentLog, warn: (message: string) => void warnings.push(message) };
      const writer = createLogWriter(logFolder(small, "env_1"), 8 * MB, dayMs);
      const full = join(small, "full");
      writeFileSync(full, new Uint8Array(100 * 1024));
      const ids: string[] = [];
      for (let number = 0; number < 2_000; number++) {
        ids.push(`l-${number}`);
        put(writer, lineOf(`l-${number}`));
        if (number % 50 === 0) await flushLog(writer, { ...deps, log });
      }
      await flushLog(writer, { ...deps, log });
      expect(writer.dropped).toBeGreaterThan(0);
      // once for all of it
      expect(warnings).toHaveLength(1);
      const { dropped } = writer;
      rmSync(full);
      put(writer, lineOf("after"));
      await flushLog(writer, deps);
      expect(writer.dropped).toBe(0);
      const entries = await entriesOn(small, "env_1");
      const lines = entries.flatMap((entry) => ("line" in entry ? [entry.line.id] : []));
      expect(entries.find((entry) => "dropped" in entry)).toEqual({ dropped });
      expect(lines.at(-1)).toBe("after");
      expect(lines.length - 1 + dropped).toBe(ids.length);
    } finally {
      // Its descriptor is closed a moment later.
      Bun.spawnSync(["umount", "--lazy", small]);
    }
  });

  test("slow: what waits is bounded, and so is the memory for it", () => {
    const writer = createLogWriter(logFolder(dir, "env_1"), MB, dayMs);
    // It never gets to the disk: nothing here lets others run.
    let taken = 0;
    for (let number = 0; number < 50_000; number++) if (put(writer, lineOf("x".repeat(200)))) taken++;
    const bytes = writer.bytes.length + writer.waiting.reduce((sum, batch) => sum + batch.bytes.length, 0);
    expect(bytes).toBeLessThanOrEqual(9 * 64 * 1024);
    expect(taken).toBeGreaterThan(500);
    expect(writer.dropped).toBe(50_000 - taken);
  });

  test("nowhere to write: a folder that cannot be made costs lines alone", async () => {
    writeFileSync(join(dir, "access-log"), "in the way");
    const writer = createLogWriter(logFolder(dir, "env_1"), MB, dayMs);
    put(writer, lineOf("a"));
    await flushLog(writer, deps);
    expect(writer.dropped).toBe(1);
    rmSync(join(dir, "access-log"));
    put(writer, lineOf("b"));
    await flushLog(writer, deps);
    expect(await linesOn(dir, "env_1")).toMatchObject([{ id: "b" }]);
  });
});

describe("what is too old or too much", () => {
  test("goes by segments: none holds a line longer than it may be kept", async () => {
    const folder = logFolder(dir, "env_1");
    mkdirSync(folder, { recursive: true });
    const nowMs = Date.parse("2026-03-10T13:30:00Z");
    for (let hours = 0; hours < 40; hours += 3) {
      const at = segmentAt(nowMs - hours * 3_600_000);
      writeFileSync(join(folder, segmentName(at)), lineOf(`${hours}`, new Date(at.startMs).toISOString()));
    }
    writeFileSync(join(folder, "of-somebody-else"), "");
    await pruneLog(folder, MB, dayMs, nowMs);
    const left = readdirSync(folder)
      .map(parseSegment)
      .filter((segment) => segment !== null);
    expect(left).toHaveLength(8);
    for (const { startMs } of left) expect(nowMs - startMs).toBeLessThan(dayMs);
    expect(existsSync(join(folder, "of-somebody-else"))).toBe(true);
    await pruneLog(folder, 3 * 180, dayMs, nowMs);
    expect(
      readdirSync(folder)
        .map(parseSegment)
        .filter((segment) => segment !== null).length,
    ).toBeLessThan(8);
  });

  test("a writer begins a new segment with each span of time and when one is full", async () => {
    let nowMs = Date.parse("2026-03-10T13:30:00Z");
    const clock = { ...deps, nowMs: () => nowMs };
    const writer = createLogWriter(logFolder(dir, "env_1"), MB, dayMs);
    const perSegment = Math.ceil(segmentBytes(MB) / lineOf("l").length);
    for (let i = 0; i < perSegment * 2.5; i++) {
      put(writer, lineOf("l"));
      if (i % 100 === 0) await flushLog(writer, clock);
    }
    await flushLog(writer, clock);
    nowMs += spanMs;
    put(writer, lineOf("next"));
    await flushLog(writer, clock);
    expect(readdirSync(logFolder(dir, "env_1")).sort()).toEqual([
      "20260310T1200-000000.jsonl",
      "20260310T1200-000001.jsonl",
      "20260310T1200-000002.jsonl",
      "20260310T1500-000000.jsonl",
    ]);
    // and one that somebody removed is missed
    rmSync(logFolder(dir, "env_1"), { recursive: true });
    put(writer, lineOf("again"));
    await flushLog(writer, clock);
    expect((await linesOn(dir, "env_1")).map(({ id }) => id)).toEqual(["again"]);
  });
});

test("many sites that are asked at once hold few files open, and lose nothing", async () => {
  const before = readdirSync("/proc/self/fd").length;
  const all = { ...deps, open: new Set<LogWriter>() };
  const writers = Array.from({ length: 200 }, (_, i) =>
    createLogWriter(logFolder(dir, `env_${i}`), MB, dayMs),
  );
  for (let round = 0; round < 3; round++) {
    for (const writer of writers) put(writer, lineOf(`${round}`));
    await Promise.all(writers.map((writer) => flushLog(writer, all)));
  }
  expect(all.open.size).toBeLessThanOrEqual(48);
  for (let i = 0; readdirSync("/proc/self/fd").length > before + 60 && i < 100; i++) await Bun.sleep(20);
  expect(readdirSync("/proc/self/fd").length - before).toBeLessThanOrEqual(60);
  for (let i = 0; i < 200; i++)
    expect((await linesOn(dir, `env_${i}`)).map(({ id }) => id)).toEqual(["0", "1", "2"]);
  for (const writer of writers) closeSegment(writer, all);
}, 20_000);

describe("reading", () => {
  test("backwards is forwards the other way round, over pieces and segments", async () => {
    await writing("a", 4 * MB, 8_000).exited;
    const there = await linesOn(dir, "env_1");
    expect(there.length).toBe(8_000);
    const back = [];
    for await (const entry of openAccessLogs(dir).backwards("env_1"))
      if ("line" in entry) back.push(entry.line);
    expect(back.reverse()).toEqual(there);
    expect(readdirSync(logFolder(dir, "env_1")).length).toBeGreaterThan(1);
  });

  test("follows over segments, line by line from any place, also from one that is gone", async () => {
    const logs = openAccessLogs(dir);
    const child = writing("a", MB, 20_000);
    let place = "";
    const seen: { id: string; place: string }[] = [];
    const take = async (): Promise<number> => {
      const { entries, place: next } = await logs.after("env_1", place);
      place = next;
      for (const one of entries)
        if ("line" in one.entry) seen.push({ id: one.entry.line.id, place: one.place });
      return entries.length;
    };
    while (child.exitCode === null) if ((await take()) === 0) await Bun.sleep(1);
    while ((await take()) > 0);
    // It keeps up with what it is told of, or loses what the ring lost meanwhile, and is never told anything twice.
    const numbers = seen.map(({ id }) => Number(id.slice(2)));
    expect(numbers.at(-1)).toBe(20_000);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    const middle = seen.at(-1_500)!;
    place = middle.place;
    const from = seen.length;
    while ((await take()) > 0);
    expect(seen[from]!.id).toBe(`a-${Number(middle.id.slice(2)) + 1}`);
    expect(seen.length - from).toBe(1_499);
    place = "20200101T0000-000000.17";
    expect(await take()).toBeGreaterThan(100);
    expect(await logs.end("env_1")).toBe(seen[from + 1_498]!.place);
  }, 60_000);

  test("links, folders and other files that the edge could put there are not followed", async () => {
    const folder = logFolder(dir, "env_1");
    mkdirSync(folder, { recursive: true });
    const secret = join(dir, "secret");
    writeFileSync(secret, lineOf("secret"));
    symlinkSync(secret, join(folder, "20260310T1200-000000.jsonl"));
    mkdirSync(join(folder, "20260310T1200-000001.jsonl"));
    expect(Bun.spawnSync(["mkfifo", join(folder, "20260310T1200-000002.jsonl")]).exitCode).toBe(0);
    writeFileSync(
      join(folder, "20260310T1200-000003.jsonl"),
      Buffer.concat([
        ascii("[1]\nnull\n{}\n\x00\xff\n"),
        lineOf("no time", "soon"),
        lineOf("no day", "2026-13-99T00:00:00.000Z"),
        lineOf("own"),
      ]),
    );
    expect((await linesOn(dir, "env_1")).map(({ id }) => id)).toEqual(["own"]);
    for (const id of ["../secret", "", "a/b", "x".repeat(65)])
      expect(openAccessLogs(dir).forwards(id).next()).rejects.toThrow("not an id");
  });

  test("files that are larger than any log, or hold no end of a line, cost neither memory nor time", async () => {
    const folder = logFolder(dir, "env_1");
    mkdirSync(folder, { recursive: true });
    const at = (number: number): string => join(folder, `20260310T1200-00000${number}.jsonl`);
    writeFileSync(at(0), lineOf("own"));
    // Holes take no place on the disk.
    for (const [number, bytes] of [[1, 256 * MB] as const, [2, 4096 * 1024 * MB] as const]) {
      writeFileSync(at(number), "");
      truncateSync(at(number), bytes);
      appendFileSync(at(number), "\n");
    }
    const back = [];
    for await (const entry of openAccessLogs(dir).backwards("env_1")) back.push(entry);
    expect(back).toHaveLength(1);
    expect(await linesOn(dir, "env_1")).toHaveLength(1);
  }, 30_000);

  test("many full segments come in several goes", async () => {
    const folder = logFolder(dir, "env_1");
    mkdirSync(folder, { recursive: true });
    for (let number = 0; number < 10; number++)
      writeFileSync(
        join(folder, `20260310T1200-00000${number}.jsonl`),
        Buffer.concat(Array.from({ length: 1_000 }, (_, i) => lineOf(`${number}-${i}`))),
      );
    const logs = openAccessLogs(dir);
    const counts = [];
    for (let place = "", count = 1; count > 0;) {
      const { entries, place: next } = await logs.after("env_1", place);
      counts.push((count = entries.length));
      place = next;
    }
    expect(counts.reduce((sum, n) => sum + n)).toBe(10_000);
    expect(Math.max(...counts)).toBeLessThan(7_000);
  });
});
