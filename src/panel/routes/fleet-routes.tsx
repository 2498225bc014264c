/** @jsxImportSource hono/jsx */
import { Hono } from "hono";
import { type SiteStatus, siteStatuses } from "../../domain/site.ts";
import { invalid } from "../../errors.ts";
import { createSiteSchema } from "../../sites/create-site.ts";
import type { PanelDeps, PanelEnv } from "../deps.ts";
import { type FleetQuery, fleetPage, fleetSorts } from "../fleet-order.ts";
import { attempt, parse, readForm, type Refusal, type Typed } from "../form.ts";
import { Fleet } from "../pages/fleet.tsx";
import { NewSite, type NewSiteWay, newSiteWays } from "../pages/new-site.tsx";
import { type RenderPage, signedIn } from "../render.tsx";
import { readNewSite } from "../site-form.ts";
import { slugFromImage, slugFromUrl } from "../slug-from-url.ts";

const pageSize = 100;

const fleetQuery = (query: Record<string, string>): FleetQuery => ({
  q: (query.q ?? "").trim().slice(0, 200),
  state: siteStatuses.find((status) => status === query.state) ?? (null as SiteStatus | null),
  sort: fleetSorts.find((sort) => sort === query.sort) ?? "state",
  descending: query.dir === "desc",
  after: query.after ?? null,
});

const wayOf = (name: string | undefined): NewSiteWay =>
  newSiteWays.find((way) => way.name === name)?.name ?? "git";

/** The list of sites, and the page that adds one. */
export const fleetRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  app.get("/", async (c) => {
    const person = signedIn(c);
    const query = fleetQuery(c.req.query());
    const [all, host] = await Promise.all([deps.fleet(person), deps.host(person)]);
    return page(
      c,
      { title: "Sites", scripts: ["live.js"] },
      <Fleet all={all} page={fleetPage(all, query, pageSize)} query={query} host={host} />,
    );
  });

  const form = (typed: Typed, way: NewSiteWay, refusal: Refusal | null) => (
    <NewSite way={way} baseDomain={deps.baseDomain} typed={typed} refusal={refusal} />
  );

  app.get("/sites/new", (c) => {
    signedIn(c);
    const { from, repositoryUrl = "" } = c.req.query();
    return page(c, { title: "New site" }, form({ repositoryUrl }, wayOf(from), null));
  });

  app.post("/sites/new", async (c) => {
    const person = signedIn(c);
    const typed = await readForm(c);
    const way = wayOf(c.req.query("from"));
    typed.slug =
      typed.slug?.trim() ||
      (way === "image" ? slugFromImage(typed.image ?? "") : slugFromUrl(typed.repositoryUrl ?? ""));
    return attempt(
      async () => {
        const fields = readNewSite(typed);
        if (way === "git" && !fields.repositoryUrl)
          throw invalid("repositoryUrl", "is empty; paste an https:// address");
        if (way === "image" && !fields.image)
          throw invalid("image", "is empty; name an image such as nginx:1.27");
        const input = { ...fields, ...(way === "image" ? { type: "image" } : {}), slug: typed.slug };
        const { site, deployment } = await deps.createSite(person, parse(createSiteSchema, input));
        return c.redirect(
          deployment ? `/deployments/${deployment}` : `/sites/${site.slug}?done=created`,
          303,
        );
      },
      (refusal) => page(c, { title: "Error: new site", status: refusal.status }, form(typed, way, refusal)),
    );
  });

  return app;
};
