/** @jsxImportSource hono/jsx */
import { Hono } from "hono";
import { addLinkSchema } from "../../domain/link.ts";
import { processNameSchema, processSettingsSchema, scaleSchema } from "../../domain/process.ts";
import { MB } from "../../domain/size.ts";
import { invalid } from "../../errors.ts";
import type { PanelDeps, PanelEnv, Person } from "../deps.ts";
import { attempt, given, parse, readForm, type Refusal, type Typed } from "../form.ts";
import { type ProcessesProps, SiteProcesses } from "../pages/site-processes.tsx";
import { type RenderPage, signedIn } from "../render.tsx";

/** Processes of a site, their replicas, and its links. */
export const processRoutes = ({ processes, ...deps }: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  const body = async (
    person: Person,
    slug: string,
    refused: { form: NonNullable<ProcessesProps["refused"]>; typed: Typed; refusal: Refusal } | null = null,
  ) => (
    <SiteProcesses
      site={await deps.getSite(person, slug)}
      processes={await processes.list(person, slug)}
      connections={await processes.connections(person, slug)}
      typed={refused?.typed ?? {}}
      refusal={refused?.refusal ?? null}
      refused={refused?.form ?? null}
    />
  );

  app.get("/sites/:slug/processes", async (c) => {
    const person = signedIn(c);
    const slug = c.req.param("slug");
    return page(c, { title: `Processes of ${slug}` }, await body(person, slug));
  });

  /** A form of the page: reads, acts, and says so; what was refused is shown with what was typed. */
  const form = (
    path: string,
    which: NonNullable<ProcessesProps["refused"]>,
    done: string,
    act: (person: Person, slug: string, typed: Typed) => Promise<unknown>,
  ) =>
    app.post(`/sites/:slug/${path}`, async (c) => {
      const person = signedIn(c);
      const slug = c.req.param("slug")!;
      const typed = await readForm(c);
      return attempt(
        async () => {
          await act(person, slug, typed);
          return c.redirect(`/sites/${slug}/processes?done=${done}`, 303);
        },
        async (refusal) =>
          page(
            c,
            { title: `Error: processes of ${slug}`, status: refusal.status },
            await body(person, slug, { form: which, typed, refusal }),
          ),
      );
    });

  form("scale", "scale", "scaled", (person, slug, typed) =>
    processes.scale(
      person,
      slug,
      parse(
        scaleSchema,
        Object.fromEntries(Object.entries(typed).map(([name, text]) => [name, whole(text.trim())])),
      ),
    ),
  );
  form("processes", "process", "process-set", (person, slug, typed) => {
    const name = processNameSchema.safeParse((typed.name ?? "").trim());
    if (!name.success) throw invalid("name", name.error.issues[0]!.message);
    const port = given(typed, "port");
    const memory = given(typed, "memory");
    return processes.set(
      person,
      slug,
      name.data,
      parse(processSettingsSchema, {
        command: given(typed, "command"),
        port: port === undefined ? undefined : whole(port),
        memoryBytes: memory === undefined ? undefined : whole(memory) * MB,
      }),
    );
  });
  form("links", "link", "linked", (person, slug, typed) =>
    processes.link(
      person,
      slug,
      parse(addLinkSchema, { to: (typed.to ?? "").trim(), name: given(typed, "name") }),
    ),
  );

  app.post("/sites/:slug/processes/:name/remove", async (c) => {
    const person = signedIn(c);
    const { slug, name } = c.req.param();
    await readForm(c);
    await processes.remove(person, slug, name);
    return c.redirect(`/sites/${slug}/processes?done=process-removed`, 303);
  });
  app.post("/sites/:slug/links/:name/remove", async (c) => {
    const person = signedIn(c);
    const { slug, name } = c.req.param();
    await readForm(c);
    await processes.unlink(person, slug, name);
    return c.redirect(`/sites/${slug}/processes?done=unlinked`, 303);
  });

  return app;
};

/** What is no whole number goes on as NaN, for the schema to refuse with its bounds. */
const whole = (text: string): number => (/^\d+$/.test(text) ? Number(text) : Number.NaN);
