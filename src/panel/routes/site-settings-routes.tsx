/** @jsxImportSource hono/jsx */
import { Hono } from "hono";
import { siteFieldsSchema } from "../../domain/site.ts";
import type { SiteView } from "../../domain/views.ts";
import type { PanelDeps, PanelEnv, Person } from "../deps.ts";
import { attempt, parse, readForm, type Refusal, type Typed } from "../form.ts";
import { SiteSettings } from "../pages/site-settings.tsx";
import { type RenderPage, signedIn } from "../render.tsx";
import { readSiteSettings, typedSite } from "../site-form.ts";

/** Settings of a site, stop and start, and its end. */
export const siteSettingsRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  const body = async (
    person: Person,
    site: SiteView,
    refused: { form: "settings" | "delete"; typed: Typed; refusal: Refusal } | null,
  ) => (
    <SiteSettings
      site={site}
      releases={await deps.listReleases(person, site.slug)}
      linkedFrom={(await deps.processes.connections(person, site.slug)).linkedFrom.map((one) => one.site)}
      typed={refused?.form === "settings" ? refused.typed : { ...typedSite(site), ...refused?.typed }}
      refusal={refused?.refusal ?? null}
      refused={refused?.form ?? null}
    />
  );

  app.get("/sites/:slug/settings", async (c) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, c.req.param("slug"));
    return page(c, { title: `Settings of ${site.slug}` }, await body(person, site, null));
  });

  app.post("/sites/:slug/settings", async (c) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, c.req.param("slug"));
    const typed = await readForm(c);
    return attempt(
      async () => {
        await deps.updateSite(person, site.slug, parse(siteFieldsSchema, readSiteSettings(typed, site)));
        return c.redirect(`/sites/${site.slug}/settings?done=settings`, 303);
      },
      async (refusal) =>
        page(
          c,
          { title: `Error: settings of ${site.slug}`, status: refusal.status },
          await body(person, site, { form: "settings", typed, refusal }),
        ),
    );
  });

  app.post("/sites/:slug/delete", async (c) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, c.req.param("slug"));
    const typed = await readForm(c);
    return attempt(
      async () => {
        await deps.deleteSite(person, site.slug, {
          confirm: (typed.confirm ?? "").trim(),
          volumes: typed.volumes === "yes",
        });
        return c.redirect("/?done=deleted", 303);
      },
      async (refusal) =>
        page(
          c,
          { title: `Error: delete ${site.slug}`, status: refusal.status },
          await body(person, site, { form: "delete", typed, refusal }),
        ),
    );
  });

  app.post("/sites/:slug/stop", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    await readForm(c);
    await deps.stopSite(person, slug);
    return c.redirect(`/sites/${slug}?done=stopped`, 303);
  });

  app.post("/sites/:slug/start", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    await readForm(c);
    await deps.startSite(person, slug);
    return c.redirect(`/sites/${slug}?done=started`, 303);
  });

  return app;
};
