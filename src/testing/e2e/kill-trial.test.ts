import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { rowsOf, strangers } from "./leftovers.ts";
import { ownDocker, type OwnDocker, webCommand, webImage } from "./own-docker.ts";
import { keepVisiting, type Visitors } from "./visitors.ts";

// Containers, Docker and the daemon are killed while people visit and deployments go on. After each kill all sites
// answer, and nothing is there that no row calls for.

const soak = process.env.CROFT_SOAK === "1";
const kills = soak ? Number(process.env.CROFT_SOAK_TIMES ?? 50) : 6;
setDefaultTimeout(soak ? 7_200_000 : 240_000);

let own: OwnDocker;
let croft: TestCroft;
const slugs = ["one", "two", "three", "four"].map(uniqueSlug);
const staticSlug = uniqueSlug("leaf");
const all = [...slugs, staticSlug];
let edgePid: number;

const pick = <T>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)]!;
const lines = (text: string): string[] => text.split("\n").filter(Boolean).sort();

beforeAll(async () => {
  own = await ownDocker();
  croft = await startCroft({ DOCKER_HOST: own.host });
  for (const [i, slug] of slugs.entries()) {
    const startCommand = webCommand(slug);
    await croft.createSite(slug, {
      type: "image",
      image: webImage,
      port: 8080,
      startCommand,
      replicas: i === 0 ? 2 : 1,
    });
  }
  await croft.createSite(staticSlug);
  expect((await croft.push(staticSlug, { "index.html": staticSlug })).exitCode).toBe(0);
  await croft.api("POST", `/sites/${slugs[1]}/volumes`, { name: "data", mountPath: "/data" });
  for (const slug of all) await croft.api("PUT", `/sites/${slug}/limits`, { requestsPerMinute: 10_000_000 });
  for (const slug of slugs) await croft.api("POST", `/sites/${slug}/deployments`, {});
  await allAnswer();
  edgePid = (await croft.edge()).pid;
});
afterAll(async () => {
  // Either may be missing when the other could not be started.
  await croft?.destroy();
  await own?.[Symbol.asyncDispose]();
});

const allAnswer = () =>
  until(
    "all sites answer, each for itself",
    () =>
      Promise.all(
        all.map((slug) => croft.visit(`${slug}.localhost`).then(({ body }) => body.trim(), String)),
      ),
    (bodies) => bodies.every((body, i) => body === all[i]),
    60_000,
  );

/** Whoever ends again and again waits longer and longer: those are left alone, or nothing could be said of the rest. */
const fresh = (): string[] =>
  rowsOf<{ id: string }>(croft, "SELECT id FROM replicas WHERE state = 'running' AND restarts < 3").map(
    (row) => `croft-${row.id}`,
  );

const restartDaemon = async (): Promise<void> => {
  await croft.kill("SIGKILL");
  await croft.start();
};
const restartDocker = async (signal: "SIGTERM" | "SIGKILL"): Promise<void> => {
  await own.end(signal);
  await own.start();
};

const acts: Record<string, () => Promise<unknown>> = {
  "a container": async () => own.docker("kill", pick(fresh())),
  "the daemon": restartDaemon,
  "Docker, by SIGKILL": () => restartDocker("SIGKILL"),
  "a container, for good": async () => own.docker("rm", "-f", pick(fresh())),
  "Docker, by SIGTERM": () => restartDocker("SIGTERM"),
  "daemon and Docker, as a host that loses its power": async () => {
    await croft.kill("SIGKILL");
    await restartDocker("SIGKILL");
    await croft.start();
  },
};

