import { afterEach, beforeEach, expect, test } from "bun:test";
import { Hono } from "hono";
import { createStore } from "../db/store.ts";
import { systemClock } from "../domain/clock.ts";
import { silentLog } from "../domain/log.ts";
import { identityRoutes } from "../http/api/identity.ts";
import { type AppEnv, authenticate } from "../http/auth.ts";
import { errorHandler } from "../http/error-response.ts";
import { createIdentity } from "../identity/identity.ts";
import { ensureSetupToken, removeSetupToken } from "../identity/setup-token.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../testing/temporary-database.ts";
import { readAccount } from "./account-file.ts";
import { type FakeCroft, fakeCroft } from "./testing/fake-croft.ts";

// The real identity behind its real routes; the fake server only lends its runner and home directory.
let database: TemporaryDatabase;
let server: ReturnType<typeof Bun.serve>;
let croft: FakeCroft;
beforeEach(async () => {
  database = await temporaryDatabase();
  const store = createStore(database.db);
  const identity = createIdentity({ store, dataDir: database.dir, clock: systemClock, log: silentLog });
  const app = new Hono<AppEnv>();
  app.onError(errorHandler(silentLog));
  app.use(authenticate({ identity }));
  app.route("/api/v1", identityRoutes({ identity }));
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    development: false,
    fetch: (request) => app.fetch(request, { peerIp: "127.0.0.1", viaEdge: false }),
  });
  croft = await fakeCroft();
  await ensureSetupToken(database.dir, false);
});
afterEach(async () => {
  await server.stop(true);
  await croft.close();
  await database.close();
});

const password = "right horse battery";
const run = (argv: string, stdin?: string, env: Record<string, string> = {}) =>
  croft.run(argv.split(" "), {
    stdin,
    env: {
      CROFT_URL: `http://127.0.0.1:${server.port}`,
      CROFT_DATA_DIR: database.dir,
      CROFT_TOKEN: "",
      ...env,
    },
  });
const home = () => ({ HOME: croft.home });
const setUp = () => run("setup --username ada --email ada@example.org --password-stdin", password);

test("setup prints the one document that scripts read, and a key that works", async () => {
  const { out, err, exitCode } = await run(
    "setup --username ada --email ada@example.org --password-stdin --json",
    password,
  );
  expect({ err, exitCode }).toEqual({ err: "", exitCode: 0 });
  const { token } = JSON.parse(out) as { token: string };
  const users = await run("user list --json", undefined, { CROFT_TOKEN: token });
  expect(JSON.parse(users.out).items).toMatchObject([{ username: "ada", isAdmin: true }]);
  expect(await readAccount(home())).toBeNull();
});

test("setup by hand signs in on this machine, and cannot be done twice", async () => {
  const { out } = await setUp();
  expect(out).not.toContain("croft_");
  expect((await run("key list")).exitCode).toBe(0);
  const again = await setUp();
  expect(again.exitCode).toBe(1);
  expect(again.err).toContain("croft login");
});

test("a refused password says what is wrong with it, and setup can be repeated", async () => {
  const short = await run("setup --username ada --email ada@example.org --password-stdin", "short");
  expect(short.exitCode).toBe(1);
  expect(short.err).toContain("password: must be 10 to 200 characters");
  expect((await setUp()).exitCode).toBe(0);
});

test("setup without a token tells the possible reasons", async () => {
  await removeSetupToken(database.dir);
  expect((await setUp()).err).toContain("CROFT_DATA_DIR");
});

test("login keeps a key; logout revokes it on the server and forgets it", async () => {
  await setUp();
  const address = `http://127.0.0.1:${server.port}`;
  const login = await run(`login ${address}/ --username ada --password-stdin`, password, { CROFT_URL: "" });
  expect(login).toMatchObject({ exitCode: 0, err: "" });
  const { token } = (await readAccount(home()))!;
  expect((await run("user list", undefined, { CROFT_URL: "" })).exitCode).toBe(0);
  expect((await run("logout")).exitCode).toBe(0);
  expect(await readAccount(home())).toBeNull();
  expect((await run("user list", undefined, { CROFT_TOKEN: token })).err).toContain("revoked");
});

test("login with a wrong password or key keeps nothing", async () => {
  await setUp();
  await run("logout");
  expect((await run("login --username ada --password-stdin", "wrong horse")).exitCode).toBe(1);
  expect((await run("login --key-stdin", "croft_aaaa_bbbb")).exitCode).toBe(1);
  expect((await run("login --key-stdin", "hello")).exitCode).toBe(2);
  expect(await readAccount(home())).toBeNull();
});

test("users and keys are made; a key does no more than its scopes", async () => {
  await setUp();
  expect((await run("user create bob --email bob@example.org --password-stdin", password)).exitCode).toBe(0);
  expect((await run("user create bob --email bob@example.org --password-stdin", password)).err).toContain(
    "taken",
  );
  const made = await run("key create ci --scope deploy,read --expires-in-days 30");
  const token = made.out.trim();
  expect(token).toStartWith("croft_");
  const refused = await run("key list", undefined, { CROFT_TOKEN: token });
  expect(refused.err).toContain("does not hold the scope admin");
  expect((await run("key list")).out).toContain("deploy,read".split(",").toReversed().join(","));
  expect((await run(`key revoke ${token.split("_")[1]}`)).exitCode).toBe(0);
  expect((await run("key create ci --scope root")).err).toContain("must be among read, deploy");
});
