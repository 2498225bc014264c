import { afterAll, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { holdsShares } from "../../domain/cpu-share.ts";
import type { EventView } from "../../domain/event.ts";
import { defaultLimits } from "../../domain/limits.ts";
import { MB } from "../../domain/size.ts";
import type { SiteView, UsagePoint } from "../../domain/views.ts";
import type { LimitsView } from "../../sites/limits.ts";
import { docker, nodeApp, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { rowsOf } from "./leftovers.ts";
import { keepVisiting, type Visitors } from "./visitors.ts";

setDefaultTimeout(120_000);

/** Does to itself what it is asked to. */
const app = nodeApp(`
  const fs = require("node:fs");
  const { spawn } = require("node:child_process");
  const hoard = [];
  const acts = {
    "/": (q, s) => s.end("fine"),
    "/eat": (q, s) => setInterval(() => hoard.push(Buffer.alloc(8e6, 1)), 10),
    "/child": (q, s) => spawn(process.execPath, ["-e", "const a = []; setInterval(() => a.push(Buffer.alloc(8e6, 1)), 5)"])
      .on("close", (code, signal) => s.end(String(signal))),
    "/exit": () => process.exit(3),
    "/fork": async (q, s) => {
      const outcome = await Promise.all(Array.from({ length: 200 }, () => new Promise((resolve) => {
        const child = spawn("sleep", ["20"], { stdio: "ignore" });
        child.on("spawn", () => resolve("started")).on("error", (error) => resolve(error.code));
      })));
      s.end(JSON.stringify({ started: outcome.filter((one) => one === "started").length, errors: [...new Set(outcome)] }));
    },
    "/bomb": (q, s) => { spawn("sh", ["-c", "b() { b | b & }; b"], { stdio: "ignore" }).on("error", () => {}); s.end("lit"); },
    "/fill": (q, s) => { fs.writeFileSync("/var/tmp/fill", Buffer.alloc(40e6, 1)); s.end("full"); },
    "/keep": (q, s) => { fs.writeFileSync("/data/keep", Buffer.alloc(40e6, 1)); s.end("kept"); },
    "/large": (q, s) => s.end(Buffer.alloc(5e6, 1)),
    "/take": (q, s) => { let n = 0; q.on("data", (d) => n += d.length).on("end", () => s.end(String(n))); },
    "/slow": (q, s) => setTimeout(() => s.end("slow"), 2000),
  };
  require("node:http").createServer((q, s) => acts[q.url](q, s)).listen(process.env.PORT);`);

let croft: TestCroft;
const [slug, neighbour] = [uniqueSlug("limited"), uniqueSlug("neighbour")];
const host = `${slug}.localhost`;
const generous = {
  ...defaultLimits,
  requestsPerMinute: 1_000_000,
  pids: 64,
  memoryBytes: 128 * MB,
};
let visitors: Visitors;
let neighboursReplica: string;

const limit = async (limits: object, site = slug): Promise<void> => {
  const { status, body } = await croft.api("PUT", `/sites/${site}/limits`, limits);
  expect(status, JSON.stringify(body)).toBe(200);
};
const containerOf = (site: string): Promise<string> =>
  docker("ps", "-q", "--no-trunc", "--filter", `label=croft.site=${site}`);
/** Where the kernel counts a container's processes (cgroups(7), version 1 or 2). */
const pidsCgroup = async (container: string): Promise<string> => {
  const pid = await docker("inspect", "--format", "{{.State.Pid}}", container);
  const groups = await readFile(`/proc/${pid}/cgroup`, "utf8");
  const v1 = /^\d+:pids:(.+)$/m.exec(groups)?.[1];
  return v1 ? join("/sys/fs/cgroup/pids", v1) : join("/sys/fs/cgroup", /^0::(.+)$/m.exec(groups)![1]!);
};
const answers = (path = "/") =>
  until(
    "the site answers",
    () => croft.visit(host, path).catch(() => null),
    (answer) => answer?.status === 200,
  );
const siteWhen = (what: string, good: (site: SiteView) => boolean) =>
  until(what, () => croft.site(slug), good);

beforeAll(async () => {
  croft = await startCroft({ CROFT_VOLUME_KIND: "folder" });
  for (const site of [slug, neighbour]) {
    await croft.createSite(site);
    if (site === slug)
      await croft.api("POST", `/sites/${site}/volumes`, { name: "data", mountPath: "/data" });
    await limit(generous, site);
    const { exitCode, output } = await croft.push(site, app);
    expect(exitCode, output).toBe(0);
  }
  neighboursReplica = await containerOf(neighbour);
  visitors = keepVisiting(croft, `${neighbour}.localhost`);
});
afterAll(() => croft.destroy());
beforeEach(async () => {
  await limit(generous);
  await answers();
});

test("over its memory an app is killed and started again, and everybody who asks is told why", async () => {
  await croft.visit(host, "/eat").catch(() => {});
  const site = await siteWhen("the kill is noted", ({ replicas }) => (replicas[0]?.oomKills ?? 0) > 0);
  expect(site.replicas[0]!.reason).toContain("more than its memory limit of 128 MB");
  expect(site.replicas[0]!.restarts).toBe(1);
  const shown = await croft.cli(["site", "show", slug]);
  expect(shown.stdout).toContain("1 OOM kill");
  expect(shown.stdout).toContain("more than its memory limit of 128 MB");
  await answers();
});

test("a process of an app is killed for memory: the app goes on, it is told, and a later end is not blamed on it", async () => {
  const before = (await croft.site(slug)).replicas[0]!;
  expect((await croft.visit(host, "/child")).body).toBe("SIGKILL");
  await until(
    "it is told",
    () => croft.api<{ items: EventView[] }>("GET", `/sites/${slug}/events`),
    ({ body }) => body.items.some(({ message }) => message.includes("The app itself goes on")),
  );
  expect((await croft.site(slug)).replicas[0]).toMatchObject({ state: "running", restarts: before.restarts });
  // Not by GET: that would be tried again when the app ends.
  await croft.visit(host, "/exit", { method: "POST" }).catch(() => {});
  const { replicas } = await siteWhen("it ended", (site) => site.replicas[0]!.restarts > before.restarts);
  expect(replicas[0]).toMatchObject({ exitCode: 3, oomKills: before.oomKills });
  expect(replicas[0]!.lastExit).toMatchObject({ exitCode: 3, signal: null, oomKilled: false });
  await answers();
});

/** Ends the app, however often it ended before, and waits until it answers again. */
const killAndWait = async (): Promise<void> => {
  const before = (await croft.site(slug)).replicas[0]!.restarts;
  await docker("kill", await containerOf(slug));
  await siteWhen("it is started again", ({ replicas }) => replicas[0]!.restarts > before);
  await answers();
};

test("an app that tries to have more processes than it may gets errors, nobody else does", async () => {
  const { body } = await croft.visit(host, "/fork");
  const { started, errors } = JSON.parse(body) as { started: number; errors: string[] };
  expect(started).toBeGreaterThan(0);
  expect(started).toBeLessThan(64);
  expect(errors).toContain("EAGAIN");

  await killAndWait();
  const folder = await pidsCgroup(await containerOf(slug));
  const read = async (file: string) => Number(/(\d+)/.exec(await readFile(join(folder, file), "utf8"))?.[1]);
  await croft.visit(host, "/bomb");
  let most = 0;
  await until(
    "the bomb meets its limit",
    async () => {
      most = Math.max(most, await read("pids.current"));
      return read("pids.events");
    },
    (refused) => refused > 0,
  );
  expect(most).toBeLessThanOrEqual(64);
  await killAndWait();
});

test("a site may be let use idle CPU: the kernel holds it to a higher quota, at the share of its limit", async () => {
  const change = async (cpuBurst: boolean) =>
    (await croft.api<LimitsView>("PUT", `/sites/${slug}/limits`, { cpuMillicores: 250, cpuBurst })).body;
  const on = await change(true);
  expect(on.cpuBurst.on).toBe(true);
  expect(on.cpuBurst.ceilingMillicores).toBeGreaterThan(250);
  expect(on.applied?.cpuMillicores).toBe(on.cpuBurst.ceilingMillicores);
  expect(holdsShares(on.applied!, 256)).toBe(true);
  expect((await change(false)).applied?.cpuMillicores).toBe(250);
});

test("requests past the limit of a minute are told to come later", async () => {
  await limit({ requestsPerMinute: 5 });
  const codes: number[] = [];
  for (let i = 0; i < 12; i++) codes.push((await croft.visit(host)).status);
  expect(codes).toContain(200);
  expect(codes.at(-1)).toBe(429);
  const refused = await croft.visit(host);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
});

test("so are requests past the limit of those at once", async () => {
  await limit({ concurrentRequests: 2 });
  const slow = await Promise.all(Array.from({ length: 4 }, () => croft.visit(host, "/slow")));
  const codes = slow.map((answer) => answer.status).sort();
  expect(codes.filter((code) => code === 200)).toHaveLength(2);
  expect(codes.filter((code) => code === 429 || code === 503)).toHaveLength(2);
});

test("a body larger than allowed is refused before the app sees it", async () => {
  await limit({ maxBodyBytes: 1 * MB });
  const post = (bytes: number) =>
    croft.visit(host, "/take", { method: "POST", body: Buffer.alloc(bytes, 1) });
  expect((await post(2 * MB)).status).toBe(413);
  expect(await post(MB / 2)).toMatchObject({ status: 200, body: String(MB / 2) });
});

test("bandwidth is counted both ways", async () => {
  const total = async () =>
    (
      await croft.api<{ items: UsagePoint[] }>("GET", `/sites/${slug}/usage?resolution=hour`)
    ).body.items.reduce((sum, { bytesIn, bytesOut }) => ({ in: sum.in + bytesIn, out: sum.out + bytesOut }), {
      in: 0,
      out: 0,
    });
  const before = await total();
  expect((await croft.visit(host, "/large")).body).toHaveLength(5e6);
  await croft.visit(host, "/take", { method: "POST", body: Buffer.alloc(900_000, 1) });
  await until(
    "both are in the usage",
    total,
    (sum) => sum.out - before.out > 5e6 && sum.in - before.in > 900_000,
  );
});

test("past its disk limit a site is stopped and says so; it starts again", async () => {
  await limit({ diskBytes: 16 * MB });
  // It may have been ended before it answers.
  await croft.visit(host, "/fill");
  const stopped = await siteWhen("it is stopped", (site) => site.status === "stopped");
  expect(stopped.statusReason).toContain("disk limit");
  const page = await until(
    "visitors are told",
    () => croft.visit(host),
    (answer) => answer.status === 503,
  );
  expect(page.body).toContain("more disk space than it may");
  expect((await croft.cli(["site", "show", slug])).stdout).toContain(
    "stopped: stopped because it wrote more",
  );
  await until(
    "its container is gone",
    () => containerOf(slug),
    (id) => id === "",
  );
  // Its writable layer went with the container, so there is room again.
  expect((await croft.api("POST", `/sites/${slug}/start`)).status).toBe(200);
  await answers();
});

test("what fills a volume stays: started as it is the site is stopped again, with a higher limit it runs", async () => {
  await limit({ diskBytes: 16 * MB });
  await croft.visit(host, "/keep");
  await siteWhen("it is stopped", (site) => site.status === "stopped");
  await croft.api("POST", `/sites/${slug}/start`);
  await siteWhen("it is stopped again", (site) => site.status === "stopped");
  await limit({ diskBytes: 100 * MB });
  await croft.api("POST", `/sites/${slug}/start`);
  await answers();
  // It may be the former container, just about to go, that has answered.
  await siteWhen(
    "it is measured and runs",
    ({ diskUsedBytes, status }) => (diskUsedBytes ?? 0) > 16 * MB && status === "running",
  );
});

test("an app that ends again and again is started after pauses that grow", async () => {
  const looping = uniqueSlug("loop");
  await croft.createSite(looping);
  const { exitCode } = await croft.push(
    looping,
    nodeApp(`require("node:http").createServer((q, s) => s.end("up")).listen(process.env.PORT);
      setTimeout(() => { console.log("no database"); process.exit(7); }, 700);`),
  );
  expect(exitCode).toBe(0);
  const pauses: number[] = [];
  for (let restarts = 1; restarts <= 3; restarts++) {
    const [row] = await until(
      "it ended",
      async () =>
        rowsOf<{ endedAt: number; nextRestartAt: number; reason: string }>(
          croft,
          `SELECT replicas.ended_at AS endedAt, next_restart_at AS nextRestartAt, reason FROM replicas
           JOIN environments ON environments.id = environment_id JOIN sites ON sites.id = site_id
           WHERE slug = ? AND state = 'exited' AND restarts = ?`,
          looping,
          String(restarts),
        ),
      (rows) => rows.length === 1,
    );
    pauses.push(row!.nextRestartAt - row!.endedAt);
    expect(row!.reason).toContain("exit code 7");
    expect(row!.reason).toContain("no database");
  }
  expect(pauses[0]).toBeGreaterThanOrEqual(1000);
  expect(pauses[1]).toBeGreaterThanOrEqual(2000);
  expect(pauses[2]).toBeGreaterThanOrEqual(4000);
  const site = await croft.site(looping);
  expect(site.status).toBe("failed");
  expect(site.statusReason).toContain("exit code 7");
  const { replicas } = await until(
    "it is a loop",
    () => croft.site(looping),
    (seen) => seen.replicas[0]?.state === "crash_loop",
  );
  expect(replicas[0]!.lastExit).toMatchObject({
    exitCode: 7,
    lastLines: expect.arrayContaining(["no database"]),
  });
  const { body } = await croft.api<{ items: EventView[] }>("GET", `/sites/${looping}/events`);
  const told = body.items.map(({ kind }) => kind);
  expect(told.filter((kind) => kind === "replica.exited")).toHaveLength(1);
  expect(told.filter((kind) => kind === "replica.crash_loop")).toHaveLength(1);
});

test("the neighbour noticed nothing of all this", async () => {
  const { count, failures } = await visitors.stop();
  expect(failures.slice(0, 5)).toEqual([]);
  expect(count).toBeGreaterThan(100);
  expect(await containerOf(neighbour)).toBe(neighboursReplica);
});
