/** @jsxImportSource hono/jsx */
import { Hono } from "hono";
import { isTerminal } from "../../domain/deployment.ts";
import { deploySchema, rollbackSchema } from "../../deploy/deployments.ts";
import { AppError } from "../../errors.ts";
import { deploymentTitle } from "../components/deployment-table.tsx";
import type { PanelDeps, PanelEnv, Person } from "../deps.ts";
import { attempt, given, parse, readForm, type Refusal, type Typed } from "../form.ts";
import { DeploymentPage } from "../pages/deployment.tsx";
import { Rollback } from "../pages/rollback.tsx";
import { SiteDeployments } from "../pages/site-deployments.tsx";
import { type RenderPage, signedIn } from "../render.tsx";

const perPage = 25;
const shownLines = 500;
const mostLines = 20_000;

/** Deployments: their list, one of them, and the acts deploy, cancel and roll back. */
export const deployRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  const list = async (
    person: Person,
    slug: string,
    before: string | undefined,
    typed: Typed,
    refusal: Refusal | null,
  ) => {
    const site = await deps.getSite(person, slug);
    const { items, next } = await deps.listDeployments(person, slug, { before, limit: perPage });
    return (
      <SiteDeployments
        site={site}
        items={items}
        next={next}
        older={before !== undefined}
        typed={typed}
        refusal={refusal}
      />
    );
  };

  app.get("/sites/:slug/deployments", async (c) => {
    const slug = c.req.param("slug");
    const body = await list(signedIn(c), slug, c.req.query("before"), {}, null);
    return page(c, { title: `Deployments of ${slug}` }, body);
  });

  app.post("/sites/:slug/deploy", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    const typed = await readForm(c);
    const choice = {
      branch: given(typed, "branch"),
      commit: given(typed, "commit"),
      image: given(typed, "image"),
    };
    return attempt(
      async () => {
        const id = await deps.deploy(person, slug, parse(deploySchema, choice));
        return c.redirect(`/deployments/${id}`, 303);
      },
      async (refusal) =>
        page(
          c,
          { title: `Error: deploy ${slug}`, status: refusal.status },
          await list(person, slug, undefined, typed, refusal),
        ),
    );
  });

  app.get("/deployments/:id", async (c) => {
    const person = signedIn(c);
    const deployment = await deps.getDeployment(person, c.req.param("id"));
    const all = c.req.query("log") === "all";
    const [site, lines] = await Promise.all([
      deps.getSite(person, deployment.site),
      deps.deploymentLog(person, deployment.id, { last: all ? mostLines : shownLines }),
    ]);
    const over = isTerminal(deployment.status);
    return page(
      c,
      {
        title: `${deploymentTitle(deployment)}, ${deployment.site}`,
        scripts: over ? [] : ["deployment.js"],
        refreshSeconds: over ? null : 3,
      },
      <DeploymentPage deployment={deployment} site={site} lines={lines} all={all} />,
    );
  });

  app.post("/deployments/:id/cancel", async (c) => {
    const person = signedIn(c);
    const id = c.req.param("id");
    await readForm(c);
    try {
      await deps.cancelDeployment(person, id);
    } catch (error) {
      // It ended by itself meanwhile: its page says how.
      if (error instanceof AppError && error.code === "conflict")
        return c.redirect(`/deployments/${id}`, 303);
      throw error;
    }
    return c.redirect(`/deployments/${id}?done=cancelled`, 303);
  });

  const rollbackPage = async (person: Person, slug: string, refusal: Refusal | null) => (
    <Rollback
      site={await deps.getSite(person, slug)}
      releases={await deps.listReleases(person, slug)}
      refusal={refusal}
    />
  );

  app.get("/sites/:slug/rollback", async (c) => {
    const slug = c.req.param("slug");
    return page(c, { title: `Roll back ${slug}` }, await rollbackPage(signedIn(c), slug, null));
  });

  app.post("/sites/:slug/rollback", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    const typed = await readForm(c);
    return attempt(
      async () => {
        const to = given(typed, "to");
        const options = parse(rollbackSchema, to === undefined ? {} : { to: Number(to) });
        const id = await deps.rollback(person, slug, options);
        return c.redirect(`/deployments/${id}`, 303);
      },
      async (refusal) =>
        page(
          c,
          { title: `Error: roll back ${slug}`, status: refusal.status },
          await rollbackPage(person, slug, refusal),
        ),
    );
  });

  return app;
};
