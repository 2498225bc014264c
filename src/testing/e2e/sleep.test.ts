import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { EventView } from "../../domain/event.ts";
import type { SleepPolicyView } from "../../domain/sleep.ts";
import type { SiteView, UsagePoint } from "../../domain/views.ts";
import { docker, nodeApp, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";

setDefaultTimeout(120_000);

// Sites that nobody visits sleep, and wake when somebody does: on real containers.

let croft: TestCroft;
const slug = uniqueSlug("doze");
const host = `${slug}.localhost`;

/** Says which start of it answers, and how many requests that has seen; takes upgrades, and dies when it finds itself broken. */
const app = (release: string): Record<string, string> =>
  nodeApp(`
const boot = Math.random().toString(36).slice(2);
let hits = 0;
if (require("node:fs").existsSync("/broken")) process.exit(7);
const server = require("node:http").createServer((q, s) => {
  hits++;
  setTimeout(() => s.end(["${release}", boot, hits].join(" ")), q.url === "/slow" ? 1500 : 0);
});
server.on("upgrade", (q, socket) => {
  const hash = require("node:crypto").createHash("sha1");
  const accept = hash.update(q.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest("base64");
  socket.write("HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Accept: " + accept + "\\r\\n\\r\\n");
  socket.on("data", () => socket.end());
});
process.on("SIGTERM", () => process.exit(0));
server.listen(process.env.PORT);`);

const boot = (body: string): string => body.split(" ")[1]!;
const visit = async (path = "/"): Promise<string> => {
  const { status, body } = await croft.visit(host, path);
  expect(status, body).toBe(200);
  return body;
};
const policy = async (change: object): Promise<void> => {
  const { status, body } = await croft.api("PATCH", `/sites/${slug}/sleep-policy`, change);
  expect(status, JSON.stringify(body)).toBe(200);
};
const sleep = (how = "freeze") => croft.api<SiteView>("POST", `/sites/${slug}/sleep`, { how });
/** Once everything of a moment before is over. */
const asleep = async (how = "freeze"): Promise<void> => {
  await until(
    `it can be put to sleep (${how})`,
    () => sleep(how),
    ({ status }) => status === 200,
  );
};
const site = (): Promise<SiteView> => croft.site(slug);
const state = async (): Promise<string> => (await site()).sleep.state;
const containers = async (format = "{{.State}}"): Promise<string> =>
  docker(
    "ps",
    "-a",
    "--filter",
    `label=croft.site=${slug}`,
    "--filter",
    "label=croft.role=site",
    "--format",
    format,
  );
const events = async (kind: string): Promise<EventView[]> =>
  (await croft.api<{ items: EventView[] }>("GET", `/sites/${slug}/events?limit=100`)).body.items.filter(
    (event) => event.kind === kind,
  );

const deploy = async (release: string): Promise<void> => {
  const { exitCode, output } = await croft.push(slug, app(release));
  expect(exitCode, output).toBe(0);
  expect((await croft.lastDeployment(slug)).status, output).toBe("success");
};

beforeAll(async () => {
  croft = await startCroft({ CROFT_DRAIN_SECONDS: "2" });
  await croft.createSite(slug);
  await croft.api("PUT", `/sites/${slug}/limits`, { requestsPerMinute: 1_000_000, cpuMillicores: 1000 });
  await deploy("r1");
});
afterAll(() => croft.destroy());

test("fifty visitors at once are one wake, and all are answered by the process that was frozen", async () => {
  const before = await visit();
  await asleep();
  expect(await containers()).toBe("paused");
  expect(await site()).toMatchObject({ status: "sleeping", sleep: { state: "frozen" } });
  const bodies = await Promise.all(Array.from({ length: 50 }, () => visit()));
  for (const body of bodies) expect(boot(body)).toBe(boot(before));
  await until("it is awake", state, (now) => now === "awake");
  expect(await containers()).toBe("running");
  expect((await site()).status).toBe("running");
  expect(await events("site.woken")).toHaveLength(1);
  const [frozen] = await events("site.frozen");
  expect(frozen).toMatchObject({ message: expect.stringContaining("somebody asked for it") });
  expect(frozen!.endedAt).not.toBeNull();
});

test("what is stopped to sleep is started by the first of many", async () => {
  const before = await visit();
  await asleep("stop");
  expect(await containers()).toBe("exited");
  expect(await site()).toMatchObject({ status: "sleeping", sleep: { state: "stopped" } });
  const woken = (await events("site.woken")).length;
  const bodies = await Promise.all(Array.from({ length: 50 }, () => visit()));
  expect(new Set(bodies.map(boot)).size).toBe(1);
  expect(boot(bodies[0]!)).not.toBe(boot(before));
  await until("it is awake", state, (now) => now === "awake");
  expect((await events("site.woken")).length).toBe(woken + 1);
  expect(await events("replica.exited")).toEqual([]);
});

test("idle sites freeze, then stop; usage counts sleep as up, and its seconds are kept apart", async () => {
  const body = await visit();
  await policy({ freezeAfterMinutes: 0.05, stopAfterMinutes: 0.1 });
  await until("it is frozen", state, (now) => now === "frozen");
  await until("it is stopped", state, (now) => now === "stopped");
  const shown = (await croft.api<SleepPolicyView>("GET", `/sites/${slug}/sleep-policy`)).body;
  expect(shown.sleep.reason).toContain("nobody has visited it for 6 seconds");
  expect(shown.slept.frozenSeconds).toBeGreaterThan(0);
  expect(shown.sleep.memory!.beforeBytes).toBeGreaterThan(1_000_000);
  expect(shown.sleep.memory!.afterBytes).toBe(0);
  const sinceMs = Date.parse(shown.sleep.since!);
  const points = await until(
    "samples of its sleep",
    async () =>
      (
        await croft.api<{ items: UsagePoint[] }>("GET", `/sites/${slug}/usage?resolution=raw`)
      ).body.items.filter(({ at }) => Date.parse(at) > sinceMs + 5_000),
    (items) => items.length > 2,
  );
  for (const point of points) expect(point.uptimeSeconds).toBeGreaterThan(0);
  expect(points.at(-1)!.memoryBytes.avg).toBe(0);
  await policy({ freezeAfterMinutes: null, stopAfterMinutes: null });
  expect(boot(await visit())).not.toBe(boot(body));
});

test("requests and open connections keep it awake", async () => {
  const slow = visit("/slow");
  await until(
    "it is under way",
    sleep,
    ({ status, body }) => status === 409 && /under way/.test(JSON.stringify(body)),
  );
  await slow;
  await policy({ freezeAfterMinutes: 0.05 });
  const before = boot(await visit());
  const socket = new WebSocket(`ws://127.0.0.1:${croft.edgePort}/`, { headers: { Host: host } } as never);
  const opened = Promise.withResolvers<void>();
  socket.onopen = () => opened.resolve();
  socket.onclose = () => opened.reject(new Error("closed"));
  await opened.promise;
  const asked = await sleep();
  expect(asked.status).toBe(409);
  expect(JSON.stringify(asked.body)).toContain("under way");
  // Longer than it may be idle.
  const openedMs = performance.now();
  while (performance.now() - openedMs < 5_000) {
    expect(await state()).toBe("awake");
    await Bun.sleep(250);
  }
  socket.close();
  await until("it freezes once the connection ends", state, (now) => now === "frozen");
  await policy({ freezeAfterMinutes: 0, stopAfterMinutes: 0 });
  expect(boot(await visit())).toBe(before);
});

const rounds = Array.from({ length: process.env.CROFT_SOAK === "1" ? 20 : 2 }, (_, at) =>
  at % 2 === 1 ? "stop" : "freeze",
);

const killsDeadlineMs = process.env.CROFT_SOAK === "1" ? 900_000 : 120_000;

test(
  "a daemon that was killed while a site sleeps, or wakes, lets nobody wait for ever",
  async () => {
    const before = boot(await visit());
    for (const how of ["freeze", "stop"]) {
      await asleep(how);
      await croft.kill("SIGKILL");
      const waiting = visit();
      await Bun.sleep(200);
      await croft.start();
      const after = boot(await waiting);
      expect(after === before).toBe(how === "freeze");
      await until("it is awake", state, (now) => now === "awake");
    }
    // At any moment of a wake.
    for (const [at, how] of rounds.entries()) {
      await asleep(how);
      const waiting = visit();
      await Bun.sleep(at * 15);
      await croft.kill("SIGKILL");
      await croft.start();
      await waiting;
      await until("it is awake", state, (now) => now === "awake");
      await until(
        "it runs",
        () => containers(),
        (text) => text === "running",
      );
    }
    // And while it falls asleep.
    for (const [at, how] of rounds.entries()) {
      const asked = sleep(how).catch(() => null);
      await Bun.sleep(at * 15);
      await croft.kill("SIGKILL");
      await asked;
      await croft.start();
      await visit();
      await until("it is awake", state, (now) => now === "awake");
      await until(
        "it runs",
        () => containers(),
        (text) => text === "running",
      );
    }
  },
  killsDeadlineMs,
);

test("the edge is killed while a site sleeps", async () => {
  await asleep();
  process.kill((await croft.edge()).pid, "SIGKILL");
  await until(
    "another edge",
    () => croft.edge().catch(() => null),
    (edge) => edge !== null,
  );
  await until(
    "it is woken",
    () =>
      croft.visit(host).then(
        ({ status }) => status,
        () => 0,
      ),
    (status) => status === 200,
  );
  await until("it is awake", state, (now) => now === "awake");
});

test("what people do to the containers of a sleeper: it is awake, or stays asleep and wakes all the same", async () => {
  await asleep();
  await docker("unpause", await containers("{{.ID}}"));
  await until("it is awake", state, (now) => now === "awake");
  await asleep("stop");
  await docker("start", await containers("{{.ID}}"));
  await until("it is awake", state, (now) => now === "awake");
  await until(
    "it serves",
    () => croft.visit(host),
    ({ status }) => status === 200,
  );
  // As a restart of the engine leaves it.
  await asleep();
  await docker("kill", await containers("{{.ID}}"));
  await until("it sleeps on", state, (now) => now === "stopped");
  await visit();
  await until("it is awake", state, (now) => now === "awake");
  await asleep("stop");
  const gone = await containers("{{.ID}}");
  await docker("rm", "-f", gone);
  await visit();
  await until("it is awake", state, (now) => now === "awake");
  expect(await containers("{{.ID}}")).not.toBe(gone);
});

test("limits are changed, and the site stopped, started and restarted, while it sleeps", async () => {
  await asleep();
  const { body } = await croft.api<{ applied: { memoryBytes: number; pids: number } }>(
    "PUT",
    `/sites/${slug}/limits`,
    { memoryBytes: 300 * 1024 ** 2, pids: 99 },
  );
  expect(body.applied).toMatchObject({ memoryBytes: 300 * 1024 ** 2, pids: 99 });
  expect(await state()).toBe("frozen");
  expect(await containers()).toBe("paused");
  expect((await croft.cli(["site", "stop", slug])).exitCode).toBe(0);
  await until(
    "its containers go",
    () => containers(),
    (text) => text === "",
  );
  expect((await site()).status).toBe("stopped");
  expect(await state()).toBe("awake");
  expect((await croft.cli(["site", "start", slug])).exitCode).toBe(0);
  await until(
    "it serves",
    () => croft.visit(host),
    ({ status }) => status === 200,
  );
  await until(
    "it runs",
    async () => (await site()).status,
    (status) => status === "running",
  );
  for (const how of ["freeze", "stop"]) {
    await asleep(how);
    const old = await containers("{{.ID}}");
    expect((await croft.cli(["site", "restart", slug])).exitCode).toBe(0);
    await until(
      "new ones",
      () => containers("{{.ID}} {{.State}}"),
      (text) => /^\w+ running$/.test(text) && !text.startsWith(old),
    );
    await visit();
    expect(await state()).toBe("awake");
  }
});

test("several replicas sleep and wake together", async () => {
  const { status } = await croft.api("PATCH", `/sites/${slug}`, { replicas: 2 });
  expect(status).toBe(200);
  const running = async (): Promise<number> =>
    (await site()).replicas.filter((one) => one.state === "running").length;
  await until("two run", running, (n) => n === 2);
  for (const how of ["freeze", "stop"]) {
    await asleep(how);
    expect(await containers()).toBe(how === "freeze" ? "paused\npaused" : "exited\nexited");
    await Promise.all(Array.from({ length: 20 }, () => visit()));
    await until("two run again", running, (n) => n === 2);
    expect(await containers()).toBe("running\nrunning");
  }
  await asleep();
  await docker("kill", (await containers("{{.ID}}")).split("\n")[0]!);
  await until("none is left frozen", state, (now) => now === "stopped");
  await until(
    "both ended",
    () => containers(),
    (text) => text === "exited\nexited",
  );
  await visit();
  await until("two run again", running, (n) => n === 2);
  await croft.api("PATCH", `/sites/${slug}`, { replicas: 1 });
  await until(
    "one container",
    () => containers(),
    (text) => text === "running",
  );
});

test("a deployment of a sleeper serves at once, and nothing of the old release is left", async () => {
  for (const [how, release] of [
    ["freeze", "r2"],
    ["stop", "r3"],
  ] as const) {
    await asleep(how);
    await deploy(release);
    expect(await visit()).toStartWith(release);
    expect(await state()).toBe("awake");
    await until(
      "one container",
      () => containers(),
      (text) => text === "running",
    );
  }
  expect(await events("site.wake_failed")).toEqual([]);
});

test("one that cannot be woken: who waits is told with Retry-After, and an event says why", async () => {
  await docker("exec", "--user", "0", await containers("{{.ID}}"), "touch", "/broken");
  const changed = await croft.api("PATCH", `/sites/${slug}`, { healthCheck: { deadlineSeconds: 5 } });
  expect(changed.status).toBe(200);
  await asleep("stop");
  const answer = await croft.visit(host);
  expect(answer.status).toBe(503);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  const [failed] = await until(
    "it is told",
    () => events("site.wake_failed"),
    (all) => all.length > 0,
  );
  expect(failed).toMatchObject({
    severity: "warning",
    message: expect.stringContaining("ended while it started"),
  });
  await croft.api("PATCH", `/sites/${slug}`, { healthCheck: { deadlineSeconds: 60 } });
  await deploy("r4");
  expect(await visit()).toStartWith("r4");
});

test("when it sleeps: times to wake, defaults of the installation, and what is refused", async () => {
  await asleep();
  const set = await croft.cli([
    "site",
    "sleep-policy",
    slug,
    "--wake-at",
    "0 5 * * *",
    "--time-zone",
    "Asia/Tokyo",
  ]);
  expect(set.exitCode, set.stderr).toBe(0);
  expect(set.stdout).toContain("frozen since");
  expect(set.stdout).toContain("0 5 * * * (Asia/Tokyo)");
  expect((await croft.cli(["site", "wake", slug])).exitCode).toBe(0);
  expect(await state()).toBe("awake");
  for (const wrong of [
    { wakeAt: ["x y z w v"] },
    { wakeAt: ["0 0 31 2 *"] },
    { timeZone: "Mars/Base" },
    { freezeAfterMinutes: -1 },
    { stopAfterMinutes: 0.01 },
    { other: 1 },
  ])
    expect(
      (await croft.api("PATCH", `/sites/${slug}/sleep-policy`, wrong)).status,
      JSON.stringify(wrong),
    ).toBe(422);
  expect((await croft.cli(["host", "sleep", "--freeze-after", "20m"])).stdout).toContain("after 20 min");
  await policy({ freezeAfterMinutes: null, wakeAt: [] });
  const shown = await croft.cli(["site", "sleep-policy", slug]);
  expect(shown.stdout).toContain("after 20 min without visitors (as the installation says)");
  const pages = uniqueSlug("still");
  await croft.createSite(pages, { type: "static" });
  expect((await croft.push(pages, { "index.html": "still" })).exitCode).toBe(0);
  const refused = await croft.cli(["site", "sleep", pages]);
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain("nothing of it runs");
});
