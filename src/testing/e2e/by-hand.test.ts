import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import type { EventView } from "../../domain/event.ts";
import { MB } from "../../domain/size.ts";
import type { SiteView } from "../../domain/views.ts";
import { startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { ownDocker, type OwnDocker, webCommand, webImage } from "./own-docker.ts";

setDefaultTimeout(120_000);

// What people do to containers with Docker's own commands is put right, and said.

let own: OwnDocker;
let croft: TestCroft;
const slug = uniqueSlug("hand");
const host = `${slug}.localhost`;

beforeAll(async () => {
  own = await ownDocker();
  croft = await startCroft({ DOCKER_HOST: own.host });
  await croft.createSite(slug, {
    type: "image",
    image: webImage,
    port: 8080,
    startCommand: webCommand("here"),
  });
  await serves();
});
afterAll(async () => {
  // Either may be missing when the other could not be started.
  await croft?.destroy();
  await own?.[Symbol.asyncDispose]();
});

const serves = () =>
  until(
    "the site answers",
    () => croft.visit(host).then(({ status, body }) => `${status} ${body.trim()}`, String),
    (answer) => answer === "200 here",
    60_000,
  );
const container = (): Promise<string> => own.docker("ps", "-aq", "--filter", `label=croft.site=${slug}`);
const networkOf = (id: string): Promise<string> =>
  own.docker("inspect", "--format", "{{.HostConfig.NetworkMode}}", id);
const events = async (): Promise<EventView[]> =>
  (await croft.api<{ items: EventView[] }>("GET", `/sites/${slug}/events`)).body.items;
const told = async (kind: string, message: string): Promise<EventView> => {
  const all = await until(`${kind} is told`, events, (items) => items.some((event) => event.kind === kind));
  const event = all.find((one) => one.kind === kind)!;
  expect(event.message).toContain(message);
  return event;
};
const replica = async (): Promise<SiteView["replicas"][number] | undefined> =>
  (await croft.site(slug)).replicas[0];

test("docker rm -f: a new container takes its place", async () => {
  const before = await container();
  await own.docker("rm", "-f", before);
  await told("container.removed", "removed by somebody outside Croft");
  await until("another container", container, (id) => id !== "" && id !== before);
  await serves();
});

test("docker stop: it is started again, and told how it ended", async () => {
  const before = await container();
  await own.docker("stop", "-t", "1", before);
  await until("it is started again", replica, (one) => one?.restarts === 1 && one.state === "running");
  await serves();
  expect(await container()).toBe(before);
  expect((await told("replica.exited", "The app was")).severity).toBe("warning");
  await until(
    "the event ends as it runs again",
    events,
    (all) => all.find(({ kind }) => kind === "replica.exited")?.endedAt !== null,
  );
});

test("docker pause: it goes on", async () => {
  await own.docker("pause", await container());
  await told("container.unpaused", "paused by somebody outside Croft");
  await serves();
});

test("docker network disconnect: it is back on its network, and the route leads to it", async () => {
  const id = await container();
  const network = await networkOf(id);
  await own.docker("network", "disconnect", "-f", network, id);
  await told("network.repaired", "taken off the site's network");
  await serves();
  expect(await container()).toBe(id);
});

test("docker update: the limits are as asked a moment later, and the drift is told", async () => {
  const id = await container();
  await own.docker(
    "update",
    "--memory",
    "99m",
    "--memory-swap",
    "99m",
    "--cpu-shares",
    "2",
    "--pids-limit",
    "7",
    id,
  );
  const event = await told("limits.drift", "memory 99 MB in place of 512 MB");
  expect(event.message).toContain("7 processes in place of 256");
  expect(event.message).toContain("another share of the CPU");
  await until(
    "they are put right",
    () => own.docker("inspect", "--format", "{{.HostConfig.Memory}} {{.HostConfig.CpuShares}}", id),
    (held) => held === `${512 * MB} 512`,
  );
});

test("a container of somebody else with our labels is left alone and told of", async () => {
  const labels = ["managed=true", `site=${slug}`, "environment=production", "role=site", "replica=rep_x"];
  const foreign = await own.docker(
    ...["run", "-d", "--name", "somebody", ...labels.flatMap((label) => ["--label", `croft.${label}`])],
    ...[webImage, "sleep", "600"],
  );
  const event = await told("container.foreign", "somebody");
  expect(event.endedAt).toBeNull();
  expect(await own.docker("inspect", "--format", "{{.State.Running}}", foreign)).toBe("true");
  await serves();
  await own.docker("rm", "-f", foreign);
  await until(
    "the event ends with it",
    events,
    (all) => all.find(({ kind }) => kind === "container.foreign")?.endedAt !== null,
  );
});

test("a container that took over a replica's name and labels is not taken for it", async () => {
  const before = await container();
  const name = await own.docker("inspect", "--format", "{{.Name}}", before);
  const labels = JSON.parse(await own.docker("inspect", "--format", "{{json .Config.Labels}}", before));
  await croft.kill("SIGKILL");
  await own.docker("rm", "-f", before);
  const impostor = await own.docker(
    ...["run", "-d", "--name", name.slice(1)],
    ...Object.entries(labels).flatMap(([label, value]) => ["--label", `${label}=${value}`]),
    ...[webImage, "sleep", "600"],
  );
  await croft.start();
  await until("it is told of", events, (all) =>
    all.some(({ kind, message }) => kind === "container.foreign" && message.includes(name.slice(1))),
  );
  await serves();
  expect(await own.docker("inspect", "--format", "{{.State.Running}}", impostor)).toBe("true");
  await own.docker("rm", "-f", impostor);
});

test("a network that was removed while nothing ran: a new container on a new one", async () => {
  const id = await container();
  const network = await networkOf(id);
  await croft.kill("SIGKILL");
  await own.docker("stop", "-t", "1", id);
  await own.docker("network", "rm", network);
  await croft.start();
  await serves();
  await told("container.replaced", "Its network had been removed");
  expect(await container()).not.toBe(id);
});
