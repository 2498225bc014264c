import { Hono } from "hono";
import { z } from "zod";
import type { Identity } from "../../identity/identity.ts";
import { newKeySchema } from "../../identity/schemas.ts";
import { userView } from "../../identity/users.ts";
import { requireActor, requireScope } from "../auth.ts";
import { readJson } from "../read-body.ts";
import { type AppEnv, callerOf } from "../request-env.ts";

// What a name or password must look like is identity's to judge, in the order that gives nothing away.
const text = z.string().max(1000, "must be at most 1,000 characters");

const setupSchema = z.strictObject({ token: text, username: text, email: text, password: text });
const loginSchema = z.strictObject({ username: text, password: text, keyName: text.optional() });
const userSchema = z.strictObject({
  username: text,
  email: text,
  password: text,
  isAdmin: z.boolean({ error: "must be true or false" }).optional(),
});

/** Under /api/v1: setup, login, me, users, keys. */
export const identityRoutes = ({ identity }: { identity: Identity }): Hono<AppEnv> =>
  new Hono<AppEnv>()
    .post("/setup", async (c) => {
      const { user, token } = await identity.setupOwner(await readJson(c, setupSchema), callerOf(c));
      return c.json({ token, user: userView(user) }, 201);
    })
    .post("/login", async (c) => {
      const { keyName = "login", ...credentials } = await readJson(c, loginSchema);
      const { user, token } = await identity.signInForKey(credentials, keyName, callerOf(c));
      return c.json({ token, user: userView(user) }, 201);
    })
    .get("/me", async (c) => c.json({ user: await identity.getUser(requireActor(c).userId) }))
    .get("/users", async (c) => c.json({ items: await identity.listUsers(requireScope(c, "admin")) }))
    .post("/users", async (c) => {
      const actor = requireScope(c, "admin");
      return c.json(await identity.createUser(actor, await readJson(c, userSchema)), 201);
    })
    .get("/keys", async (c) => c.json({ items: await identity.listApiKeys(requireScope(c, "admin")) }))
    .post("/keys", async (c) => {
      const actor = requireScope(c, "admin");
      const made = await identity.createApiKey(actor, c.get("scopes"), await readJson(c, newKeySchema));
      return c.json(made, 201);
    })
    .delete("/keys/:id", async (c) => {
      await identity.revokeApiKey(requireScope(c, "admin"), c.req.param("id"));
      return c.json({});
    });
