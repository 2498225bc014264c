import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { ProcessView } from "../../domain/process-view.ts";
import { bridgeName } from "../../docker/networks.ts";
import { run, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { ownDocker, type OwnDocker, webImage } from "./own-docker.ts";

setDefaultTimeout(300_000);

// What links sites with a Docker that is restarted, and after what people do to networks by hand.

let own: OwnDocker;
let croft: TestCroft;
const [store, shop] = [uniqueSlug("store"), uniqueSlug("shop")];

/** Says a word to whoever connects, and how often it has begun on its volume. */
const storeCommand =
  "echo x >> /data/starts; [ -e /data/lock ] && echo twice >> /data/errors; touch /data/lock; trap 'rm -f /data/lock; exit 0' TERM; while true; do echo stored $(wc -l < /data/starts) | nc -l -p 6380 & wait $!; done";
/** A page of what the store last said. */
const shopCommand =
  "mkdir -p /tmp/www; (while true; do nc -w 2 $STORE_HOST $STORE_PORT </dev/null > /tmp/said 2>&1 || echo none > /tmp/said; mv /tmp/said /tmp/www/index.html; sleep 0.2; done) & exec httpd -f -p $PORT -h /tmp/www";

let bridge = "";
const letPass = (): string[] => ["-i", bridge, "-o", bridge, "-j", "ACCEPT"];
const linkNetwork = (): Promise<string> =>
  own.docker("network", "ls", "--format", "{{.Name}}", "--filter", "name=croft-lnk_");

const containerOf = (slug: string, process = "web"): Promise<string> =>
  own.docker(
    "ps",
    "-q",
    "--filter",
    `label=croft.site=${slug}`,
    "--filter",
    `label=croft.process=${process}`,
  );
const asked = async (): Promise<string> => (await croft.visit(`${shop}.localhost`)).body.trim();
const answers = () =>
  until("the store answers the shop", asked, (said) => said.startsWith("stored"), 120_000, 300);
const deployed = (slug: string, count: number) =>
  until(
    `${count} deployments of ${slug}`,
    async () =>
      (
        await croft.api<{ items: { status: string }[] }>("GET", `/sites/${slug}/deployments`)
      ).body.items.filter(({ status }) => status === "success").length,
    (successes) => successes >= count,
    120_000,
  );

beforeAll(async () => {
  own = await ownDocker();
  croft = await startCroft({ DOCKER_HOST: own.host });
  await croft.createSite(store, { image: webImage, internal: true, port: 6380, startCommand: storeCommand });
  expect(
    (await croft.api("POST", `/sites/${store}/volumes`, { name: "data", mountPath: "/data" })).status,
  ).toBe(201);
  await deployed(store, 1);
  expect((await croft.api("POST", `/sites/${store}/deployments`, {})).status).toBe(202);
  await deployed(store, 2);
  await croft.createSite(shop, { image: webImage, port: 8080, startCommand: shopCommand });
  const linked = await croft.api("POST", `/sites/${shop}/links`, { to: store, name: "store" });
  expect(linked.status, JSON.stringify(linked.body)).toBe(201);
  // This Docker leaves iptables alone, and the machine's other one lets nothing pass that it does not know.
  bridge = bridgeName(await linkNetwork());
  expect((await run(["iptables", "-w", "5", "-I", "FORWARD", ...letPass()])).exitCode).toBe(0);
  const set = await croft.api("PUT", `/sites/${shop}/processes/worker`, {
    command: "while true; do sleep 1; done",
  });
  expect(set.status, JSON.stringify(set.body)).toBe(200);
  await deployed(shop, 1);
  expect((await croft.api("POST", `/sites/${shop}/deployments`, {})).status).toBe(202);
  await deployed(shop, 2);
});
afterAll(async () => {
  if (bridge !== "") await run(["iptables", "-w", "5", "-D", "FORWARD", ...letPass()]);
  await croft.destroy();
  await own[Symbol.asyncDispose]();
});

test("a store with a volume runs once at a time, through deployments and restarts", async () => {
  await answers();
  const before = await containerOf(store);
  expect((await croft.api("POST", `/sites/${store}/deployments`, {})).status).toBe(202);
  await deployed(store, 3);
  await answers();
  expect((await croft.api("POST", `/sites/${store}/restart`)).status).toBe(200);
  await until(
    "another container",
    () => containerOf(store),
    (id) => id !== "" && id !== before && !id.includes("\n"),
  );
  await answers();
  expect((await croft.api("PUT", `/sites/${store}/scale`, { web: 2 })).status).toBe(409);
  expect(
    await own.docker("exec", await containerOf(store), "sh", "-c", "cat /data/errors 2>/dev/null; true"),
  ).toBe("");
});

test("a link that was taken away by hand is put back", async () => {
  const name = await linkNetwork();
  for (const slug of [store, shop]) {
    await own.docker("network", "disconnect", "-f", name, await containerOf(slug));
    await answers();
  }
  expect(await own.docker("network", "inspect", "--format", "{{.Internal}}", name)).toBe("true");
});

test("after a restart of Docker all processes are back, and linked as they were", async () => {
  await own.end("SIGTERM");
  await own.start();
  await answers();
  const processes = await until(
    "web and worker run",
    async () => (await croft.api<{ items: ProcessView[] }>("GET", `/sites/${shop}/processes`)).body.items,
    (items) => items.length === 2 && items.every(({ replicas }) => replicas.running === 1),
    120_000,
  );
  expect(processes.map(({ name }) => name)).toEqual(["web", "worker"]);
});

test("a deleted site leaves no link behind", async () => {
  expect((await croft.api("DELETE", `/sites/${store}?confirm=${store}&volumes=true`)).status).toBe(202);
  await until("its network is gone", linkNetwork, (name) => name === "", 120_000);
  expect((await croft.api<{ links: unknown[] }>("GET", `/sites/${shop}/links`)).body.links).toEqual([]);
  expect((await croft.site(shop)).status).toBe("running");
});
