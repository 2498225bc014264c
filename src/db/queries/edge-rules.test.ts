import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrations } from "../../../migrations/index.ts";
import { seedSite } from "../../testing/seed.ts";
import { migrate } from "../migrator.ts";
import { openDatabase } from "../open.ts";
import { createStore } from "../store.ts";

test("the migration keeps what is there; rules are replaced whole and go with their environment", async () => {
  const dir = await mkdtemp(join(tmpdir(), "croft-edge-rules-"));
  const { db, raw } = openDatabase(join(dir, "croft.db"));
  try {
    const { "0001_initial": first, "0002_domains": second } = migrations;
    await migrate(db, { "0001_initial": first!, "0002_domains": second! });
    const store = createStore(db);
    const { environment } = await seedSite(store);
    const before = raw.query("SELECT * FROM environments").all();
    expect(await migrate(db)).toContain("0003_edge_rules");
    expect(raw.query("SELECT * FROM environments").all()).toEqual(before);

    const record = { environmentId: environment.id, rules: '{"spa":true}', updatedAt: 1 };
    expect(await store.edgeRulesOf(environment.id)).toBeUndefined();
    await store.putEdgeRules(record);
    await store.putEdgeRules({ ...record, rules: "{}", updatedAt: 2 });
    expect(await store.edgeRulesOf(environment.id)).toEqual({ ...record, rules: "{}", updatedAt: 2 });
    expect(await store.allEdgeRules()).toHaveLength(1);
    expect(store.putEdgeRules({ ...record, environmentId: "env_unknown" })).rejects.toThrow("FOREIGN KEY");
    raw.query("DELETE FROM environments WHERE id = ?").run(environment.id);
    expect(await store.allEdgeRules()).toEqual([]);
  } finally {
    await db.destroy();
    await rm(dir, { recursive: true, force: true });
  }
});
