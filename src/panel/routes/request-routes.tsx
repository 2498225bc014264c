/** @jsxImportSource hono/jsx */
import { type Context, Hono } from "hono";
import { edgeRulesPatchSchema, type EdgeRulesView } from "../../domain/edge-rules.ts";
import { parseBytes } from "../../domain/size.ts";
import type { SiteView } from "../../domain/views.ts";
import { AppError } from "../../errors.ts";
import { typedLog } from "../components/access-setting.tsx";
import type { PanelDeps, PanelEnv, Person } from "../deps.ts";
import { attempt, parse, readForm, type Refusal, type Typed } from "../form.ts";
import { SiteTraffic, statusChoices, trafficRanges, type TrafficRange } from "../pages/site-traffic.tsx";
import { type RenderPage, signedIn } from "../render.tsx";

const shownLines = 100;

/** A site's traffic: by path, and request by request. */
export const requestRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  const spanOf = ({ name }: TrafficRange): { from: string } => {
    const nowMs = deps.clock.nowMs();
    return { from: name === "today" ? new Date(nowMs).toISOString().slice(0, 10) : name };
  };

  /** Who may see the site may not always see its visitors: the reason stands in their place. */
  const read = async (
    person: Person,
    site: SiteView,
    range: TrafficRange,
    filter: { status: string; path: string },
  ) => {
    const asked = {
      limit: shownLines,
      ...(filter.status !== "" && { status: filter.status }),
      ...(filter.path !== "" && { path: filter.path }),
    };
    try {
      const [paths, log] = await Promise.all([
        deps.topPaths(person, site.slug, spanOf(range)),
        deps.accessLog(person, site.slug, asked),
      ]);
      return { paths, lines: log.items, dropped: log.dropped, problem: null };
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== "forbidden") throw error;
      return { paths: null, lines: [], dropped: 0, problem: error.publicMessage };
    }
  };

  const show = async (
    c: Context<PanelEnv>,
    site: SiteView,
    rules: EdgeRulesView,
    refused: { typed: Typed; refusal: Refusal } | null,
  ) => {
    const range = trafficRanges.find(({ name }) => name === c.req.query("range")) ?? trafficRanges[0];
    const filter = {
      status: statusChoices.find((one) => one === c.req.query("status")) ?? "",
      path: (c.req.query("path") ?? "").slice(0, 200),
    };
    return page(
      c,
      {
        title: `${refused ? "Error: t" : "T"}raffic of ${site.slug}`,
        scripts: ["access-log.js"],
        ...(refused && { status: refused.refusal.status }),
      },
      <SiteTraffic
        site={site}
        range={range}
        filter={filter}
        rules={rules}
        setting={{ typed: { ...typedLog(rules), ...refused?.typed }, refusal: refused?.refusal ?? null }}
        {...await read(signedIn(c), site, range, filter)}
      />,
    );
  };

  app.get("/sites/:slug/traffic", async (c) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, c.req.param("slug"));
    return show(c, site, await deps.showRules(person, site.slug), null);
  });

  app.post("/sites/:slug/traffic/log", async (c) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, c.req.param("slug"));
    const typed = await readForm(c);
    return attempt(
      async () => {
        const { accessLog, accessLogBytes = "", accessLogDays = "" } = typed;
        const patch = parse(edgeRulesPatchSchema, {
          accessLog,
          accessLogBytes: parseBytes(accessLogBytes),
          accessLogDays: Number(accessLogDays.trim()),
        });
        await deps.setRules(person, site.slug, patch);
        return c.redirect(`/sites/${site.slug}/traffic?done=access-log#log-setting`, 303);
      },
      async (refusal) => show(c, site, await deps.showRules(person, site.slug), { typed, refusal }),
    );
  });

  return app;
};
