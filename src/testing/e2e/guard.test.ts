import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { GB } from "../../domain/size.ts";
import type { GuardSettingsPatch, GuardView } from "../../domain/guard.ts";
import { busyboxImage } from "../docker-fixture.ts";
import { type Attack, attackFrom } from "../load/attacks.ts";
import { docker, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";

setDefaultTimeout(120_000);

let croft: TestCroft;
const [noisy, quiet] = [uniqueSlug("noisy"), uniqueSlug("quiet")];
/** A name of its own: names that begin with croft are not a tenant's to deploy. */
const image = `${uniqueSlug("guard")}:latest`;

const view = async (): Promise<GuardView> => (await croft.api<GuardView>("GET", "/host/guard")).body;
const change = async (patch: GuardSettingsPatch): Promise<void> => {
  const { status, body } = await croft.api("PATCH", "/host/guard", patch);
  expect(status, JSON.stringify(body)).toBe(200);
};
/** Nothing is ever under pressure. */
const calm: GuardSettingsPatch = {
  ...{ diskFreeBytes: 16 * 1024 ** 2, memoryAvailableBytes: 16 * 1024 ** 2, memoryStalledPercent: 100 },
  ...{ cpuBusyPercent: 100, cpuStalledPercent: 100, ioStalledPercent: 100 },
};
const quick: GuardSettingsPatch = { patienceSeconds: 1, stepSeconds: 1, calmSeconds: 1 };

beforeAll(async () => {
  croft = await startCroft({ CROFT_GUARD: "on" });
  await change({ ...calm, ...quick });
  await docker("tag", await busyboxImage(), image);
  for (const slug of [noisy, quiet]) {
    await croft.createSite(slug, {
      type: "image",
      image,
      startCommand: "echo hello > /tmp/index.html; exec httpd -f -p $PORT -h /tmp",
    });
    // What it writes is the guard's to see here, not the disk limit's.
    await croft.api("PUT", `/sites/${slug}/limits`, {
      diskBytes: 40 * GB,
      memoryBytes: GB / 4,
      cpuMillicores: 2000,
    });
    // Nor is it put to sleep, when the tests take their time.
    expect((await croft.api("PATCH", `/sites/${slug}/sleep-policy`, { never: true })).status).toBe(200);
    await croft.api("POST", `/sites/${slug}/deployments`, {});
    await until(
      `${slug} is deployed`,
      () => croft.lastDeployment(slug),
      ({ status }) => status === "success",
      60_000,
    );
  }
});
afterAll(async () => {
  await croft?.destroy();
  await docker("rmi", image);
});

const held = ({ inForce }: GuardView) => inForce.map(({ kind, site }) => [kind, site]);
const isPaused = (one: GuardView): boolean => one.inForce.some(({ kind }) => kind === "pause");
const cpuOfNoisy = async () => (await croft.site(noisy)).limits.applied?.cpuMillicores;
const undone = () => until("all is undone", view, ({ inForce }) => inForce.length === 0, 60_000);

/** Bounds that the machine is past whatever it does, each of the kind that the attack is about. */
const pressed: Record<Attack, GuardSettingsPatch> = {
  "CPU burn": { cpuBusyPercent: 1, cpuStalledPercent: 0 },
  "fork bomb": { cpuBusyPercent: 1, cpuStalledPercent: 0 },
  "log flood": { diskFreeBytes: 100 * 1024 * GB },
  "memory hog": { memoryAvailableBytes: 1024 * GB },
  "disk fill": { diskFreeBytes: 100 * 1024 * GB },
};

const isThrottled = (one: GuardView): boolean => one.inForce.some(({ kind }) => kind === "throttle");

for (const attack of ["CPU burn", "fork bomb"] as const)
  test(`${attack}: the guard slows down who does it, nobody else, until the pressure is over`, async () => {
    const attacked = await attackFrom(noisy, attack);
    try {
      await change(pressed[attack]);
      const seen = await until("the guard has slowed it down", view, isThrottled, 60_000);
      expect(held(seen)).toEqual([
        ["throttle", noisy],
        ["builds", null],
      ]);
      const { status, statusReason } = await croft.site(noisy);
      expect(status).toBe("running");
      expect(statusReason).toStartWith("slowed down to 0.4 of its 2 cores: the server's processors");
      await until("the kernel holds it", cpuOfNoisy, (millicores) => millicores === 400);
      await change(calm);
      await undone();
    } finally {
      await attacked.stop();
    }
    await until("it has its own limit again", cpuOfNoisy, (millicores) => millicores === 2000);
    expect((await croft.site(noisy)).statusReason).toBeNull();
  });

for (const attack of ["log flood", "memory hog", "disk fill"] as const)
  test(`${attack}: the guard pauses who does it, nobody else, and lets it go on when the pressure is over`, async () => {
    const edge = (await croft.edge()).pid;
    const attacked = await attackFrom(noisy, attack);
    try {
      await change(pressed[attack]);
      const seen = await until("the guard has paused it", view, isPaused, 60_000);
      expect(new Set(held(seen).map(([, site]) => site))).toEqual(new Set([noisy, null]));
      expect(held(seen).at(-1)).toEqual(["builds", null]);
      const site = await croft.site(noisy);
      expect([site.status, site.statusReason]).toEqual([
        "stopped",
        expect.stringMatching(/^paused: the server/),
      ]);
      await until(
        "visitors are told",
        () => croft.visit(`${noisy}.localhost`),
        ({ status, body }) => status === 503 && body.includes("This site is paused"),
      );
      expect((await croft.visit(`${quiet}.localhost`)).body).toBe("hello\n");
      await change(calm);
      await undone();
    } finally {
      await attacked.stop();
    }
    await until(
      "it serves again",
      () => croft.visit(`${noisy}.localhost`),
      ({ status }) => status === 200,
      60_000,
    );
    expect(await croft.site(noisy)).toMatchObject({ status: "running", statusReason: null });
    expect((await croft.edge()).pid).toBe(edge);
  });

test("a command in a container of its own is its site's doing, and stands still with it", async () => {
  const gone = new AbortController();
  const exec = (command: string, signal: AbortSignal) =>
    fetch(`http://127.0.0.1:${croft.panelPort}/api/v1/sites/${noisy}/exec`, {
      method: "POST",
      headers: { authorization: `Bearer ${croft.token}`, "content-type": "application/json" },
      body: JSON.stringify({ command }),
      signal,
    });
  const helpers = () =>
    docker(
      ...["ps", "--format", "{{.Status}}"],
      ...["--filter", `label=croft.site=${noisy}`, "--filter", "label=croft.role=helper"],
    );
  try {
    const burning = await exec("while :; do :; done", gone.signal);
    expect(burning.status).toBe(200);
    // Who does not read is taken for gone, and the command ends with it.
    void burning.text().catch(() => {});
    await change(pressed["CPU burn"]);
    const seen = await until("the guard has paused it", view, isPaused, 60_000);
    expect(held(seen)).toEqual([
      ["pause", noisy],
      ["throttle", noisy],
      ["builds", null],
    ]);
    await until("it stands still", helpers, (status) => status.includes("Paused"));
    const another = await exec("true", AbortSignal.timeout(30_000));
    expect(another.status).toBe(409);
    expect(await another.text()).toContain("the site is paused");
    await change(calm);
    await undone();
    await until("it goes on", helpers, (status) => status !== "" && !status.includes("Paused"));
  } finally {
    gone.abort();
    await change(calm);
  }
  await until("it has ended", helpers, (status) => status === "");
});

test("what is in force outlives the daemon, is no drift, and is undone by the next one; an operator can do so before", async () => {
  const attacked = await attackFrom(noisy, "memory hog");
  try {
    await change(pressed["memory hog"]);
    await until("the guard has paused it", view, isPaused, 60_000);
    await croft.kill("SIGKILL");
    await croft.start();
    const seen = await view();
    expect(held(seen)).toEqual([
      ["pause", noisy],
      ["throttle", noisy],
      ["builds", null],
    ]);
    await until("the kernel holds less", cpuOfNoisy, (millicores) => millicores === 400);
    const released = await croft.cli(["guard", "release", noisy]);
    expect(released.stdout).toContain("is released");
    expect(held(await view())).toEqual([["builds", null]]);
    await until(
      "it serves again",
      () => croft.visit(`${noisy}.localhost`),
      ({ status }) => status === 200,
      60_000,
    );
    await change(calm);
    await undone();
    await until("it has its own limit again", cpuOfNoisy, (millicores) => millicores === 2000);
    const events = await croft.api<{ items: { kind: string; endedAt: string | null }[] }>(
      "GET",
      `/sites/${noisy}/events?limit=200`,
    );
    const kinds = events.body.items.map(({ kind }) => kind);
    expect(kinds).not.toContain("limits.drift");
    expect(kinds).not.toContain("container.unpaused");
    expect(
      events.body.items.filter(({ kind, endedAt }) => kind.startsWith("guard.") && endedAt === null),
    ).toEqual([]);
  } finally {
    await attacked.stop();
  }
});

test("a build waits while memory is short, says so, and begins when it is not", async () => {
  const slug = uniqueSlug("builds");
  await croft.createSite(slug);
  await change({ memoryAvailableBytes: 1024 * GB });
  await until("builds wait", view, ({ buildsWait }) => buildsWait !== null);
  const push = croft.push(slug, { Dockerfile: 'FROM node:22\nCMD ["node", "-e", "0"]\n' });
  await until(
    "its log says why",
    async () => (await croft.cli(["deployments", slug, "--json"])).stdout,
    (text) => text.includes('"building"'),
  );
  const { id } = await croft.lastDeployment(slug);
  const lines = () => croft.api<{ items: { message: string }[] }>("GET", `/deployments/${id}/logs`);
  await until("its log says why", lines, ({ body }) =>
    body.items.some(({ message }) => /^the build waits: the server has .* of free memory left/.test(message)),
  );
  await change(calm);
  await until("it begins", lines, ({ body }) =>
    body.items.some(({ message }) => message === "the build begins"),
  );
  await croft.cli(["cancel", id]);
  await push;
});
