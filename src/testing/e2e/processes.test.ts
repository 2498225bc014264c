import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { ConnectionsView } from "../../domain/link.ts";
import type { ProcessView } from "../../domain/process-view.ts";
import { loadApp, startLoad } from "../load/load.ts";
import { docker, nodeApp, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { tenantOf } from "./tenant.ts";

setDefaultTimeout(300_000);

let croft: TestCroft;
beforeAll(async () => {
  croft = await startCroft({ CROFT_DRAIN_SECONDS: "2" });
});
afterAll(() => croft.destroy());

const processesOf = async (slug: string): Promise<ProcessView[]> =>
  (await croft.api<{ items: ProcessView[] }>("GET", `/sites/${slug}/processes`)).body.items;
const running = async (slug: string): Promise<Record<string, number>> =>
  Object.fromEntries((await processesOf(slug)).map((one) => [one.name, one.replicas.running]));
const runs = (slug: string, wanted: Record<string, number>) =>
  until(
    `${JSON.stringify(wanted)} of ${slug}`,
    () => running(slug),
    (now) => Bun.deepEquals(now, wanted),
    120_000,
  );
const command = async (...args: string[]): Promise<string> => {
  const { exitCode, stdout, stderr } = await croft.cli(args);
  expect(exitCode, stdout + stderr).toBe(0);
  return stdout;
};

/** A key-value server of a line, as a cache would be: `SET k v` and `GET k` over TCP. */
const storeCode = `const d = new Map(); require("net").createServer((s) => s.on("error", () => {}).on("data", (b) => { const [v, k, w] = String(b).trim().split(" "); if (v === "SET") d.set(k, w); s.end((v === "GET" ? d.get(k) || "none" : "ok") + "\\n"); })).listen(6380)`;
const deployed = (slug: string) =>
  until(
    `${slug} is deployed`,
    () => croft.lastDeployment(slug),
    ({ status }) => status === "success",
    120_000,
  );
const createStore = async (slug: string): Promise<void> => {
  await croft.createSite(slug, {
    image: "node:22-bookworm-slim",
    startCommand: `exec node -e '${storeCode}'`,
    port: 6380,
    internal: true,
  });
  await deployed(slug);
};

const ask = `
  const net = require("node:net");
  const ask = (host, port, line) => new Promise((resolve) => {
    if (!host) return resolve("no host");
    const socket = net.connect({ host, port, timeout: 2000 }, () => socket.write(line + "\\n"));
    let said = "";
    socket.on("data", (bytes) => (said += bytes)).on("end", () => resolve(said.trim()));
    socket.on("error", (error) => resolve(error.code)).on("timeout", () => { socket.destroy(); resolve("timeout"); });
  });`;
/** Its worker writes a beat into the store once a second; its web tells it, and reaches where it is told to. */
const app = (version: string): Record<string, string> => ({
  ...nodeApp(`${ask}
    require("node:http").createServer(async (q, s) => {
      const url = new URL(q.url, "http://x");
      if (url.pathname === "/reach") return s.end(await ask(url.searchParams.get("host"), Number(url.searchParams.get("port")), "GET beat"));
      s.end(await ask(process.env.STORE_HOST, process.env.STORE_PORT, "GET beat"));
    }).listen(process.env.PORT);`),
  "worker.js": `${ask}
    console.log("worker ${version} at work");
    let n = 0;
    setInterval(() => ask(process.env.STORE_HOST, process.env.STORE_PORT, "SET beat ${version}-" + ++n), 300);
    process.on("SIGTERM", () => { console.log("worker ${version} goes"); process.exit(0); });`,
  Procfile: "web: node server.js\nworker: node worker.js\nrelease: exit 1\n",
});

/** Reaches where it is told to, without a build. */
const reachCode = `const net = require("net"); require("http").createServer((q, s) => { const u = new URL(q.url, "http://x").searchParams; if (!u.get("host")) return s.end("up"); const c = net.connect({ host: u.get("host"), port: 6380, timeout: 2000 }, () => c.write("GET beat\\n")); c.on("data", (b) => s.end(b)).on("error", (e) => s.end(e.code)).on("timeout", () => { c.destroy(); s.end("timeout"); }); }).listen(process.env.PORT)`;
const prober = { image: "node:22-bookworm-slim", port: 3000, startCommand: `exec node -e '${reachCode}'` };

const addressesOf = async (slug: string): Promise<string[]> =>
  (
    await docker(
      "inspect",
      "--format",
      "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}",
      await docker("ps", "-q", "--filter", `label=croft.site=${slug}`),
    )
  )
    .split(/\s+/)
    .filter(Boolean);

test("a worker and an internal store reached by name; nobody else reaches it, and a cut link ends", async () => {
  const [store, shop, other] = [uniqueSlug("store"), uniqueSlug("shop"), uniqueSlug("other")];
  await createStore(store);
  expect(await croft.site(store)).toMatchObject({ status: "running", internal: true, urls: [] });
  const unknown = await croft.visit("no-such-site.localhost");
  expect((await croft.visit(`${store}.localhost`)).status).toBe(unknown.status);

  await croft.createSite(shop);
  const linked = await command("link", shop, "--to", store, "--as", "store");
  expect(linked).toContain("store:6380");
  const { exitCode, output } = await croft.push(shop, app("v1"));
  expect(exitCode, output).toBe(0);
  expect(output).toContain("the Procfile's release process is not run");
  expect(await running(shop)).toEqual({ web: 1, worker: 1 });
  const beat = async (slug = shop) => (await croft.visit(`${slug}.localhost`)).body;
  await until("the worker's beat", beat, (said) => said.startsWith("v1-"));

  // Another site of the same owner, not linked, and one of somebody else.
  const tenant = await tenantOf(croft, `bob${process.pid}`);
  const foreign = uniqueSlug("foreign");
  await tenant.createSite(foreign, prober);
  await croft.createSite(other, prober);
  for (const slug of [foreign, other]) await deployed(slug);
  const refused = await tenant.api("POST", `/sites/${foreign}/links`, { to: store });
  expect(refused.status).toBe(404);
  const hosts = [store, "store", ...(await addressesOf(store))];
  expect(hosts.length).toBe(4);
  const from = async (slug: string, host: string) =>
    (await croft.visit(`${slug}.localhost`, `/reach?host=${host}&port=6380`)).body;
  for (const host of hosts)
    for (const slug of [foreign, other])
      expect([host, slug, await from(slug, host)]).not.toContainEqual(expect.stringMatching(/^v1-/));
  // The same from where it may: a refusal elsewhere would prove nothing otherwise.
  expect(await from(shop, "store")).toMatch(/^v1-/);
  // The link is a network of its own: the one that the store has besides stays closed.
  const [ownAddress, linkAddress] = await addressesOf(store);
  expect(await from(shop, ownAddress!)).not.toMatch(/^v1-/);
  expect(await from(shop, linkAddress!)).toMatch(/^v1-/);

  // A deployment swaps the workers, and the link goes on.
  expect((await croft.push(shop, app("v2"))).exitCode).toBe(0);
  await until("the new worker's beat", beat, (said) => said.startsWith("v2-"));
  const workers = (await processesOf(shop)).find(({ name }) => name === "worker")!;
  expect(workers.items.map(({ state, release }) => ({ state, release }))).toEqual([
    { state: "running", release: 2 },
  ]);

  // Who may not go out still reaches what it is linked to.
  await command("site", "change", shop, "--egress", "off");
  const heard = await beat();
  await until("the beat goes on", beat, (said) => said.startsWith("v2-") && said !== heard);

  // A worker that ends at once fails the deployment with its last words, and the old one works on.
  const before = (await processesOf(shop)).flatMap(({ items }) => items.map(({ id }) => id));
  const failing = await croft.push(shop, {
    ...app("v3"),
    "worker.js": `console.log("no queue to work on"); process.exit(3);`,
  });
  expect(failing.output).toContain("no queue to work on");
  expect((await croft.lastDeployment(shop)).error?.message).toMatch(/process worker .*3.* within 3 s/);
  expect((await processesOf(shop)).flatMap(({ items }) => items.map(({ id }) => id))).toEqual(before);
  expect(await running(shop)).toEqual({ web: 1, worker: 1 });

  await command("unlink", shop, "store");
  await until("the name is known no longer", beat, (said) => !said.startsWith("v2-"));
  expect((await croft.api<ConnectionsView>("GET", `/sites/${store}/links`)).body.linkedFrom).toEqual([]);
  await command("link", shop, "--to", store, "--as", "store");
  await until("it is again, without a restart", beat, (said) => said.startsWith("v2-"));
});

test("scaling, a restart and a deployment of several replicas under load fail no request", async () => {
  const slug = uniqueSlug("wide");
  await croft.createSite(slug);
  await croft.api("PUT", `/sites/${slug}/limits`, {
    requestsPerMinute: 10_000_000,
    memoryBytes: 100 * 1024 ** 2,
  });
  const deployed = await croft.push(slug, loadApp("r1"));
  expect(deployed.exitCode, deployed.output).toBe(0);
  const load = startLoad({ port: croft.edgePort, host: `${slug}.localhost`, workersPerKind: 1, pauseMs: 5 });
  try {
    await command("scale", slug, "web=4");
    await runs(slug, { web: 4 });
    const before = new Set((await processesOf(slug))[0]!.items.map(({ id }) => id));
    expect((await croft.api("POST", `/sites/${slug}/restart`)).status).toBe(200);
    const fewest = { count: 4 };
    await until(
      "all are new",
      () => processesOf(slug),
      ([web]) => {
        fewest.count = Math.min(fewest.count, web!.replicas.running);
        return (
          web!.replicas.running === 4 &&
          web!.items.length === 4 &&
          web!.items.every(({ id }) => !before.has(id))
        );
      },
      120_000,
    );
    expect(fewest.count).toBeGreaterThanOrEqual(3);
    expect((await croft.push(slug, loadApp("r2"))).exitCode).toBe(0);
    await command("site", "change", slug, "--replicas", "2");
    await runs(slug, { web: 2 });
    expect((await croft.api("POST", `/sites/${slug}/rollback`, {})).status).toBe(202);
    await until(
      "the first release is back",
      () => processesOf(slug),
      ([web]) =>
        web!.items.length === 2 &&
        web!.items.every(({ release, state }) => release === 1 && state === "running"),
      120_000,
    );
  } finally {
    await load.stop();
  }
  expect(load.report.failures).toEqual([]);
  expect(load.report.failed).toBe(0);
  expect(load.report.requests).toBeGreaterThan(200);
});

test("bounds of replicas are said; limits of a process are its own and the kernel's", async () => {
  const slug = uniqueSlug("sizes");
  await croft.createSite(slug);
  expect(
    (
      await croft.push(slug, {
        ...app("v1"),
        "croft.json": JSON.stringify({
          processes: { worker: { command: "exec node worker.js", memory: "64m", cpu: 0.25, pids: 40 } },
        }),
      })
    ).exitCode,
  ).toBe(0);
  const scale = (counts: object) =>
    croft.api<{ errors: { path: string; message: string }[]; detail: string }>(
      "PUT",
      `/sites/${slug}/scale`,
      counts,
    );
  for (const [counts, words] of [
    [{ web: 11 }, "from 0 to 10"],
    [{ web: 0 }, "must be 1 to 10"],
    [{ clock: 1 }, "is no process"],
    [{ web: 10, worker: 3 }, "at most 12"],
  ] as const) {
    const { status, body } = await scale(counts);
    expect([status, JSON.stringify(body)]).toEqual([422, expect.stringContaining(words)]);
  }
  const containers = async () =>
    JSON.parse(
      `[${(
        await docker(
          "ps",
          "-q",
          "--filter",
          `label=croft.site=${slug}`,
          "--filter",
          "label=croft.process=worker",
        )
      )
        .split("\n")
        .filter(Boolean)
        .map((id) => `"${id}"`)
        .join(",")}]`,
    ) as string[];
  const held = async () =>
    docker(
      "inspect",
      "--format",
      "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}",
      ...(await containers()),
    );
  expect(await held()).toBe(`${64 * 1024 ** 2} 250000000 40`);
  await command("process", "set", slug, "worker", "--memory", "96m");
  await until("the kernel holds the new limit", held, (now) => now === `${96 * 1024 ** 2} 250000000 40`);
  // Added by hand: from the next deployment on, by the same image.
  const added = await command(
    "process",
    "set",
    slug,
    "clock",
    "--command",
    "while true; do date; sleep 1; done",
    "--memory",
    "32m",
  );
  expect(added).toContain("next deployment");
  expect((await processesOf(slug)).map(({ name, state }) => [name, state])).toEqual([
    ["web", "current"],
    ["worker", "current"],
    ["clock", "waiting"],
  ]);
  expect((await croft.push(slug, app("v2"))).exitCode).toBe(0);
  await runs(slug, { web: 1, worker: 1, clock: 1 });
  const shown = await command("ps", slug);
  expect(shown).toMatch(/clock +1\/1 +32 MB/);
  await command("scale", slug, "worker=0", "clock=2");
  await runs(slug, { web: 1, worker: 0, clock: 2 });
});

test("a site of workers alone runs without an address; stopped and started it works again", async () => {
  const slug = uniqueSlug("workers");
  await croft.createSite(slug, { type: "app" });
  const { exitCode, output } = await croft.push(slug, { ...app("v1"), Procfile: "worker: node worker.js\n" });
  expect(exitCode, output).toBe(0);
  expect(output).toContain("Live: it runs, without an address");
  expect(await croft.site(slug)).toMatchObject({ status: "running", urls: [] });
  const unknown = await croft.visit("no-such-site.localhost");
  expect((await croft.visit(`${slug}.localhost`)).status).toBe(unknown.status);
  expect(await running(slug)).toEqual({ worker: 1 });
  await command("site", "stop", slug);
  await runs(slug, { worker: 0 });
  await command("site", "start", slug);
  await runs(slug, { worker: 1 });
});
