import { afterAll, beforeAll, expect, test } from "bun:test";
import { type TemporaryDatabase, temporaryDatabase } from "../../testing/temporary-database.ts";
import { hookQueries } from "./hooks.ts";

let database: TemporaryDatabase;
beforeAll(async () => {
  database = await temporaryDatabase();
});
afterAll(() => database.close());

/** How SQLite would run the first statement that the call sends. */
const planOf = async (run: (queries: ReturnType<typeof hookQueries>) => Promise<unknown>) => {
  const sent: string[] = [];
  const spy = database.db.withPlugin({
    transformQuery: ({ node }) => {
      sent.push(database.db.getExecutor().compileQuery(node, { queryId: "plan" } as never).sql);
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  await run(hookQueries(spy));
  const plan = database.raw.query(`EXPLAIN QUERY PLAN ${sent[0]}`).all() as { detail: string }[];
  return plan.map((row) => row.detail).join("; ");
};
const head = { headBefore: "a", headAfter: "b", pushedAt: 1 };

test("a delivery that was seen is found by the unique index", async () => {
  expect(await planOf((queries) => queries.seenDelivery("h", "d"))).toContain("hook_deliveries_once");
});

test("newer pushes and the list are found by the index on hook and time, without a sort", async () => {
  const newer = await planOf((queries) => queries.newerPushSeen("h", 1, head, 0));
  expect(newer).toContain("hook_deliveries_by_time (hook_id=? AND at>?)");
  const list = await planOf((queries) => queries.deliveriesOf("h", 10));
  expect(list).toContain("hook_deliveries_by_time (hook_id=?)");
  expect(list).not.toContain("TEMP B-TREE");
});

test("refused deliveries are counted within their hook and minute", async () => {
  const refused = { hookId: "h", deliveryId: "d", event: "push", at: 1, result: "refused" };
  const plan = planOf((queries) => queries.recordRefusedDelivery(refused, 0, 0));
  expect(await plan).toContain("hook_deliveries_by_time (hook_id=? AND at>?)");
});
