/** @jsxImportSource hono/jsx */
import { type Context, Hono } from "hono";
import type { Retention, RetentionPatch } from "../../domain/retention.ts";
import { formatBytes, parseBytes } from "../../domain/size.ts";
import { AppError, invalid } from "../../errors.ts";
import type { SiteLogPage } from "../../logs/site-logs.ts";
import type { PanelDeps, PanelEnv, Person } from "../deps.ts";
import { attempt, readForm } from "../form.ts";
import { logQueryOf, readLogFields } from "../log-query.ts";
import { HostRetention, LogStorage, type Typing } from "../pages/log-storage.tsx";
import { SiteLogs } from "../pages/site-logs.tsx";
import { type RenderPage, signedIn } from "../render.tsx";

/** Fit for the person to act on: the page stays of use without its log, and the reason stands in its place. */
const readable = new Set<AppError["code"]>(["engine_unavailable", "unavailable", "invalid_input"]);

/** An empty field takes a setting away. @throws AppError `invalid_input` */
const bytesOf = (name: string, text: string): number => {
  const bytes = parseBytes(text.trim());
  if (bytes === null) throw invalid(name, "must be a size such as 100m or 1g");
  return bytes;
};
const daysOf = (name: string, text: string): number => {
  if (!/^\d{1,6}$/.test(text.trim())) throw invalid(name, "must be a whole number of days");
  return Number(text);
};

/** What sites print, and how long it and other records are kept. */
export const logRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  app.get("/sites/:slug/logs", async (c) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, c.req.param("slug"));
    const fields = readLogFields((name) => c.req.query(name));
    let lines: SiteLogPage | null = null;
    let problem: string | null = null;
    try {
      lines = await deps.appLog(person, site.slug, logQueryOf(fields));
    } catch (error) {
      if (!(error instanceof AppError) || !readable.has(error.code)) throw error;
      problem = error.publicMessage;
    }
    const storage = await deps.logStorage(person, site.slug);
    return page(
      c,
      { title: `Logs of ${site.slug}`, scripts: ["site-log.js"] },
      <SiteLogs
        site={site}
        fields={fields}
        page={lines}
        storage={storage}
        problem={problem}
        nowMs={deps.clock.nowMs()}
      />,
    );
  });

  const showStorage = async (c: Context<PanelEnv>, person: Person, slug: string, refused?: Typing) => {
    const site = await deps.getSite(person, slug);
    const storage = await deps.logStorage(person, slug);
    const { own } = storage;
    const typed = {
      maxBytes: own.maxBytes === null ? "" : formatBytes(own.maxBytes),
      days: own.days === null ? "" : String(own.days),
    };
    const { refusal = null } = refused ?? {};
    return page(
      c,
      { title: `What is kept of the log of ${slug}`, ...(refusal && { status: refusal.status }) },
      <LogStorage site={site} storage={storage} typed={refused?.typed ?? typed} refusal={refusal} />,
    );
  };
  app.get("/sites/:slug/logs/storage", (c) => showStorage(c, signedIn(c), c.req.param("slug")));
  app.post("/sites/:slug/logs/storage", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    const typed = await readForm(c);
    return attempt(
      async () => {
        const { maxBytes = "", days = "" } = typed;
        await deps.setLogStorage(person, slug, {
          maxBytes: maxBytes.trim() === "" ? null : bytesOf("maxBytes", maxBytes),
          days: days.trim() === "" ? null : daysOf("days", days),
        });
        return c.redirect(`/sites/${slug}/logs?done=log-storage`, 303);
      },
      (refusal) => showStorage(c, person, slug, { typed, refusal }),
    );
  });

  const showRetention = async (c: Context<PanelEnv>, person: Person, refused?: Typing) => {
    if (!person.isAdmin)
      throw new AppError("forbidden", "Only an operator of this installation may see this");
    const kept = await deps.retention(person);
    const typed = Object.fromEntries(
      Object.entries(kept).map(([name, value]) => [
        name,
        name === "appLogBytes" ? formatBytes(value) : String(value),
      ]),
    );
    const { refusal = null } = refused ?? {};
    return page(
      c,
      { title: "What is kept, and how long", ...(refusal && { status: refusal.status }) },
      <HostRetention typed={refused?.typed ?? typed} refusal={refusal} />,
    );
  };
  app.get("/host/retention", (c) => showRetention(c, signedIn(c)));
  app.post("/host/retention", async (c) => {
    const person = signedIn(c);
    if (!person.isAdmin) throw new AppError("forbidden", "Only an operator of this installation may do this");
    const typed = await readForm(c);
    return attempt(
      async () => {
        const patch: RetentionPatch = {};
        for (const name of Object.keys(await deps.retention(person)) as (keyof Retention)[]) {
          const text = typed[name] ?? "";
          if (text.trim() !== "")
            patch[name] = name === "appLogBytes" ? bytesOf(name, text) : daysOf(name, text);
        }
        await deps.setRetention(person, patch);
        return c.redirect("/host/retention?done=retention", 303);
      },
      (refusal) => showRetention(c, person, { typed, refusal }),
    );
  });

  return app;
};
