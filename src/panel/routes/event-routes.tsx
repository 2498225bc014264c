/** @jsxImportSource hono/jsx */
import { Hono } from "hono";
import type { PanelDeps, PanelEnv } from "../deps.ts";
import { AllEvents, SiteEvents } from "../pages/events.tsx";
import { type RenderPage, signedIn } from "../render.tsx";

const perPage = 50;

/** What happened without anybody asking, to one site or to all. */
export const eventRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  app.get("/sites/:slug/events", async (c) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, c.req.param("slug"));
    const cursor = c.req.query("cursor");
    const found = await deps.siteEvents(person, site.slug, { limit: perPage, cursor });
    const props = { ...found, older: cursor !== undefined };
    return page(c, { title: `What happened to ${site.slug}` }, <SiteEvents site={site} {...props} />);
  });

  app.get("/events", async (c) => {
    const cursor = c.req.query("cursor");
    const found = await deps.events(signedIn(c), { limit: perPage, cursor });
    return page(c, { title: "What happened" }, <AllEvents {...found} older={cursor !== undefined} />);
  });

  return app;
};
