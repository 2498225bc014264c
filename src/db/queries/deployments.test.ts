import { afterAll, beforeAll, expect, test } from "bun:test";
import { createStore, type Store } from "../store.ts";
import { deploymentOf, seedSite } from "../../testing/seed.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../../testing/temporary-database.ts";

let database: TemporaryDatabase;
let store: Store;
beforeAll(async () => {
  database = await temporaryDatabase();
  store = createStore(database.db);
});
afterAll(() => database.close());

test("each environment deploys one at a time, oldest first", async () => {
  const one = (await seedSite(store)).environment.id;
  const two = (await seedSite(store)).environment.id;
  const rows = [
    deploymentOf(one, { id: "dep_1" }),
    deploymentOf(one, { id: "dep_2" }),
    deploymentOf(two, { id: "dep_3" }),
  ];
  for (const row of rows) await store.insertDeployment(row);
  expect((await store.claimNext(5, 4))?.id).toBe("dep_1");
  expect(await store.claimNext(6, 4)).toMatchObject({
    id: "dep_3",
    status: "building",
    attempts: 1,
    startedAt: 6,
  });
  expect(await store.claimNext(7, 4)).toBeUndefined();
  expect(await store.advance("dep_1", "building", "deploying")).toBe(true);
  expect(await store.claimNext(8, 4)).toBeUndefined();
  expect(await store.advance("dep_1", "deploying", "success")).toBe(true);
  expect((await store.claimNext(9, 4))?.id).toBe("dep_2");
});

test("of two who claim at once one gets it", async () => {
  const { environment } = await seedSite(store);
  await store.insertDeployment(deploymentOf(environment.id, { id: "dep_9" }));
  const claimed = await Promise.all([store.claimNext(1, 4), store.claimNext(1, 4), store.claimNext(1, 4)]);
  expect(claimed.filter((row) => row?.id === "dep_9")).toHaveLength(1);
});

test("one owner's sites take only so many places, however many wait", async () => {
  const fresh = await temporaryDatabase();
  try {
    const own = createStore(fresh.db);
    const eve = await seedSite(own);
    for (let i = 0; i < 3; i++) {
      const { environment } =
        i === 0 ? eve : await seedSite(own, { site: { ownerUserId: eve.site.ownerUserId } });
      await own.insertDeployment(deploymentOf(environment.id, { id: `dep_${i}` }));
    }
    const bob = (await seedSite(own)).environment.id;
    await own.insertDeployment(deploymentOf(bob, { id: "dep_9" }));
    expect((await own.claimNext(1, 2))?.id).toBe("dep_0");
    expect((await own.claimNext(1, 2))?.id).toBe("dep_1");
    expect((await own.claimNext(1, 2))?.id).toBe("dep_9");
    expect(await own.claimNext(1, 2)).toBeUndefined();
    await own.advance("dep_0", "building", "failed");
    expect((await own.claimNext(1, 2))?.id).toBe("dep_2");
  } finally {
    await fresh.close();
  }
});

test("a deployment moves only from where it is", async () => {
  const { environment } = await seedSite(store);
  await store.insertDeployment(deploymentOf(environment.id, { id: "dep_a" }));
  expect(await store.advance("dep_a", "building", "success")).toBe(false);
  expect(await store.advance("dep_a", "pending", "cancelled", { completedAt: 3 })).toBe(true);
  expect(await store.advance("dep_a", "pending", "building")).toBe(false);
});

test("a newer deployment supersedes what is pending, never what runs", async () => {
  const { environment } = await seedSite(store);
  const id = environment.id;
  await store.insertDeployment(deploymentOf(id, { id: "dep_b1", status: "building" }));
  await store.insertDeployment(deploymentOf(id, { id: "dep_b2" }));
  await store.insertDeployment(deploymentOf(id, { id: "dep_b3" }));
  expect(await store.supersedePending(id, "dep_b3", 1)).toEqual(["dep_b2"]);
  expect((await store.deploymentById("dep_b1"))?.status).toBe("building");
  expect((await store.deploymentById("dep_b3"))?.status).toBe("pending");
});

test("hot queries go by their indexes", () => {
  const plan = (sql: string): string =>
    (database.raw.query(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[])
      .map((row) => row.detail)
      .join("\n");
  expect(
    plan("SELECT * FROM deployments WHERE status IN ('pending','building','deploying') ORDER BY id"),
  ).toContain("deployments_open");
  expect(
    plan("SELECT * FROM deployments WHERE environment_id = 'e' AND id < 'x' ORDER BY id DESC LIMIT 5"),
  ).toContain("deployments_by_environment");
  expect(plan("SELECT * FROM deployment_logs WHERE deployment_id = 'd' AND seq > 5 ORDER BY seq")).toContain(
    "PRIMARY KEY",
  );
  expect(plan("SELECT * FROM replicas WHERE environment_id = 'e' AND state <> 'removed'")).toContain(
    "replicas_by_environment",
  );
});

test("network slots go round the pool: who comes anew does not get the one of who has just gone", async () => {
  const fresh = await temporaryDatabase();
  try {
    const own = createStore(fresh.db);
    const take = async (slots: number): Promise<number | null> => {
      const networkSlot = await own.nextNetworkSlot(slots);
      if (networkSlot !== null) await seedSite(own, { environment: { networkSlot } });
      return networkSlot;
    };
    const free = (slot: number) =>
      fresh.db
        .updateTable("environments")
        .set({ networkSlot: null })
        .where("networkSlot", "=", slot)
        .execute();
    // Of before slots given out were kept in mind.
    for (const slot of [0, 1]) await seedSite(own, { environment: { networkSlot: slot } });
    expect(await take(5)).toBe(2);
    await free(2);
    expect(await take(5)).toBe(3);
    await free(0);
    expect(await take(5)).toBe(4);
    expect(await take(5)).toBe(0);
    await free(0);
    expect(await take(5)).toBe(2);
    expect(await take(5)).toBe(0);
    expect(await take(5)).toBeNull();
    await free(3);
    expect(await take(5)).toBe(3);
    // A pool that was made smaller.
    await free(1);
    expect(await take(2)).toBe(1);
  } finally {
    await fresh.close();
  }
});
