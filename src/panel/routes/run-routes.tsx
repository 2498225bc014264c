/** @jsxImportSource hono/jsx */
import { type Context, Hono } from "hono";
import { type JobView, jobPatchSchema, newJobSchema } from "../../domain/job.ts";
import { commandSchema } from "../../domain/run.ts";
import { AppError, invalid } from "../../errors.ts";
import type { PanelDeps, PanelEnv } from "../deps.ts";
import { attempt, parse, readForm, type Refusal, type Typed } from "../form.ts";
import { readJobForm, typedJob } from "../job-form.ts";
import { SiteJob } from "../pages/site-job.tsx";
import { SiteJobs } from "../pages/site-jobs.tsx";
import { SiteTerminal } from "../pages/site-terminal.tsx";
import { type RenderPage, signedIn } from "../render.tsx";
import type { CommandResult } from "../../runs/run-to-end.ts";

const runsShown = 20;

/** Scheduled jobs and the terminal of a site. */
export const runRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  const jobs = async (c: Context<PanelEnv>, typed: Typed, refusal: Refusal | null) => {
    const person = signedIn(c);
    const slug = c.req.param("slug")!;
    const site = await deps.getSite(person, slug);
    return page(
      c,
      {
        title: `${refusal ? "Error: j" : "J"}obs of ${slug}`,
        scripts: ["live.js"],
        ...(refusal && { status: refusal.status }),
      },
      <SiteJobs site={site} jobs={await deps.listJobs(person, slug)} typed={typed} refusal={refusal} />,
    );
  };

  app.get("/sites/:slug/jobs", (c) => jobs(c, {}, null));

  app.post("/sites/:slug/jobs", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    const typed = await readForm(c);
    return attempt(
      async () => {
        await deps.addJob(person, slug, parse(newJobSchema, readJobForm(typed)));
        return c.redirect(`/sites/${slug}/jobs?done=job-added`, 303);
      },
      (refusal) => jobs(c, typed, refusal),
    );
  });

  const one = async (c: Context<PanelEnv>, job: JobView, typed: Typed, refusal: Refusal | null) => {
    const person = signedIn(c);
    const slug = c.req.param("slug")!;
    const before = c.req.query("before") ?? null;
    // What runs printed is not for everybody who may see the job.
    const { items, next } = await deps
      .jobRuns(person, slug, job.name, { limit: runsShown, before })
      .catch((error: unknown) => {
        if (error instanceof AppError && error.code === "forbidden") return { items: [], next: null };
        throw error;
      });
    const older = next === null ? null : `${c.req.path}?before=${encodeURIComponent(next)}`;
    return page(
      c,
      {
        title: `${refusal ? "Error: j" : "J"}ob ${job.name} of ${slug}`,
        scripts: ["live.js"],
        ...(refusal && { status: refusal.status }),
      },
      <SiteJob
        site={await deps.getSite(person, slug)}
        job={job}
        runs={items}
        older={older}
        typed={typed}
        refusal={refusal}
      />,
    );
  };

  app.get("/sites/:slug/jobs/:name", async (c) => {
    const job = await deps.getJob(signedIn(c), c.req.param("slug"), c.req.param("name"));
    return one(c, job, typedJob(job), null);
  });

  app.post("/sites/:slug/jobs/:name", async (c) => {
    const person = signedIn(c);
    const { slug, name } = c.req.param();
    const job = await deps.getJob(person, slug, name);
    const typed = await readForm(c);
    return attempt(
      async () => {
        const changed = await deps.changeJob(
          person,
          slug,
          name,
          parse(jobPatchSchema, readJobForm(typed, job)),
        );
        return c.redirect(`/sites/${slug}/jobs/${encodeURIComponent(changed.name)}?done=job-changed`, 303);
      },
      (refusal) => one(c, job, typed, refusal),
    );
  });

  /** An act on a job; what was refused stands on the job's page. */
  const act = (
    verb: "run" | "stop" | "switch" | "remove",
    run: (c: Context<PanelEnv>, slug: string, name: string, typed: Typed) => Promise<string>,
  ): void =>
    void app.post(`/sites/:slug/jobs/:name/${verb}`, async (c) => {
      const { slug, name } = c.req.param() as { slug: string; name: string };
      const typed = await readForm(c);
      return attempt(
        async () => c.redirect(await run(c, slug, name, typed), 303),
        async (refusal) => {
          const job = await deps.getJob(signedIn(c), slug, name);
          return one(c, job, typedJob(job), refusal);
        },
      );
    });
  const jobPath = (slug: string, name: string) => `/sites/${slug}/jobs/${encodeURIComponent(name)}`;
  act("run", async (c, slug, name) => {
    await deps.runJob(signedIn(c), slug, name);
    return `${jobPath(slug, name)}?done=job-run`;
  });
  act("stop", async (c, slug, name) => {
    await deps.stopJob(signedIn(c), slug, name);
    return `${jobPath(slug, name)}?done=job-stopped`;
  });
  act("switch", async (c, slug, name, { enabled }) => {
    await deps.changeJob(signedIn(c), slug, name, { enabled: enabled === "yes" });
    return `${jobPath(slug, name)}?done=job-changed`;
  });
  act("remove", async (c, slug, name) => {
    await deps.removeJob(signedIn(c), slug, name);
    return `/sites/${slug}/jobs?done=job-removed`;
  });

  const terminal = async (
    c: Context<PanelEnv>,
    typed: Typed,
    refusal: Refusal | null,
    result: { command: string; end: CommandResult } | null,
  ) => {
    const person = signedIn(c);
    const slug = c.req.param("slug")!;
    const { items } = await deps.commandHistory(person, slug, { limit: runsShown, before: null });
    return page(
      c,
      {
        title: `${refusal ? "Error: t" : "T"}erminal of ${slug}`,
        scripts: ["terminal.js"],
        ...(refusal && { status: refusal.status }),
      },
      <SiteTerminal
        site={await deps.getSite(person, slug)}
        runs={items}
        typed={typed}
        refusal={refusal}
        result={result}
      />,
    );
  };

  app.get("/sites/:slug/terminal", (c) => terminal(c, {}, null, null));

  // What a command prints is in the answer to the form itself, and kept nowhere.
  app.post("/sites/:slug/terminal", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    const typed = await readForm(c);
    return attempt(
      async () => {
        const command = (typed.command ?? "").trim();
        if (command === "") throw invalid("command", "is empty");
        const end = await deps.runCommand(person, slug, {
          command: parse(commandSchema, command),
          inReplica: typed.inReplica === "yes",
          stillSignedIn: c.get("stillSignedIn"),
        });
        return terminal(c, typed, null, { command, end });
      },
      (refusal) => terminal(c, typed, refusal, null),
    );
  });

  return app;
};
