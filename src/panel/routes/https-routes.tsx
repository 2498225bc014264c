/** @jsxImportSource hono/jsx */
import { type Context, Hono } from "hono";
import { addDnsProviderSchema } from "../../certificates/dns/manage.ts";
import { uploadSchema } from "../../certificates/upload.ts";
import { AppError } from "../../errors.ts";
import type { PanelDeps, PanelEnv, Person } from "../deps.ts";
import { attempt, parse, readForm, type Typed } from "../form.ts";
import { HostCertificates, type HttpsRefused } from "../pages/host-certificates.tsx";
import { type RenderPage, signedIn } from "../render.tsx";

/** Certificates and DNS providers of the whole installation; for operators. */
export const httpsRoutes = (deps: PanelDeps, page: RenderPage): Hono<PanelEnv> => {
  const app = new Hono<PanelEnv>();
  const { httpsSettings: settings } = deps;

  const operator = (c: Context<PanelEnv>): Person => {
    const person = signedIn(c);
    if (!person.isAdmin)
      throw new AppError("forbidden", "Only an operator of this installation may see this");
    return person;
  };

  const show = async (c: Context<PanelEnv>, person: Person, refused: HttpsRefused | null) =>
    page(
      c,
      {
        title: `${refused ? "Error: c" : "C"}ertificates and DNS`,
        ...(refused && { status: refused.refusal.status }),
      },
      <HostCertificates
        baseDomain={deps.baseDomain}
        certificates={await settings.listCertificates(person)}
        providers={await settings.listDnsProviders(person)}
        refused={refused}
      />,
    );

  const act = async (
    c: Context<PanelEnv>,
    form: HttpsRefused["form"],
    run: (person: Person, typed: Typed) => Promise<string>,
  ): Promise<Response> => {
    const person = operator(c);
    const typed = await readForm(c);
    return attempt(
      async () => c.redirect(`/host/https?done=${await run(person, typed)}`, 303),
      async (refusal) => show(c, person, { form, typed, refusal }),
    );
  };

  app.get("/host/https", (c) => show(c, operator(c), null));

  app.post("/host/https/retry", (c) =>
    act(c, "act", async (person) => {
      await settings.retryCertificates(person);
      return "certificates-tried";
    }),
  );

  app.post("/host/https/dns", (c) =>
    act(c, "dns", async (person, typed) => {
      const { zone = "", server = "", keyName = "", algorithm, secret = "" } = typed;
      const input = { kind: "rfc2136", zone, server, keyName, algorithm, secret: secret.trim() };
      await settings.addDnsProvider(person, parse(addDnsProviderSchema, input));
      return "dns-added";
    }),
  );

  app.post("/host/https/dns/:zone/test", (c) =>
    act(c, "act", async (person) => {
      const { ok, error } = await settings.testDnsProvider(person, c.req.param("zone"), c.req.raw.signal);
      if (!ok) throw new AppError("unavailable", error ?? "it does not work");
      return "dns-works";
    }),
  );

  app.post("/host/https/dns/:zone/remove", (c) =>
    act(c, "act", async (person) => {
      await settings.removeDnsProvider(person, c.req.param("zone"));
      return "dns-removed";
    }),
  );

  app.post("/host/https/certificates", (c) =>
    act(c, "certificate", async (person, { certificate = "", key = "" }) => {
      await settings.uploadCertificate(person, parse(uploadSchema, { certificate, key }));
      return "certificate-added";
    }),
  );

  app.post("/host/https/certificates/:id/remove", (c) =>
    act(c, "act", async (person) => {
      await settings.removeCertificate(person, c.req.param("id"));
      return "certificate-removed";
    }),
  );

  return app;
};
