/** @jsxImportSource hono/jsx */
import { type Context, Hono } from "hono";
import { uploadSchema } from "../../certificates/upload.ts";
import { addDomainSchema, changeDomainSchema } from "../../sites/domains.ts";
import { isWildcard } from "../../domain/host-name.ts";
import type { DomainView } from "../../domain/views.ts";
import { notFound } from "../../errors.ts";
import { domainId, isMoving } from "../domain-words.ts";
import type { PanelDeps, PanelEnv } from "../deps.ts";
import { attempt, parse, readForm, type Typed } from "../form.ts";
import { type DomainsRefused, SiteDomains } from "../pages/site-domains.tsx";
import { type RenderPage, signedIn } from "../render.tsx";

/** Only what differs from what was shown: boxes that are not ticked are not sent. */
const readChange = (typed: Typed, now: DomainView): Record<string, unknown> => {
  const primary = typed.primary === "yes";
  const automaticHttps = typed.automaticHttps === "yes";
  const { redirectTo } = typed;
  return {
    ...(primary !== now.primary && { primary }),
    ...(automaticHttps !== now.automaticHttps && { automaticHttps }),
    // The primary domain leads nowhere, whatever stood in the field when it became that.
    ...(redirectTo !== undefined &&
      redirectTo !== (now.redirectTo ?? "") &&
      !(primary && !now.primary) && { redirectTo: redirectTo === "" ? null : redirectTo }),
  };
};

/** Domains of a site and certificates of its own. */
export const domainRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  const show = async (c: Context<PanelEnv>, slug: string, refused: DomainsRefused | null) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, slug);
    const [own, domains, certificates, rules] = await Promise.all([
      deps.ownAddress(person, slug),
      deps.listDomains(person, slug),
      deps.listCertificates(person, slug),
      deps.showRules(person, slug),
    ]);
    const moving = [...domains, { ...own, state: "verified" as const }].some(isMoving);
    return page(
      c,
      {
        title: `${refused ? "Error: d" : "D"}omains of ${site.slug}`,
        ...(refused ? { status: refused.refusal.status } : { refreshSeconds: moving ? 10 : null }),
        scripts: ["live.js"],
      },
      <SiteDomains
        site={site}
        own={own}
        domains={domains}
        certificates={certificates}
        rules={rules}
        moving={moving}
        refused={refused}
      />,
    );
  };

  /** Carries a form out, then shows the page again, or with what was refused. */
  const act = async (
    c: Context<PanelEnv>,
    form: DomainsRefused["form"],
    run: (slug: string, typed: Typed) => Promise<string>,
  ): Promise<Response> => {
    const slug = c.req.param("slug")!;
    const typed = await readForm(c);
    return attempt(
      async () => c.redirect(`/sites/${slug}/domains?done=${await run(slug, typed)}`, 303),
      async (refusal) => show(c, slug, { form, name: c.req.param("name") ?? null, typed, refusal }),
    );
  };
  const found = (domain: DomainView): string =>
    domain.state === "verified" ? "domain-verified" : "domain-waiting";

  app.get("/sites/:slug/domains", (c) => show(c, c.req.param("slug"), null));

  // What was refused stands under the domain's own address; reloaded or shared, it leads to its card.
  app.get("/sites/:slug/domains/:name", (c) =>
    c.redirect(
      `/sites/${encodeURIComponent(c.req.param("slug"))}/domains#${domainId(c.req.param("name"))}`,
      303,
    ),
  );

  app.post("/sites/:slug/domains", (c) =>
    act(c, "add", async (slug, typed) => {
      const input = parse(addDomainSchema, {
        name: typed.name ?? "",
        // The box is ticked from the first on; a wildcard is for www already.
        ...(typed.www === "yes" && !isWildcard((typed.name ?? "").trim()) && { www: true }),
        ...(typed.primary === "yes" && { primary: true }),
      });
      return found(await deps.addDomain(signedIn(c), slug, input));
    }),
  );

  app.post("/sites/:slug/domains/:name", (c) =>
    act(c, "change", async (slug, typed) => {
      const person = signedIn(c);
      const name = c.req.param("name");
      const now = (await deps.listDomains(person, slug)).find((one) => one.name === name);
      if (!now) throw notFound(`domain ${name} of site ${slug}`);
      const change = parse(changeDomainSchema, readChange(typed, now));
      if (Object.keys(change).length > 0) await deps.changeDomain(person, slug, name, change);
      return "domain-changed";
    }),
  );

  app.post("/sites/:slug/domains/:name/verify", (c) =>
    act(c, "change", async (slug) => found(await deps.verifyDomain(signedIn(c), slug, c.req.param("name")))),
  );

  app.post("/sites/:slug/domains/:name/remove", (c) =>
    act(c, "change", async (slug) => {
      await deps.removeDomain(signedIn(c), slug, c.req.param("name"));
      return "domain-removed";
    }),
  );

  app.post("/sites/:slug/certificates", (c) =>
    act(c, "certificate", async (slug, typed) => {
      const { certificate = "", key = "" } = typed;
      await deps.uploadCertificate(signedIn(c), slug, parse(uploadSchema, { certificate, key }));
      return "certificate-added";
    }),
  );

  app.post("/sites/:slug/certificates/:id/remove", (c) =>
    act(c, "certificate", async (slug) => {
      await deps.removeCertificate(signedIn(c), slug, c.req.param("id"));
      return "certificate-removed";
    }),
  );

  return app;
};
