/** @jsxImportSource hono/jsx */
import { type Context, Hono } from "hono";
import { uploadSchema } from "../../certificates/upload.ts";
import { addDomainSchema } from "../../sites/domains.ts";
import type { DomainView } from "../../domain/views.ts";
import type { PanelDeps, PanelEnv } from "../deps.ts";
import { attempt, parse, readForm, type Typed } from "../form.ts";
import { type DomainsRefused, SiteDomains } from "../pages/site-domains.tsx";
import { type RenderPage, signedIn } from "../render.tsx";

/** Domains of a site and certificates of its own. */
export const domainRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();

  const show = async (c: Context<PanelEnv>, slug: string, refused: DomainsRefused | null) => {
    const person = signedIn(c);
    const site = await deps.getSite(person, slug);
    const [own, domains, certificates] = await Promise.all([
      deps.ownAddress(person, slug),
      deps.listDomains(person, slug),
      deps.listCertificates(person, slug),
    ]);
    const moving = domains.some(
      (one) => one.state === "waiting" || (one.certificate !== null && one.certificate.notAfter === null),
    );
    return page(
      c,
      {
        title: `${refused ? "Error: d" : "D"}omains of ${site.slug}`,
        ...(refused ? { status: refused.refusal.status } : { refreshSeconds: moving ? 10 : null }),
      },
      <SiteDomains site={site} own={own} domains={domains} certificates={certificates} refused={refused} />,
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
      async (refusal) => show(c, slug, { form, typed, refusal }),
    );
  };
  const found = (domain: DomainView): string =>
    domain.state === "verified" ? "domain-verified" : "domain-waiting";

  app.get("/sites/:slug/domains", (c) => show(c, c.req.param("slug"), null));

  app.post("/sites/:slug/domains", (c) =>
    act(c, "add", async (slug, typed) => {
      const input = parse(addDomainSchema, {
        name: typed.name ?? "",
        ...(typed.www === "yes" && { www: true }),
        ...(typed.primary === "yes" && { primary: true }),
      });
      return found(await deps.addDomain(signedIn(c), slug, input));
    }),
  );

  app.post("/sites/:slug/domains/:name", (c) =>
    act(c, "change", async (slug, typed) => {
      await deps.changeDomain(signedIn(c), slug, c.req.param("name"), { primary: typed.primary === "yes" });
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
