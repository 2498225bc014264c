import { z } from "zod";
import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { certificateKeyPlace, certificateView } from "../domain/certificate.ts";
import { coversHost } from "../domain/host-name.ts";
import { newId } from "../domain/id.ts";
import type { CertificateRecord } from "../domain/records.ts";
import type { CertificateView } from "../domain/views.ts";
import { conflict, invalid, notFound } from "../errors.ts";
import type { UploadDeps } from "./deps.ts";
import { readChain } from "./x509.ts";

const pem = (what: string) =>
  z.string({ error: `must be ${what} in PEM` }).max(64 * 1024, "must be at most 64 KB");

export const uploadSchema = z.strictObject({
  /** The site's own certificate, then its chain. */
  certificate: pem("a certificate"),
  key: pem("a private key"),
});
export type UploadInput = z.infer<typeof uploadSchema>;

const mostUploads = 20;

export const listCertificates = async (
  deps: UploadDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<CertificateView[]> => {
  const { environment } = await deps.reachSite(actor, slug, "read", environmentName);
  return viewsOf(deps, await deps.store.uploadedCertificatesOf(environment.id));
};

/** All there are, automatic ones with the reason of a failure; for the operator alone. By name. */
export const listAllCertificates = async (
  deps: Pick<UploadDeps, "store" | "clock">,
): Promise<CertificateView[]> =>
  viewsOf(deps, await deps.store.certificates()).toSorted((a, b) =>
    (a.names[0] ?? "").localeCompare(b.names[0] ?? ""),
  );

const viewsOf = (deps: Pick<UploadDeps, "clock">, rows: CertificateRecord[]): CertificateView[] =>
  rows.map((row) => certificateView(row, deps.clock.nowMs()));

/**
 * Takes a certificate for a site's own names; it goes before the automatic one. Its key is never shown again.
 * @throws AppError `invalid_input` when it is damaged, over, not the key's, or for none of the site's names
 */
export const uploadCertificate = async (
  deps: UploadDeps,
  actor: Actor,
  slug: string,
  input: UploadInput,
  environmentName?: string,
): Promise<CertificateView> => {
  const { site, environment } = await deps.reachSite(actor, slug, "change", environmentName);
  const facts = readUpload(deps, input);
  const hosts = await deps.hostsOf(site, environment);
  if (!hosts.some((host) => facts.names.some((name) => name === host || coversHost(name, host))))
    throw invalid(
      "certificate",
      `is for ${facts.names.join(", ")}, but the site answers at ${hosts.join(", ")}; add and verify the domain first`,
    );
  return keep(deps, actor, { environmentId: environment.id, object: { type: "site", id: site.id } }, facts);
};

/** Its names get an automatic certificate again. @throws AppError `not_found` */
export const removeCertificate = async (
  deps: UploadDeps,
  actor: Actor,
  slug: string,
  id: string,
  environmentName?: string,
): Promise<void> => {
  const { site, environment } = await deps.reachSite(actor, slug, "change", environmentName);
  const place = { environmentId: environment.id, object: { type: "site", id: site.id } };
  await drop(deps, actor, place, id, `certificate ${id} of site ${slug}`);
};

/**
 * Takes a certificate for the panel and the sites of the base domain, such as `*.sites.example.org`; for operators,
 * which the caller has made sure of. @throws AppError `invalid_input` as above
 */
export const uploadInstallationCertificate = async (
  deps: UploadDeps,
  actor: Actor,
  input: UploadInput,
): Promise<CertificateView> => {
  const facts = readUpload(deps, input);
  const { baseDomain, panelDomain } = deps;
  const fits = (name: string): boolean =>
    coversHost(name, panelDomain) || name === baseDomain || name.endsWith(`.${baseDomain}`);
  if (!facts.names.some(fits))
    throw invalid(
      "certificate",
      `is for ${facts.names.join(", ")}, but this installation answers at ${panelDomain} and *.${baseDomain}`,
    );
  return keep(deps, actor, installation, facts);
};

/** For operators, which the caller has made sure of. */
export const listInstallationCertificates = async (deps: UploadDeps): Promise<CertificateView[]> =>
  viewsOf(deps, await deps.store.uploadedCertificatesOf(null));

/** For operators, which the caller has made sure of. @throws AppError `not_found` */
export const removeInstallationCertificate = (deps: UploadDeps, actor: Actor, id: string): Promise<void> =>
  drop(deps, actor, installation, id, `certificate ${id} of this installation`);

/** What a certificate is for, and whose change it is in the audit log. */
interface Place {
  environmentId: string | null;
  object: { type: string; id: string };
}

const installation: Place = { environmentId: null, object: { type: "installation", id: "installation" } };

type UploadFacts = ReturnType<typeof readChain>;

const readUpload = (deps: Pick<UploadDeps, "clock">, input: UploadInput): UploadFacts => {
  const facts = readChain(input.certificate, input.key);
  const nowMs = deps.clock.nowMs();
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  if (facts.notAfterMs <= nowMs) throw invalid("certificate", `ended on ${day(facts.notAfterMs)}`);
  if (facts.notBeforeMs > nowMs + 60_000)
    throw invalid("certificate", `begins only on ${day(facts.notBeforeMs)}`);
  return facts;
};

const keep = async (
  deps: UploadDeps,
  actor: Actor,
  { environmentId, object }: Place,
  facts: UploadFacts,
): Promise<CertificateView> => {
  const nowMs = deps.clock.nowMs();
  const id = newId("crt", nowMs);
  const row: CertificateRecord = {
    id,
    source: "upload",
    environmentId,
    name: null,
    names: JSON.stringify(facts.names),
    issuer: facts.issuer,
    fingerprint: facts.fingerprint,
    notBefore: facts.notBeforeMs,
    notAfter: facts.notAfterMs,
    chain: facts.chain,
    keyCiphertext: await deps.secretBox.seal(facts.key, certificateKeyPlace(id)),
    keyVersion: deps.secretBox.keyVersion,
    directory: null,
    orderUrl: null,
    orderKeyCiphertext: null,
    attempts: 0,
    lastError: null,
    lastErrorAt: null,
    nextAttemptAt: null,
    renewalCheckAt: null,
    createdAt: nowMs,
    updatedAt: nowMs,
  };
  await deps.store.transaction(async (queries) => {
    const present = await queries.uploadedCertificatesOf(environmentId);
    if (present.some((one) => one.fingerprint === row.fingerprint))
      throw conflict("certificate: is there already");
    if (present.length >= mostUploads)
      throw conflict(`there can be at most ${mostUploads} certificates; remove one that is over first`);
    await queries.insertCertificate(row);
    const after = { names: facts.names, fingerprint: facts.fingerprint };
    await queries.insertAudit(auditEntry(actor, "certificate.add", object, { after }, nowMs));
  });
  deps.onUploaded();
  return certificateView(row, nowMs);
};

const drop = async (
  deps: UploadDeps,
  actor: Actor,
  { environmentId, object }: Place,
  id: string,
  what: string,
): Promise<void> => {
  const row = (await deps.store.uploadedCertificatesOf(environmentId)).find((one) => one.id === id);
  if (!row) throw notFound(what);
  const before = { names: row.names, fingerprint: row.fingerprint };
  await deps.store.transaction(async (queries) => {
    if (!(await queries.deleteCertificate(row.id, environmentId))) throw notFound(what);
    await queries.insertAudit(
      auditEntry(actor, "certificate.remove", object, { before }, deps.clock.nowMs()),
    );
  });
  deps.onUploaded();
};
