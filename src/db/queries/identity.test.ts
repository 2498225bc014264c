import { afterAll, beforeAll, expect, test } from "bun:test";
import { type TemporaryDatabase, temporaryDatabase } from "../../testing/temporary-database.ts";
import { identityQueries } from "./identity.ts";

let database: TemporaryDatabase;
beforeAll(async () => {
  database = await temporaryDatabase();
});
afterAll(() => database.close());

/** The plan of whatever the call sends to the database. */
const planOf = async (run: (queries: ReturnType<typeof identityQueries>) => Promise<unknown>) => {
  const sent: string[] = [];
  const spy = database.db.withPlugin({
    transformQuery: ({ node }) => {
      sent.push(database.db.getExecutor().compileQuery(node, { queryId: "plan" } as never).sql);
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  await run(identityQueries(spy));
  const plan = database.raw.query(`EXPLAIN QUERY PLAN ${sent[0]}`).all() as { detail: string }[];
  return { sql: sent[0], plan: plan.map((row) => row.detail) };
};

test("a session is found by its token's index and its user by primary key", async () => {
  expect(await planOf((queries) => queries.sessionByTokenHash("x"))).toMatchSnapshot();
});

test("an API key is found by its hash's index and its user by primary key", async () => {
  expect(await planOf((queries) => queries.apiKeyByHash("x"))).toMatchSnapshot();
});

test("a user is found by the indexes on name and address", async () => {
  expect(await planOf((queries) => queries.userByLogin("x"))).toMatchSnapshot();
});
