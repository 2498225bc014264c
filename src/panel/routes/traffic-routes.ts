import { Hono } from "hono";
import { pauseSchema } from "../../domain/traffic.ts";
import type { PanelDeps, PanelEnv } from "../deps.ts";
import { readForm } from "../form.ts";
import { signedIn } from "../render.tsx";

/** Restart, pause and resume of a site, and the end of a split. */
export const trafficRoutes = (deps: PanelDeps): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  app.post("/sites/:slug/restart", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    await readForm(c);
    await deps.restartSite(person, slug);
    return c.redirect(`/sites/${slug}?done=restarted`, 303);
  });

  app.post("/sites/:slug/pause", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    await readForm(c);
    await deps.pauseSite(person, slug, pauseSchema.parse({}));
    return c.redirect(`/sites/${slug}?done=paused`, 303);
  });

  app.post("/sites/:slug/resume", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    await readForm(c);
    await deps.resumeSite(person, slug);
    return c.redirect(`/sites/${slug}?done=resumed`, 303);
  });

  app.post("/sites/:slug/split/end", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    await readForm(c);
    await deps.endSplit(person, slug);
    return c.redirect(`/sites/${slug}?done=split-ended`, 303);
  });

  return app;
};
