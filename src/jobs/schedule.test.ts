import { afterEach, expect, test } from "bun:test";
import { Cron } from "croner";
import { join } from "node:path";
import { type Log, silentLog } from "../domain/log.ts";
import { type Job, type Jobs, oncePer, patternOf, startJobs } from "./schedule.ts";

const everySecond = "* * * * * *";

let jobs: Jobs | undefined;
afterEach(async () => {
  await jobs?.stop();
  jobs = undefined;
});
const start = (list: Job[], log: Log = silentLog): Jobs => (jobs = startJobs(list, { log }));

test.each([
  [1, "*/1 * * * * *"],
  [5, "*/5 * * * * *"],
  [7, "*/1 * * * * *"],
  [30, "*/30 * * * * *"],
  [45, "*/15 * * * * *"],
  [60, "0 */1 * * * *"],
  [90, "*/30 * * * * *"],
  [300, "0 */5 * * * *"],
  [420, "0 */1 * * * *"],
  [3600, "0 0 * * * *"],
])("every %d seconds the clock is asked by %s", (seconds, pattern) => {
  expect(patternOf(seconds)).toBe(pattern);
  const visits = new Cron(pattern, { timezone: "UTC" }).nextRuns(30).map((date) => date.getTime() / 1000);
  const multiples = visits.filter((second) => second % seconds === 0);
  expect(multiples[1]! - multiples[0]!).toBe(seconds);
});

test("of the visits in a stretch only the first counts, also when it comes late or the clock goes back", () => {
  let now = 90_000;
  const isDue = oncePer(45, () => now);
  const due = [105_000, 120_000, 135_001, 150_000, 165_000, 181_900, 195_000, 100_000, 105_000].map((ms) => {
    now = ms;
    return isDue();
  });
  expect(due).toEqual([false, false, true, false, false, true, false, true, false]);
});

test("a job runs when due, and again after it failed, which is logged with its name", async () => {
  const failures: unknown[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  let runs = 0;
  start(
    [
      {
        name: "shaky",
        when: everySecond,
        run: async () => {
          if (++runs === 2) resolve();
          throw new Error(`run ${runs}`);
        },
      },
    ],
    {
      ...silentLog,
      error: (message, fields) => void failures.push([message, fields?.job, String(fields?.error)]),
    },
  );
  await promise;
  await Bun.sleep(1);
  expect(failures).toEqual([
    ["job failed", "shaky", "Error: run 1"],
    ["job failed", "shaky", "Error: run 2"],
  ]);
});

test("a job never runs beside itself, not even beside its run at the start", async () => {
  let now = 0;
  let most = 0;
  let due = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  start([
    {
      name: "slow",
      when: everySecond,
      atStart: true,
      run: async () => {
        most = Math.max(most, ++now);
        await release.promise;
        now--;
      },
    },
    { name: "count", when: everySecond, run: async () => void (++due === 2 && resolve()) },
  ]);
  expect(now).toBe(1);
  await promise;
  expect(most).toBe(1);
  release.resolve();
});

test("stop aborts what runs and waits for it; nothing starts after", async () => {
  let ended = false;
  let runs = 0;
  const running = start([
    {
      name: "patient",
      when: everySecond,
      atStart: true,
      run: (signal) =>
        new Promise<void>((resolve) => {
          runs++;
          signal.addEventListener("abort", () => setTimeout(() => resolve(void (ended = true)), 20));
        }),
    },
  ]);
  await running.stop();
  expect(ended).toBe(true);
  await running.stop();
  await Bun.sleep(1100);
  expect(runs).toBe(1);
});

test("stop does not wait for ever, and what is cut off is not logged as a failure", async () => {
  const failures: string[] = [];
  const running = start(
    [
      {
        name: "deaf",
        when: everySecond,
        atStart: true,
        run: () => new Promise((_, reject) => setTimeout(() => reject(new Error("late")), 50)),
      },
      { name: "stuck", when: everySecond, atStart: true, run: () => new Promise(() => {}) },
    ],
    { ...silentLog, error: (message) => failures.push(message) },
  );
  await running.stop(10);
  await Bun.sleep(80);
  expect(failures).toEqual([]);
});

test("two sets with jobs of one name live beside each other", async () => {
  const job: Job = { name: "sample", when: everySecond, run: async () => {} };
  const other = startJobs([job, job], { log: silentLog });
  start([job]);
  await other.stop();
});

test("timers alone do not keep the process alive", async () => {
  const module = JSON.stringify(join(import.meta.dir, "schedule.ts"));
  const child = Bun.spawn(
    [
      process.execPath,
      "-e",
      `const { startJobs } = await import(${module});
       const log = { error() {} };
       startJobs([{ name: "n", when: "0 0 1 1 *", run: async () => {} }], { log });`,
    ],
    { stderr: "inherit" },
  );
  const timer = setTimeout(() => child.kill(), 10_000);
  expect(await child.exited).toBe(0);
  clearTimeout(timer);
});