/** What is there beside what rows call for; empty when all is as it should be. */
const orphans = async (): Promise<string[]> => {
  const wrong: string[] = [];
  const compare = (what: string, present: string[], wanted: string[]): void => {
    if (present.join() !== [...new Set(wanted)].sort().join())
      wrong.push(`${what}: ${present.join(", ") || "none"} instead of ${wanted.join(", ") || "none"}`);
  };
  const ours = (...args: string[]) => own.docker(...args, "--filter", "label=croft.managed=true");
  const open = rowsOf<{ status: string }>(
    croft,
    "SELECT status FROM deployments WHERE status IN ('pending', 'building', 'deploying')",
  );
  if (open.length > 0) return [`${open.length} deployments are not through`];
  const replicas = rowsOf<{ id: string; environment: string; state: string }>(
    croft,
    "SELECT id, environment_id AS environment, state FROM replicas WHERE state <> 'removed'",
  );
  const others = replicas.filter(({ state }) => state !== "running");
  if (others.length > 0) wrong.push(`replicas that do not run: ${JSON.stringify(others)}`);
  if (replicas.length !== slugs.length + 1) wrong.push(`${replicas.length} replicas`);
  compare(
    "containers",
    lines(await ours("ps", "-a", "--format", "{{.Names}}")),
    replicas.map(({ id }) => `croft-${id}`),
  );
  compare(
    "networks",
    lines(await ours("network", "ls", "--format", "{{.Name}}")).filter((name) => !name.includes("build")),
    replicas.map(({ environment }) => `croft-${environment}`),
  );
  compare(
    "image tags",
    lines(await own.docker("images", "--format", "{{.Repository}}:{{.Tag}}", "croft/*")),
    rowsOf<{ tag: string }>(
      croft,
      "SELECT image_tag AS tag FROM releases WHERE retired_at IS NULL AND image_tag IS NOT NULL",
    ).map(({ tag }) => tag),
  );
  compare(
    "volumes",
    lines(await ours("volume", "ls", "--format", "{{.Name}}")),
    rowsOf<{ id: string }>(croft, "SELECT id FROM volumes").map(({ id }) => `croft-${id}`),
  );
  compare(
    "static folders",
    (await readdir(join(croft.dataDir, "static"))).sort(),
    rowsOf<{ id: string }>(
      croft,
      "SELECT id FROM releases WHERE retired_at IS NULL AND image_id IS NULL",
    ).map(({ id }) => id),
  );
  compare("work folders", await readdir(join(croft.dataDir, "work")).catch(() => []), []);
  const repositories = await readdir(join(croft.dataDir, "repos"), { recursive: true });
  compare(
    "locks",
    repositories.filter((path) => path.endsWith(".lock")),
    [],
  );
  const text = await Bun.file(join(croft.dataDir, "run", "edge", "table.json")).text();
  const { routes } = JSON.parse(text.slice(text.indexOf("\n"))) as {
    routes: { id: string; target: { replicas?: { replicaId: string }[] } }[];
  };
  compare("routes", routes.map(({ id }) => id).sort(), [
    "panel",
    ...rowsOf<{ id: string }>(croft, "SELECT id FROM environments").map(({ id }) => id),
  ]);
  compare(
    "replicas in routes",
    routes
      .flatMap(({ id, target }) => (id === "panel" ? [] : (target.replicas ?? [])))
      .map(({ replicaId }) => replicaId)
      .sort(),
    replicas.map(({ id }) => id),
  );
  compare("processes", await strangers(croft), []);
  return wrong;
};

test(`${kills} kills of containers, Docker and daemon under load: all sites come back, nothing is left over`, async () => {
  const names = Object.keys(acts);
  for (let n = 0; n < kills; n++) {
    const name = n < names.length ? names[n]! : pick(names);
    const visitors: Visitors[] = all.map((slug) => keepVisiting(croft, `${slug}.localhost`));
    // Every second time somebody deploys just then.
    if (n % 2 === 1) await croft.api("POST", `/sites/${pick(slugs)}/deployments`, {});
    if (soak) await Bun.sleep(Math.random() * 2000);
    const startedMs = performance.now();
    await acts[name]!();
    await allAnswer();
    await until(`nothing is left over after ${name}`, orphans, (wrong) => wrong.length === 0, 90_000, 300);
    if (soak) console.log(`${n + 1}: ${name}, whole after ${Math.round(performance.now() - startedMs)} ms`);
    const seen = await Promise.all(visitors.map((visitor) => visitor.stop()));
    for (const [i, { bodies, failures }] of seen.entries()) {
      // Nobody was ever led to another site, and nobody notices the daemon.
      const ownPages = bodies.filter((body) => !body.includes("<"));
      expect(ownPages.filter((body) => body !== all[i])).toEqual([]);
      if (name === "the daemon") expect(failures).toEqual([]);
    }
  }
  expect((await croft.edge()).pid).toBe(edgePid);
});
