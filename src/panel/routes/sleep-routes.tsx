/** @jsxImportSource hono/jsx */
import { type Context, Hono } from "hono";
import { sleepPolicySchema, type SleepPolicyView } from "../../domain/sleep.ts";
import type { PanelDeps, PanelEnv, Person } from "../deps.ts";
import { attempt, parse, readForm, type Refusal, type Typed } from "../form.ts";
import { SiteSleep } from "../pages/site-sleep.tsx";
import { type RenderPage, signedIn } from "../render.tsx";

const minutesOf = (text = ""): number | null =>
  text.trim() === "" ? null : Number(text.trim().replace(",", "."));

const typedOf = (policy: SleepPolicyView): Typed => ({
  never: policy.never ? "yes" : "",
  freezeAfterMinutes: policy.fromDefaults.freezeAfterMinutes ? "" : String(policy.freezeAfterMinutes),
  stopAfterMinutes: policy.fromDefaults.stopAfterMinutes ? "" : String(policy.stopAfterMinutes),
  wakeAt: policy.wakeAt.join("\n"),
  timeZone: policy.timeZone,
});

/** Sleep of a site: whether it does, and when. */
export const sleepRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  const show = async (
    c: Context<PanelEnv>,
    person: Person,
    slug: string,
    refused: { typed: Typed | null; refusal: Refusal } | null = null,
  ) => {
    const site = await deps.getSite(person, slug);
    const policy = await deps.sleep.show(person, slug);
    const refusal = refused?.refusal ?? null;
    return page(
      c,
      { title: `Sleep of ${slug}`, ...(refusal && { status: refusal.status }) },
      <SiteSleep site={site} policy={policy} typed={refused?.typed ?? typedOf(policy)} refusal={refusal} />,
    );
  };

  app.get("/sites/:slug/sleep", (c) => show(c, signedIn(c), c.req.param("slug")));

  app.post("/sites/:slug/sleep", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    const typed = await readForm(c);
    return attempt(
      async () => {
        const change = parse(sleepPolicySchema, {
          never: typed.never === "yes",
          freezeAfterMinutes: minutesOf(typed.freezeAfterMinutes),
          stopAfterMinutes: minutesOf(typed.stopAfterMinutes),
          wakeAt: (typed.wakeAt ?? "")
            .split("\n")
            .map((line) => line.trim().replaceAll(/\s+/g, " "))
            .filter(Boolean),
          timeZone: (typed.timeZone ?? "").trim() || "UTC",
        });
        await deps.sleep.change(person, slug, change);
        return c.redirect(`/sites/${slug}/sleep?done=sleep`, 303);
      },
      (refusal) => show(c, person, slug, { typed, refusal }),
    );
  });

  app.post("/sites/:slug/sleep/now", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    await readForm(c);
    return attempt(
      async () => {
        await deps.sleep.sleep(person, slug, "freeze");
        return c.redirect(`/sites/${slug}/sleep?done=slept`, 303);
      },
      (refusal) => show(c, person, slug, { typed: null, refusal }),
    );
  });

  app.post("/sites/:slug/wake", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    await readForm(c);
    await deps.sleep.wake(person, slug);
    return c.redirect(`/sites/${slug}?done=woken`, 303);
  });

  return app;
};
