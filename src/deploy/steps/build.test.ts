import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createStore } from "../../db/store.ts";
import { systemClock } from "../../domain/clock.ts";
import type { Engine } from "../../domain/engine.ts";
import { silentLog } from "../../domain/log.ts";
import { deploymentOf, seedSite } from "../../testing/seed.ts";
import { temporaryDatabase } from "../../testing/temporary-database.ts";
import { type DeployDeps, defaultDeploySettings } from "../deps.ts";
import { openJournal } from "../journal.ts";
import { createNotifier } from "../notifier.ts";
import { buildImage } from "./build.ts";

test("time spent in the line for a build slot does not count as building", async () => {
  const database = await temporaryDatabase();
  const contextDir = await mkdtemp(join(tmpdir(), "croft-build-"));
  try {
    const store = createStore(database.db);
    const { site, environment } = await seedSite(store);
    const deployment = deploymentOf(environment.id);
    await store.insertDeployment(deployment);
    const notifier = createNotifier();
    const log = silentLog;
    const journal = await openJournal({ store, clock: systemClock, log, notifier }, deployment, []);
    const { signal } = new AbortController();
    // Stands in for a builder: it ends when it is told to, and is quick otherwise.
    const engine = {
      ensureNetwork: async () => {},
      build: async (request: { signal: AbortSignal }) => {
        request.signal.throwIfAborted();
        return { imageId: "sha256:1", sizeBytes: 1, layers: 1 };
      },
    } as unknown as Engine;
    const deps = {
      store,
      engine,
      clock: systemClock,
      buildNetwork: { name: "none", subnet: "" },
      buildObstacle: () => null,
      settings: { ...defaultDeploySettings, buildDeadlineMs: 50 },
    } as unknown as DeployDeps;
    const plan = {
      kind: "generated",
      dockerfile: "FROM scratch\n",
      ignore: [],
      language: "node",
      framework: null,
      optimisations: [],
    } as unknown as Parameters<typeof buildImage>[3];
    const slots = { acquire: () => Bun.sleep(200).then(() => () => {}) };
    const job = { deployment, site, environment, journal, signal };
    expect(await buildImage(deps, job, contextDir, plan, slots)).toMatchObject({ imageId: "sha256:1" });
  } finally {
    await database.close();
    await rm(contextDir, { recursive: true, force: true });
  }
});
