import type { HostToServe } from "../domain/certificate.ts";
import { certificateView, servingCertificate, wildcardsOver } from "../domain/certificate.ts";
import { isoOrNull } from "../domain/deployment-view.ts";
import type { CertificateView, HttpsView } from "../domain/views.ts";
import type { CertificateDeps } from "./deps.ts";

export interface OverviewDeps extends Pick<
  CertificateDeps,
  "store" | "clock" | "acme" | "dns" | "baseDomain" | "edge"
> {
  panelDomain: string;
  publicUrl(): string;
}

/** HTTPS of the installation itself: the panel's certificate, the sites' common one, the authority's state. */
export const httpsOverview = async (deps: OverviewDeps): Promise<HttpsView> => {
  const { store, clock, acme, panelDomain } = deps;
  const nowMs = clock.nowMs();
  const rows = await store.certificates();
  const base = `*.${deps.baseDomain}`;
  const panel: HostToServe = {
    name: panelDomain,
    environmentId: null,
    automatic: true,
    coveredBy: wildcardsOver(panelDomain, [base]),
  };
  const underWay = (names: readonly string[]) =>
    names
      .map((name) => rows.find((row) => row.source === "acme" && row.name === name))
      .find((row) => row !== undefined);
  const panelRow =
    servingCertificate(panel, rows, nowMs) ?? underWay([panelDomain, ...(panel.coveredBy ?? [])]);
  const certificate = panelRow ? certificateView(panelRow, nowMs) : null;
  const wildcardRow = underWay([base]);
  const wildcard = acme !== null && (wildcardRow || (await deps.dns.covers(deps.baseDomain)));
  const account = acme && (await store.acmeAccount(acme.directoryUrl));
  const paused = account && (account.pausedUntil ?? 0) > nowMs;
  return {
    on: deps.edge !== null,
    panel: {
      name: panelDomain,
      url: deps.publicUrl(),
      certificate,
      nextStep: panelStep(deps, certificate),
    },
    wildcard: wildcard
      ? { name: base, certificate: wildcardRow ? certificateView(wildcardRow, nowMs) : null }
      : null,
    authority: acme && {
      directory: acme.directoryUrl,
      host: new URL(acme.directoryUrl).host,
      isStaging: /staging/.test(new URL(acme.directoryUrl).host),
      pausedUntil: paused ? isoOrNull(account.pausedUntil) : null,
      pauseReason: paused ? account.pauseReason : null,
    },
  };
};

const panelStep = (deps: OverviewDeps, certificate: CertificateView | null): string | null => {
  if (certificate?.nextStep) return certificate.nextStep;
  if (deps.edge === null)
    return "the edge listens for plain HTTP alone: set CROFT_HTTPS, such as 0.0.0.0:443";
  if (certificate?.notAfter || (deps.acme !== null && certificate !== null)) return null;
  if (/(^|\.)localhost$/.test(deps.panelDomain))
    return `no certificate can be had for ${deps.panelDomain}: set CROFT_BASE_DOMAIN or CROFT_PANEL_DOMAIN to a public name`;
  return deps.acme === null
    ? "nothing is ordered, since CROFT_ACME_DIRECTORY is off: add a certificate of your own"
    : null;
};
