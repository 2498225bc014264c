import { Hono } from "hono";
import { createStore } from "../../db/store.ts";
import { systemActor } from "../../domain/actor.ts";
import { systemClock } from "../../domain/clock.ts";
import { silentLog } from "../../domain/log.ts";
import {
  type AppEnv,
  authenticate,
  callerOf,
  clearSessionCookie,
  csrfToken,
  setSessionCookie,
} from "../../http/auth.ts";
import { errorHandler, notFoundHandler } from "../../http/error-response.ts";
import { createIdentity } from "../../identity/identity.ts";
import { ensureSetupToken } from "../../identity/setup-token.ts";
import { temporaryDatabase } from "../../testing/temporary-database.ts";
import { pageError, panelRoutes } from "../routes.tsx";
import { fakeDeps } from "./fake-deps.ts";
import { type FakeWorld, fakeWorld } from "./fake-world.ts";

export const owner = { username: "ada", email: "ada@example.org", password: "right horse battery" };

/**
 * The panel mounted as the daemon mounts it: real accounts, sessions and checks of forms on a temporary
 * database, the other features made up.
 */
export const panelApp = async (
  options: { world?: FakeWorld; setUp?: boolean; before?: Hono<AppEnv> } = {},
) => {
  const database = await temporaryDatabase();
  const world = options.world ?? fakeWorld();
  const identity = createIdentity({
    store: createStore(database.db),
    dataDir: database.dir,
    clock: systemClock,
    log: silentLog,
  });
  const setupToken = (await ensureSetupToken(database.dir, false))!;
  if (options.setUp ?? true)
    await identity.setupOwner({ token: setupToken, ...owner }, { ip: null, userAgent: null });
  const deps = fakeDeps(world, {
    isSetUp: async () => !(await identity.needsSetup()),
    setup: async (c, input) => {
      const { user } = await identity.setupOwner(input, callerOf(c));
      setSessionCookie(c, await identity.startSession(user, callerOf(c)));
    },
    signIn: async (c, input) => setSessionCookie(c, await identity.signIn(input, callerOf(c))),
    signOut: async (c) => {
      await identity.endSession(c.get("actor"), c.get("session").id);
      clearSessionCookie(c);
    },
    csrfToken: (c) => csrfToken(c),
  });
  const app = new Hono<AppEnv>();
  const problem = errorHandler(silentLog);
  const asPage = pageError(deps);
  app.onError(async (error, c) => (await asPage(error, c)) ?? problem(error, c));
  app.notFound(notFoundHandler);
  app.use(authenticate({ identity }));
  if (options.before) app.route("/", options.before);
  app.route("/", panelRoutes(deps));
  const original = { ...deps };
  return {
    app,
    world,
    deps,
    setupToken,
    /** An account that is no operator's. */
    addPerson: (input: { username: string; email: string; password: string }) =>
      identity.createUser(systemActor("test"), { ...input, isAdmin: false }),
    /** Undoes what a test did to the made-up features; accounts and sessions stay. */
    reset: () => {
      Object.assign(world, fakeWorld());
      Object.assign(deps, original);
    },
    dispose: () => database.close(),
  };
};

export type PanelApp = Awaited<ReturnType<typeof panelApp>>;
