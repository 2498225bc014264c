/** @jsxImportSource hono/jsx */
import { Hono } from "hono";
import { scopes } from "../../identity/schemas.ts";
import type { PanelDeps, PanelEnv, Person } from "../deps.ts";
import { attempt, given, readForm, type Refusal, type Typed } from "../form.ts";
import { Account } from "../pages/account.tsx";
import { Keys } from "../pages/keys.tsx";
import { type RenderPage, signedIn } from "../render.tsx";

/** The account and its API keys. */
export const accountRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  app.get("/account", async (c) => {
    const user = await deps.me(signedIn(c));
    return page(c, { title: "Account" }, <Account user={user} />);
  });

  const keys = async (person: Person, typed: Typed, refusal: Refusal | null, freshToken: string | null) => (
    <Keys
      keys={await deps.listKeys(person)}
      typed={typed}
      refusal={refusal}
      freshToken={freshToken}
      isAdmin={person.isAdmin}
    />
  );

  app.get("/account/keys", async (c) =>
    page(c, { title: "API keys" }, await keys(signedIn(c), {}, null, null)),
  );

  // The key is in the answer to the form itself: behind a redirect it would have to be kept somewhere.
  app.post("/account/keys", async (c) => {
    const person = signedIn(c);
    const typed = await readForm(c);
    return attempt(
      async () => {
        const days = given(typed, "expiresInDays");
        const { token } = await deps.createKey(person, {
          name: (typed.name ?? "").trim(),
          scopes: scopes.filter((name) => typed[`scope-${name}`] === "yes"),
          ...(days === undefined ? {} : { expiresInDays: Number(days) }),
        });
        return page(c, { title: "API keys", status: 201 }, await keys(person, {}, null, token));
      },
      async (refusal) =>
        page(
          c,
          { title: "Error: API keys", status: refusal.status },
          await keys(person, typed, refusal, null),
        ),
    );
  });

  app.post("/account/keys/:id/revoke", async (c) => {
    const person = signedIn(c);
    await readForm(c);
    await deps.revokeKey(person, c.req.param("id"));
    return c.redirect("/account/keys?done=key-revoked", 303);
  });

  return app;
};
