import { afterAll, afterEach, beforeEach, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Route } from "../../domain/edge.ts";
import { addPaths, pathFileSchema, type PathSums } from "../../domain/path-usage.ts";
import { pathFolder } from "../paths/path-store.ts";
import { ensureEdge } from "../spawn.ts";
import { linesOn, logInto } from "../testing/access-logs.ts";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { ended, killEdge } from "../testing/edge-process.ts";
import { type EdgeProcesses, edgeProcesses } from "../testing/edge-processes.ts";
import { startLoad } from "../testing/steady-load.ts";
import { logFolder } from "./segments.ts";

/** Access logs and counts by path of real edge processes that serve together, and are killed. */

const server = Bun.serve({ port: 0, development: false, fetch: () => new Response("hello") });
let edge: EdgeProcesses;
beforeEach(() => {
  edge = edgeProcesses();
});
afterEach(() => edge.close());
afterAll(() => server.stop(true));

const MB = 1024 * 1024;
const site = (maxBytes: number): Route => ({
  ...routeTo(["site.test"], toPort(server.port!), {}, "env_1"),
  accessLog: logInto("env_1", { maxBytes }),
  countPaths: true,
});
const ringBytes = (): number => {
  const folder = logFolder(edge.dir, "env_1");
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
};
/** All that processes have left of the route, as the daemon sums it. */
const counted = (): number => {
  const sums: PathSums = new Map();
  for (const name of readdirSync(pathFolder(edge.dir)).filter((name) => name.endsWith(".json")))
    addPaths(
      sums,
      pathFileSchema.parse(JSON.parse(readFileSync(join(pathFolder(edge.dir), name), "utf8"))).routes.env_1!,
    );
  return [...sums.values()].reduce((sum, one) => sum + one.requests, 0);
};
const load = async (requests: number) => {
  const [port] = await edge.ports();
  const running = startLoad({ port: port!, host: "site.test", kept: 8, fresh: 4 });
  while (running.answered() < requests) await Bun.sleep(5);
  return running;
};

test("two processes write into one log; each request is in it once, and in the counts by path", async () => {
  await ensureEdge(edge.wanted({ processes: 2 }));
  await edge.client.putTable({ version: 1, routes: [site(64 * MB)] });
  const running = await load(3_000);
  await running.stop();
  expect(running.failed()).toEqual([]);
  // What is stopped in good order writes all it knows.
  const { lead, worker } = await edge.roles();
  await edge.client.stop();
  for (const pid of [...lead, ...worker]) await ended(pid);
  const lines = await linesOn(edge.dir, "env_1");
  expect(lines).toHaveLength(running.answered());
  expect(new Set(lines.map(({ id }) => id)).size).toBe(lines.length);
  expect(new Set(lines.map(({ id }) => id.split("-")[0])).size).toBe(2);
  expect(counted()).toBe(running.answered());
}, 60_000);

test("killed under load: lines are whole, at most a second of them is missing, the ring keeps its bounds", async () => {
  for (let round = 1; round <= 3; round++) {
    await ensureEdge(edge.wanted());
    await edge.client.putTable({ version: round, routes: [site(MB)] });
    const running = await load(2_000 * round);
    // Longer than a line may take to the disk.
    await Bun.sleep(1_000);
    const before = running.answered();
    await Bun.sleep(1_000);
    await killEdge(edge.dir);
    await running.stop();
    const lines = await linesOn(edge.dir, "env_1");
    const own = lines.filter(({ id }) => id.startsWith(lines.at(-1)!.id.split("-")[0]!));
    // The ring holds the newest; numbers count up, so the highest tells how far the log came.
    const last = Math.max(...own.map(({ id }) => numberOf(id)));
    expect(last).toBeGreaterThanOrEqual(before);
    expect(ringBytes()).toBeLessThanOrEqual(MB);
    for (const line of lines) expect(line).toMatchObject({ host: "site.test", status: 200, path: "/" });
  }
}, 60_000);

test("counts by path outlive a kill, but for the last five seconds, and go on in the process after", async () => {
  await ensureEdge(edge.wanted());
  await edge.client.putTable({ version: 1, routes: [site(MB)] });
  const first = await load(500);
  await first.stop();
  await Bun.sleep(6_000);
  await killEdge(edge.dir);
  expect(counted()).toBe(first.answered());
  await ensureEdge(edge.wanted());
  const second = await load(300);
  await second.stop();
  const { lead } = await edge.roles();
  await edge.client.stop();
  for (const pid of lead) await ended(pid);
  expect(counted()).toBe(first.answered() + second.answered());
}, 30_000);

/** The lowest digit of a request's number comes first. */
const numberOf = (id: string): number => Number.parseInt([...id.split("-")[1]!].reverse().join(""), 16);
