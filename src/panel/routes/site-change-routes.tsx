/** @jsxImportSource hono/jsx */
import { Hono } from "hono";
import { limitsPatchSchema } from "../../domain/limits.ts";
import type { HookView } from "../../domain/views.ts";
import { setEnvSchema } from "../../sites/env-vars.ts";
import { addVolumeSchema, resizeVolumeSchema } from "../../sites/volumes.ts";
import type { PanelDeps, PanelEnv, Person } from "../deps.ts";
import { readEnvForm } from "../env-form.ts";
import { attempt, parse, readForm, type Refusal, type Typed } from "../form.ts";
import { readLimits, typedLimits } from "../limit-fields.ts";
import { SiteEnvironment } from "../pages/site-environment.tsx";
import { SiteHooks } from "../pages/site-hooks.tsx";
import { SiteLimits } from "../pages/site-limits.tsx";
import { SiteVolumes } from "../pages/site-volumes.tsx";
import { type RenderPage, signedIn } from "../render.tsx";
import { readSize } from "../size-field.ts";

/** Limits, environment variables, volumes and hooks of a site. */
export const siteChangeRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  app.get("/sites/:slug/limits", async (c) => {
    const site = await deps.getSite(signedIn(c), c.req.param("slug"));
    const typed = { ...typedLimits(site.limits.asked), cpuBurst: site.cpuBurst.on ? "yes" : "" };
    const body = <SiteLimits site={site} typed={typed} refusal={null} />;
    return page(c, { title: `Limits of ${site.slug}` }, body);
  });

  app.post("/sites/:slug/limits", async (c) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, c.req.param("slug"));
    const typed = await readForm(c);
    return attempt(
      async () => {
        const cpuBurst = typed.cpuBurst === "yes";
        const patch = {
          ...parse(limitsPatchSchema, readLimits(typed, site.limits.asked)),
          ...(cpuBurst !== site.cpuBurst.on && { cpuBurst }),
        };
        if (Object.keys(patch).length > 0) await deps.setLimits(person, site.slug, patch);
        return c.redirect(`/sites/${site.slug}/limits?done=limits`, 303);
      },
      (refusal) =>
        page(
          c,
          { title: `Error: limits of ${site.slug}`, status: refusal.status },
          <SiteLimits site={site} typed={typed} refusal={refusal} />,
        ),
    );
  });

  const environment = async (person: Person, slug: string, typed: Typed, refusal: Refusal | null) => (
    <SiteEnvironment
      site={await deps.getSite(person, slug)}
      items={await deps.listEnv(person, slug)}
      typed={typed}
      refusal={refusal}
    />
  );

  app.get("/sites/:slug/environment", async (c) => {
    const slug = c.req.param("slug");
    return page(c, { title: `Environment of ${slug}` }, await environment(signedIn(c), slug, {}, null));
  });

  app.post("/sites/:slug/environment", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    const typed = await readForm(c);
    return attempt(
      async () => {
        await deps.setEnv(person, slug, parse(setEnvSchema, readEnvForm(typed)));
        return c.redirect(`/sites/${slug}/environment?done=env`, 303);
      },
      async (refusal) =>
        page(
          c,
          { title: `Error: environment of ${slug}`, status: refusal.status },
          await environment(person, slug, typed, refusal),
        ),
    );
  });

  app.post("/sites/:slug/environment/unset", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    const typed = await readForm(c);
    await deps.setEnv(person, slug, parse(setEnvSchema, { unset: [typed.key ?? ""] }));
    return c.redirect(`/sites/${slug}/environment?done=env-removed`, 303);
  });

  const volumes = async (
    person: Person,
    slug: string,
    typed: Typed,
    refusal: Refusal | null,
    refused: { volume: string; form: "resize" | "remove" } | null,
  ) => (
    <SiteVolumes site={await deps.getSite(person, slug)} typed={typed} refusal={refusal} refused={refused} />
  );

  app.get("/sites/:slug/volumes", async (c) => {
    const slug = c.req.param("slug");
    return page(c, { title: `Volumes of ${slug}` }, await volumes(signedIn(c), slug, {}, null, null));
  });

  app.post("/sites/:slug/volumes", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    const typed = await readForm(c);
    return attempt(
      async () => {
        const input = {
          name: (typed.name ?? "").trim(),
          mountPath: (typed.mountPath ?? "").trim(),
          sizeBytes: readSize(typed, "sizeBytes"),
        };
        await deps.addVolume(person, slug, parse(addVolumeSchema, input));
        return c.redirect(`/sites/${slug}/volumes?done=volume-added`, 303);
      },
      async (refusal) =>
        page(
          c,
          { title: `Error: volumes of ${slug}`, status: refusal.status },
          await volumes(person, slug, typed, refusal, null),
        ),
    );
  });

  app.post("/sites/:slug/volumes/:name/remove", async (c) => {
    const person = signedIn(c);
    const { slug, name } = c.req.param();
    const typed = await readForm(c);
    return attempt(
      async () => {
        await deps.removeVolume(person, slug, name, { confirm: (typed.confirm ?? "").trim() });
        return c.redirect(`/sites/${slug}/volumes?done=volume-removed`, 303);
      },
      async (refusal) =>
        page(
          c,
          { title: `Error: volumes of ${slug}`, status: refusal.status },
          await volumes(person, slug, typed, refusal, { volume: name, form: "remove" }),
        ),
    );
  });

  app.post("/sites/:slug/volumes/:name/resize", async (c) => {
    const person = signedIn(c);
    const { slug, name } = c.req.param();
    const typed = await readForm(c);
    return attempt(
      async () => {
        const { sizeBytes } = parse(resizeVolumeSchema, { sizeBytes: readSize(typed, "sizeBytes") });
        const live = await deps.resizeVolume(person, slug, name, sizeBytes);
        return c.redirect(`/sites/${slug}/volumes?done=volume-resized${live ? "" : "-later"}`, 303);
      },
      async (refusal) =>
        page(
          c,
          { title: `Error: volumes of ${slug}`, status: refusal.status },
          await volumes(person, slug, typed, refusal, { volume: name, form: "resize" }),
        ),
    );
  });

  const hooks = async (person: Person, slug: string, fresh: HookView | null, refusal: Refusal | null) => {
    const [site, list] = await Promise.all([deps.getSite(person, slug), deps.listHooks(person, slug)]);
    const withDeliveries = await Promise.all(
      list.map(async (hook) => ({
        hook,
        deliveries: (await deps.hookDeliveries(person, slug, hook.id)).slice(0, 10),
      })),
    );
    return <SiteHooks site={site} hooks={withDeliveries} fresh={fresh} refusal={refusal} />;
  };

  app.get("/sites/:slug/hooks", async (c) => {
    const slug = c.req.param("slug");
    return page(c, { title: `Hooks of ${slug}` }, await hooks(signedIn(c), slug, null, null));
  });

  // A secret is in the answer to the form itself: behind a redirect it would have to be kept somewhere.
  app.post("/sites/:slug/hooks", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    const typed = await readForm(c);
    return attempt(
      async () => {
        const fresh = await deps.createHook(person, slug, { provider: typed.provider ?? "github" });
        return page(c, { title: `Hooks of ${slug}`, status: 201 }, await hooks(person, slug, fresh, null));
      },
      async (refusal) =>
        page(
          c,
          { title: `Error: hooks of ${slug}`, status: refusal.status },
          await hooks(person, slug, null, refusal),
        ),
    );
  });

  app.post("/sites/:slug/hooks/:id/rotate", async (c) => {
    const person = signedIn(c);
    const { slug, id } = c.req.param();
    await readForm(c);
    const fresh = await deps.rotateHook(person, slug, id);
    return page(c, { title: `Hooks of ${slug}` }, await hooks(person, slug, fresh, null));
  });

  app.post("/sites/:slug/hooks/:id/remove", async (c) => {
    const person = signedIn(c);
    const { slug, id } = c.req.param();
    await readForm(c);
    await deps.removeHook(person, slug, id);
    return c.redirect(`/sites/${slug}/hooks?done=hook-removed`, 303);
  });

  return app;
};
