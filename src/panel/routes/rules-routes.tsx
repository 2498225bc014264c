/** @jsxImportSource hono/jsx */
import { type Context, Hono } from "hono";
import { type EdgeRulesPatch, type EdgeRulesView, edgeRulesPatchSchema } from "../../domain/edge-rules.ts";
import { limitsPatchSchema } from "../../domain/limits.ts";
import type { SiteView } from "../../domain/views.ts";
import { notFound } from "../../errors.ts";
import { type PreviewPage, previewPages } from "../components/rule-pages.tsx";
import type { PanelDeps, PanelEnv } from "../deps.ts";
import { attempt, parse, readForm, type Refusal, type Typed } from "../form.ts";
import { readLimits, typedLimits } from "../limit-fields.ts";
import { SiteRules } from "../pages/site-rules.tsx";
import { type RenderPage, signedIn } from "../render.tsx";
import { isRuleSection, readRules, ruleField, ruleSections, typedRules } from "../rules-form.ts";

/**
 * A person's own page is shown as visitors get it, but on the panel's host: in a sandbox it has neither scripts
 * nor the panel's origin, and cannot send anything anywhere. With an opener policy browsers refuse a sandbox.
 */
const previewHeaders = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy":
    "sandbox; default-src 'none'; img-src data: https:; style-src 'unsafe-inline' https:; font-src data: https:; " +
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
  "Cross-Origin-Opener-Policy": "unsafe-none",
  "Referrer-Policy": "no-referrer",
};

const pageField: Record<PreviewPage, string> = {
  notFound: "pageNotFound",
  error: "pageError",
  maintenance: "pageMaintenance",
};

/** A site's rules at the edge. */
export const rulesRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  const show = async (
    c: Context<PanelEnv>,
    site: SiteView,
    rules: EdgeRulesView,
    refused: { section: string; typed: Typed; refusal: Refusal } | null,
  ) => {
    const shown = { ...typedRules(rules), maxBodyBytes: typedLimits(site.limits.asked).maxBodyBytes! };
    // Boxes that were not ticked are not sent: of a refused section only what was typed is shown.
    const names: string[] = refused && isRuleSection(refused.section) ? ruleSections[refused.section] : [];
    for (const name of names) delete (shown as Typed)[name];
    const { userPassword: _, ...typed } = refused?.typed ?? {};
    return page(
      c,
      {
        title: `${refused ? "Error: r" : "R"}ules of ${site.slug}`,
        ...(refused && { status: refused.refusal.status }),
      },
      <SiteRules
        site={site}
        rules={rules}
        typed={{ ...shown, ...typed }}
        refused={
          refused && {
            section: refused.section,
            refusal: { ...refused.refusal, fields: refused.refusal.fields.map(ruleField) },
          }
        }
        saved={refused === null ? (c.req.query("saved") ?? null) : null}
      />,
    );
  };

  /** Carries one section out, then shows it saved, or with what was refused. */
  const act = async (
    c: Context<PanelEnv>,
    section: string,
    run: (site: SiteView, typed: Typed, now: EdgeRulesView) => Promise<void>,
  ): Promise<Response> => {
    const person = signedIn(c);
    const site = await deps.getSite(person, c.req.param("slug")!);
    const typed = await readForm(c);
    const now = await deps.showRules(person, site.slug);
    return attempt(
      async () => {
        await run(site, typed, now);
        return c.redirect(`/sites/${site.slug}/rules?saved=${section}#rules-${section}`, 303);
      },
      (refusal) => show(c, site, now, { section, typed, refusal }),
    );
  };
  const set = async (c: Context<PanelEnv>, slug: string, change: unknown): Promise<void> => {
    const patch: EdgeRulesPatch = parse(edgeRulesPatchSchema, change);
    if (Object.keys(patch).length > 0) await deps.setRules(signedIn(c), slug, patch);
  };

  app.get("/sites/:slug/rules", async (c) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, c.req.param("slug"));
    return show(c, site, await deps.showRules(person, site.slug), null);
  });

  // What was refused stands under the section's own address; reloaded or shared, it leads to the section.
  app.get("/sites/:slug/rules/:section", (c) => {
    const section = c.req.param("section");
    if (!isRuleSection(section) && !["users", "body"].includes(section)) throw notFound(`section ${section}`);
    return c.redirect(`/sites/${encodeURIComponent(c.req.param("slug"))}/rules#rules-${section}`, 303);
  });

  app.post("/sites/:slug/rules/users", (c) =>
    act(c, "users", async (site, { userName = "", userPassword = "" }, now) => {
      const user = { name: userName.trim(), password: userPassword };
      // The one that may be refused goes first, so that errors name its fields.
      const others = now.basicAuth.filter(({ name }) => name !== user.name);
      await set(c, site.slug, { basicAuth: [user, ...others] });
    }),
  );

  app.post("/sites/:slug/rules/users/remove", (c) =>
    act(c, "users", (site, { userName }, now) =>
      set(c, site.slug, { basicAuth: now.basicAuth.filter(({ name }) => name !== userName) }),
    ),
  );

  app.post("/sites/:slug/rules/body", (c) =>
    act(c, "body", async (site, { maxBodyBytes = "" }) => {
      const patch = parse(limitsPatchSchema, readLimits({ maxBodyBytes }, site.limits.asked));
      if (Object.keys(patch).length > 0) await deps.setLimits(signedIn(c), site.slug, patch);
    }),
  );

  app.post("/sites/:slug/rules/preview/:page", async (c) => {
    await deps.getSite(signedIn(c), c.req.param("slug"));
    const name = previewPages.find((one) => one === c.req.param("page"));
    if (name === undefined) throw notFound("page");
    const html = (await readForm(c))[pageField[name]]?.trim();
    if (!html)
      return c.body("There is no page of your own: visitors get the edge's.", 200, {
        "Content-Type": "text/plain; charset=utf-8",
      });
    return c.body(html, 200, previewHeaders);
  });

  app.post("/sites/:slug/rules/:section", (c) => {
    const section = c.req.param("section");
    if (!isRuleSection(section)) throw notFound(`section ${section}`);
    return act(c, section, (site, typed, now) => set(c, site.slug, readRules(section, typed, now)));
  });

  return app;
};
