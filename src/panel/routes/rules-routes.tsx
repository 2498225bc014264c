/** @jsxImportSource hono/jsx */
import { Hono } from "hono";
import { edgeRulesPatchSchema } from "../../domain/edge-rules.ts";
import type { PanelDeps, PanelEnv } from "../deps.ts";
import { attempt, parse, readForm } from "../form.ts";
import { SiteRules } from "../pages/site-rules.tsx";
import { type RenderPage, signedIn } from "../render.tsx";
import { readRules, typedRules } from "../rules-form.ts";

/** Passwords are never sent back. */
const namesOnly = (text = ""): string => text.replace(/:.*$/gm, "");

/** A site's rules at the edge. */
export const rulesRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  app.get("/sites/:slug/rules", async (c) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, c.req.param("slug"));
    const rules = await deps.showRules(person, site.slug);
    const body = <SiteRules site={site} typed={typedRules(rules)} refusal={null} />;
    return page(c, { title: `Rules of ${site.slug}` }, body);
  });

  app.post("/sites/:slug/rules", async (c) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, c.req.param("slug"));
    const typed = await readForm(c);
    return attempt(
      async () => {
        const now = await deps.showRules(person, site.slug);
        const patch = parse(edgeRulesPatchSchema, readRules(typed, now));
        if (Object.keys(patch).length > 0) await deps.setRules(person, site.slug, patch);
        return c.redirect(`/sites/${site.slug}/rules?done=rules`, 303);
      },
      (refusal) =>
        page(
          c,
          { title: `Error: rules of ${site.slug}`, status: refusal.status },
          <SiteRules
            site={site}
            typed={{ ...typed, basicAuth: namesOnly(typed.basicAuth) }}
            refusal={refusal}
          />,
        ),
    );
  });

  return app;
};
