import { expect, test } from "bun:test";
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../domain/clock.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { createHostReader } from "./read-host.ts";

test("this machine, twice", async () => {
  const reader = createHostReader(systemClock);
  const first = await reader.read([tmpdir(), "/not/there"]);
  expect(first.cpuBusyPercent).toBeNull();
  expect(first.disk).toMatchObject({ folder: tmpdir(), freeBytes: expect.any(Number) });
  expect(first.memory!.availableBytes).toBeLessThan(first.memory!.totalBytes);
  const endMs = performance.now() + 10_000;
  let second = await reader.read([]);
  while (second.cpuBusyPercent === null && performance.now() < endMs) {
    await Bun.sleep(20);
    second = await reader.read([]);
  }
  expect(second.disk).toBeNull();
  for (const percent of [second.cpuBusyPercent, second.cpuStalledPercent ?? 0]) {
    expect(percent).toBeGreaterThanOrEqual(0);
    expect(percent).toBeLessThanOrEqual(100);
  }
});

test("a kernel without pressure figures: how many more want a processor than there are", async () => {
  const root = mkdtempSync(join(tmpdir(), "croft-proc-"));
  try {
    mkdirSync(join(root, "proc"));
    const stat = (busy: number, idle: number, running: number): void =>
      writeFileSync(
        join(root, "proc/stat"),
        `cpu  ${busy} 0 0 ${idle} 0 0 0 0 0 0\ncpu0 0 0\ncpu1 0 0\nctxt 1\nprocs_running ${running}\n`,
      );
    stat(0, 0, 1);
    const clock = fakeClock();
    const reader = createHostReader(clock, root);
    await reader.read([]);
    clock.advance(1000);
    stat(150, 50, 4);
    expect(await reader.read([])).toMatchObject({
      cpuBusyPercent: 75,
      cpuStalledPercent: 50,
      memoryStalledPercent: null,
      ioStalledPercent: null,
      memory: null,
    });
  } finally {
    rmSync(root, { recursive: true });
  }
});

test("pressure figures are shares of the time since the look before", async () => {
  const root = mkdtempSync(join(tmpdir(), "croft-proc-"));
  try {
    mkdirSync(join(root, "proc/pressure"), { recursive: true });
    const clock = fakeClock();
    const reader = createHostReader(clock, root);
    const stalled = (micros: number): void => {
      for (const what of ["cpu", "memory", "io"])
        writeFileSync(
          join(root, "proc/pressure", what),
          `some avg10=9.99 avg60=1.00 avg300=0.10 total=${micros}\n`,
        );
    };
    stalled(5_000_000);
    await reader.read([]);
    clock.advance(2000);
    stalled(6_000_000);
    expect(await reader.read([])).toMatchObject({
      cpuStalledPercent: 50,
      memoryStalledPercent: 50,
      ioStalledPercent: 50,
    });
  } finally {
    rmSync(root, { recursive: true });
  }
});
