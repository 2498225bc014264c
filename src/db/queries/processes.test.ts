import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrations } from "../../../migrations/index.ts";
import { deploymentOf, seedSite } from "../../testing/seed.ts";
import { migrate } from "../migrator.ts";
import { openDatabase } from "../open.ts";
import { createStore } from "../store.ts";

test("the migration makes what runs web; processes and links go with their environment", async () => {
  const dir = await mkdtemp(join(tmpdir(), "croft-processes-"));
  const { db, raw } = openDatabase(join(dir, "croft.db"));
  try {
    const before = Object.entries(migrations).filter(([name]) => name < "0013");
    await migrate(db, Object.fromEntries(before));
    const store = createStore(db);
    const { environment } = await seedSite(store);
    const { environment: other } = await seedSite(store);
    const environmentId = environment.id;
    const deployment = deploymentOf(environmentId);
    await store.insertDeployment(deployment);
    await store.insertRelease({
      ...{ id: "rel_1", environmentId, number: 1, deploymentId: deployment.id, imageId: "sha256:1" },
      ...{ imageTag: null, config: "{}", env: "[]", sizeBytes: null, createdAt: 0, retiredAt: null },
    });
    raw
      .query(
        "INSERT INTO replicas (id, release_id, environment_id, state, created_at) VALUES ('rep_1', 'rel_1', ?, 'running', 0)",
      )
      .run(environmentId);
    expect(await migrate(db)).toContain("0013_processes");
    expect((await store.liveReplicas()).map(({ id, process }) => [id, process])).toEqual([["rep_1", "web"]]);
    expect([...(await store.environmentsWithoutWeb())]).toEqual([]);

    const process = {
      ...{ environmentId, name: "worker", command: "a", port: null, replicas: 2 },
      ...{ memoryBytes: null, cpuMillicores: null, pids: null, updatedAt: 1 },
    };
    await store.putProcess({ ...process, replicas: 1 });
    await store.putProcess(process);
    expect(await store.allProcesses()).toEqual([process]);
    await store.putRollingRestart({ environmentId, askedAt: 1 });
    await store.putRollingRestart({ environmentId, askedAt: 2 });
    // One that was asked for anew is not ended by who meant the old one.
    await store.endRollingRestart({ environmentId, askedAt: 1 });
    expect(await store.rollingRestarts()).toEqual([{ environmentId, askedAt: 2 }]);

    const link = {
      ...{ id: "lnk_1", environmentId, targetEnvironmentId: other.id, name: "db" },
      ...{ networkSlot: 7, createdAt: 1, createdBy: "ada", cutAt: null },
    };
    await store.insertLink(link);
    // Slots are of one pool with those of environments.
    expect(await store.nextNetworkSlot(100)).toBe(8);
    expect(await store.nextNetworkSlot(3)).toBe(2);
    for (const same of [
      { targetEnvironmentId: environmentId },
      { name: "other" },
      { targetEnvironmentId: other.id },
    ])
      expect(store.insertLink({ ...link, id: "lnk_2", networkSlot: 9, ...same })).rejects.toThrow();
    expect(await store.cutLink("lnk_1", 5)).toBe(true);
    expect(await store.cutLink("lnk_1", 6)).toBe(false);
    expect(await store.linksOf(environmentId)).toEqual([]);
    // The network of the old one may still be there: the new one has its own.
    await store.insertLink({ ...link, id: "lnk_2", networkSlot: 9 });
    expect((await store.linksTo([other.id])).map(({ id }) => id)).toEqual(["lnk_2"]);
    await store.setInternal(other.id, 1);
    await store.setInternal(other.id, 2);
    expect([...(await store.internalEnvironments())]).toEqual([other.id]);
    await store.cutLinksOfSite(other.siteId, 7);
    expect((await store.allLinks()).map(({ cutAt }) => cutAt)).toEqual([5, 7]);

    raw.query("DELETE FROM environments WHERE id IN (?, ?)").run(environmentId, other.id);
    for (const rows of [store.allProcesses(), store.rollingRestarts(), store.allLinks()])
      expect(await rows).toEqual([]);
    expect((await store.internalEnvironments()).size).toBe(0);
  } finally {
    await db.destroy();
    await rm(dir, { recursive: true, force: true });
  }
});
