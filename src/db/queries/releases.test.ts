import { expect, test } from "bun:test";
import { createStore } from "../store.ts";
import { deploymentOf, seedSite } from "../../testing/seed.ts";
import { temporaryDatabase } from "../../testing/temporary-database.ts";

test("a release that is retired keeps its facts, but no sealed variables", async () => {
  const database = await temporaryDatabase();
  try {
    const store = createStore(database.db);
    const { environment } = await seedSite(store);
    const deployment = deploymentOf(environment.id);
    await store.insertDeployment(deployment);
    await store.insertRelease({
      id: "rel_1",
      environmentId: environment.id,
      number: 1,
      deploymentId: deployment.id,
      imageId: null,
      imageTag: null,
      config: "{}",
      env: '[{"key":"A","ciphertext":"sealed","isSecret":1}]',
      sizeBytes: 7,
      createdAt: 0,
      retiredAt: null,
    });
    await store.retireRelease("rel_1", 5);
    expect(await store.releaseById("rel_1")).toMatchObject({ retiredAt: 5, env: "[]", sizeBytes: 7 });
  } finally {
    await database.close();
  }
});
