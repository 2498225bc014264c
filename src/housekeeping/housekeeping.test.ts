import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../domain/clock.ts";
import { silentLog } from "../domain/log.ts";
import { MB } from "../domain/size.ts";
import { type DockerFixture, dockerFixture, eventually } from "../testing/docker-fixture.ts";
import { type SiteFixture, siteFixture } from "../testing/site-fixture.ts";
import type { HousekeepingDeps } from "./deps.ts";
import { createHousekeeping } from "./housekeeping.ts";

setDefaultTimeout(60_000);

let docker: DockerFixture;
let site: SiteFixture;
let folder: string;
beforeAll(async () => {
  docker = await dockerFixture();
  site = await siteFixture();
  folder = await mkdtemp("/var/tmp/croft-keep-");
});
afterAll(async () => {
  await docker.cleanup();
  await site[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const place = (name: string) => join(folder, name);
const depsOf = (network: string, more: Partial<HousekeepingDeps> = {}): HousekeepingDeps => ({
  store: site.store,
  clock: systemClock,
  log: silentLog,
  imagesOnDisk: docker.engine.imagesOnDisk,
  buildNetwork: network,
  tagState: async (tag) =>
    tag.startsWith(`croft/${docker.site}:kept`)
      ? "kept"
      : tag.startsWith(`croft/${docker.site}:`)
        ? "leftover"
        : "foreign",
  bytesOf: async (path) => (path.endsWith("volumes") ? 5 * MB : 0),
  paths: {
    volume: place,
    volumes: place("volumes"),
    repositories: place("repositories"),
    staticRoot: place("static"),
    siteLogs: place("logs"),
    accessLogs: place("access"),
    backups: place("backups"),
    database: [place("db"), place("usage")],
    logOf: place,
  },
  disk: async () => ({ freeBytes: 1, totalBytes: 2 }),
  // Fresh layers go in this test, too.
  pruneBuildCache: () => docker.engine.pruneBuildCache(network, 1),
  buildCacheSeconds: async () => 7 * 24 * 3600,
  sweepImages: async () => {
    for (const tag of await docker.engine.siteImageTags())
      if (tag.startsWith(`croft/${docker.site}:left`)) await docker.engine.removeImage(tag);
  },
  ...more,
});

test("what builds and deployments left is counted and goes; what a release needs and volumes stay", async () => {
  const network = await docker.network();
  const build = async (tag: string, dockerfile: string): Promise<void> => {
    const contextDir = await mkdtemp(join(folder, "context-"));
    await Bun.write(join(contextDir, "Dockerfile"), dockerfile);
    await docker.engine.build({
      contextDir,
      dockerfile: { path: "Dockerfile" },
      tag: `croft/${docker.site}:${tag}`,
      owner: { ...docker.owner, role: "build" },
      limits: { memoryBytes: 256 * MB, cpuMillicores: 1000, pids: 64 },
      network,
      onLog: () => {},
      signal: new AbortController().signal,
    });
  };
  const filled = (megabytes: number, path: string) =>
    `RUN echo ${crypto.randomUUID()} && head -c ${megabytes * MB} /dev/zero > ${path}`;
  const base = "FROM croft-test/busybox";
  await build(
    "kept",
    `${base} AS first\n${filled(8, "/stage")}\n${base}\n${filled(4, "/app")}\nCOPY --from=first /bin/sh /x\n`,
  );
  await build("left", `${base}\n${filled(6, "/left")}\n`);
  await Bun.sleep(2100);

  const housekeeping = createHousekeeping(depsOf(network.name));
  expect(await housekeeping.view()).toMatchObject({ countedAt: null, counting: true, parts: [] });
  const counted = await housekeeping.count();
  const bytesOf = (kind: string, view = counted) => view.parts.find((part) => part.kind === kind)!.bytes!;
  expect(bytesOf("leftovers") + bytesOf("buildCache")).toBeGreaterThanOrEqual(14 * MB);
  expect(bytesOf("releases")).toBeGreaterThanOrEqual(4 * MB);
  expect(bytesOf("volumes")).toBe(5 * MB);
  // The stage is too fresh to be promised, the left-over image is not.
  expect(counted.parts.find(({ kind }) => kind === "buildCache")!.freeableBytes).toBe(0);
  expect(counted.parts.find(({ kind }) => kind === "leftovers")!.freeableBytes).toBeGreaterThan(0);

  const { freedBytes } = await housekeeping.clean(site.owner);
  expect(freedBytes).toBeGreaterThanOrEqual(14 * MB);
  const after = await housekeeping.view();
  expect(bytesOf("leftovers", after)).toBe(0);
  expect(bytesOf("buildCache", after)).toBe(0);
  expect(bytesOf("releases", after)).toBe(bytesOf("releases"));
  expect(after.lastClean).toMatchObject({ freedBytes });
  expect(await docker.engine.inspectImage(`croft/${docker.site}:kept`)).not.toBeNull();
  const acts = site.database.raw.query("SELECT action FROM audit_log WHERE object_type = 'host'").values();
  expect(acts).toEqual([["host.clean"]]);
});

test("two cannot tidy up at once; without the engine the folders are counted still", async () => {
  const gate = Promise.withResolvers<void>();
  const slow = createHousekeeping(
    depsOf("none", { sweepImages: () => gate.promise, imagesOnDisk: async () => [] }),
  );
  const first = slow.clean(site.owner);
  await expect(slow.clean(site.owner)).rejects.toMatchObject({ code: "conflict" });
  gate.resolve();
  await first;

  const away = createHousekeeping(depsOf("none", { imagesOnDisk: () => Promise.reject(new Error("away")) }));
  const counted = await away.count();
  expect(counted.parts.find(({ kind }) => kind === "releases")).toMatchObject({ bytes: null });
  expect(counted.parts.find(({ kind }) => kind === "volumes")).toMatchObject({ bytes: 5 * MB });
  await expect(away.clean(site.owner)).rejects.toThrow("away");
});

test("a figure that is old is counted anew when somebody looks", async () => {
  let nowMs = Date.now();
  let counts = 0;
  const housekeeping = createHousekeeping(
    depsOf("none", {
      clock: { nowMs: () => nowMs, monotonicMs: () => nowMs },
      imagesOnDisk: async () => (counts++, []),
    }),
  );
  await housekeeping.count();
  await housekeeping.view();
  expect(counts).toBe(1);
  nowMs += 11 * 60_000;
  await housekeeping.view();
  await eventually("it is counted", async () => !(await housekeeping.view()).counting);
  expect(counts).toBe(2);
});
