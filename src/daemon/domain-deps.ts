import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { type Settings, siteUrl } from "../config.ts";
import { createCertificates } from "../certificates/certificates.ts";
import { createChallengeBoard } from "../certificates/challenge-board.ts";
import { createDnsChallenges } from "../certificates/dns/challenges.ts";
import type { UploadDeps } from "../certificates/deps.ts";
import type { DnsProviderDeps } from "../certificates/dns/manage.ts";
import { httpsOverview } from "../certificates/overview.ts";
import { listCertificates, removeCertificate, uploadCertificate } from "../certificates/upload.ts";
import { warnOfEnds } from "../certificates/warn-of-ends.ts";
import type { Store } from "../db/store.ts";
import { hostOfDomain, type HostToServe, wildcardsOver } from "../domain/certificate.ts";
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import { isWildcard, isWithin } from "../domain/host-name.ts";
import { isPublicAddress } from "../domain/public-address.ts";
import { hostOf } from "../domain/slug.ts";
import type { EdgeClient } from "../edge/client.ts";
import { AppError, conflict } from "../errors.ts";
import type { SecretBox } from "../identity/secret-box.ts";
import type { Job } from "../jobs/schedule.ts";
import type { PanelDeps } from "../panel/deps.ts";
import { reachSite } from "../sites/access.ts";
import type { DomainDeps } from "../sites/domain-deps.ts";
import {
  addDomain,
  changeDomain,
  checkClaims,
  listDomains,
  ownAddress,
  removeDomain,
  verifyDomain,
} from "../sites/domains.ts";
import { pointsHere } from "../sites/points-here.ts";
import { httpsSettings } from "./https-settings.ts";
import { createLookup } from "./name-servers.ts";

interface DomainWiring {
  settings: Settings;
  store: Store;
  secretBox: SecretBox;
  clock: Clock;
  log: Log;
  version: string;
  edge: EdgeClient;
  publishRoutes(signal: AbortSignal): Promise<void>;
}

/** Domains and certificates: their management for API and panel, the loop that orders, what needs to know. */
export const domainDeps = (wiring: DomainWiring) => {
  const { settings, store, secretBox, clock, log, edge } = wiring;
  const lookup = createLookup(settings.dnsServers);
  const userAgent = `croft/${wiring.version}`;
  const dnsDeps = { store, secretBox, clock, log, lookup, userAgent };
  const dns = createDnsChallenges(dnsDeps);
  const baseWildcard = `*.${settings.baseDomain}`;
  const challenges = createChallengeBoard(edge.putChallenges);
  const hostOfSite = (slug: string, environment: string) => hostOf(slug, environment, settings.baseDomain);
  const publicAddresses = () => settings.publicAddresses ?? interfaceAddresses();

  const wantedNames = async (): Promise<HostToServe[]> => {
    const unrouted = (await store.internalEnvironments()).union(await store.environmentsWithoutWeb());
    const all = (await store.liveEnvironments()).filter(({ id }) => !unrouted.has(id));
    const environments = all.map(({ id, slug, name }) => ({
      environmentId: id,
      name: hostOfSite(slug, name),
    }));
    // The base or panel domain may have been set to one that a site has: its certificates are not for it then.
    const taken = new Set([settings.panelDomain, ...environments.map(({ name }) => name)]);
    const verified = (await store.verifiedDomains()).filter(
      ({ name, environmentId }) => !taken.has(name) && !unrouted.has(environmentId),
    );
    return [
      {
        name: settings.panelDomain,
        environmentId: null,
        automatic: true,
        coveredBy: wildcardsOver(settings.panelDomain, [baseWildcard]),
      },
      ...environments.map(({ name, environmentId }) => {
        const coveredBy = wildcardsOver(name, [baseWildcard]);
        return { name, environmentId, automatic: true, coveredBy };
      }),
      ...[...Map.groupBy(verified, ({ environmentId }) => environmentId).values()].flatMap((all) =>
        all.map((domain) => hostOfDomain(domain, all)),
      ),
    ];
  };

  const acme = settings.acme && {
    directoryUrl: settings.acme.directoryUrl,
    email: settings.acme.email,
    externalAccount: settings.acme.externalAccount,
    ca: settings.acme.caFile === null ? null : readCa(settings.acme.caFile),
  };
  const certificates = createCertificates({
    store,
    secretBox,
    clock,
    log,
    random: Math.random,
    acme,
    userAgent,
    wantedNames,
    edge: settings.https === null ? null : edge,
    challenges,
    plainHttp: settings.http !== null,
    tlsAlpn: settings.https !== null,
    dns,
    baseDomain: settings.baseDomain,
    fallback: settings.httpsFallback,
    resolve: lookup.addresses,
  });

  const urlOfHost = (host: string) => siteUrl(settings, host, certificates.isSecured(host));
  const domains: DomainDeps = {
    store,
    clock,
    log,
    baseDomain: settings.baseDomain,
    panelDomain: settings.panelDomain,
    hostOf: hostOfSite,
    urlOfHost,
    publicAddresses,
    ordersCertificates: settings.https !== null && settings.acme !== null,
    pointsHere: (name) =>
      pointsHere(
        {
          resolve: lookup.addresses,
          publicAddresses,
          publish: challenges.publish,
          httpPort: 80,
          mayAsk: isPublicAddress,
        },
        name,
      ),
    texts: lookup.texts,
    // The base domain's first: it is this installation's own.
    challengeZones: async () =>
      (await store.dnsProviders())
        .map(({ zone }) => zone)
        .toSorted(
          (a, b) => Number(isWithin(settings.baseDomain, b)) - Number(isWithin(settings.baseDomain, a)),
        ),
    onDomains: async () => {
      await wiring.publishRoutes(AbortSignal.timeout(1000)).catch(() => {});
      certificates.kick();
    },
    retryCertificate: certificates.retry,
  };
  const uploads: UploadDeps = {
    store,
    secretBox,
    clock,
    reachSite: (actor, slug, action, environment) => reachSite({ store }, actor, slug, action, environment),
    hostsOf: async (site, environment) => {
      const own = await store.domainsOf(environment.id);
      const verified = own.filter((domain) => domain.verifiedAt !== null).map(({ name }) => name);
      return [...verified, hostOfSite(site.slug, environment.name)];
    },
    baseDomain: settings.baseDomain,
    panelDomain: settings.panelDomain,
    onUploaded: certificates.kick,
  };

  /** What failed for want of a provider that works. */
  const retryWildcards = async (): Promise<void> => {
    for (const { name, lastError } of await store.certificates())
      if (name !== null && isWildcard(name) && lastError !== null) await certificates.retry(name);
  };
  const dnsProviders: DnsProviderDeps = {
    ...dnsDeps,
    store,
    secretBox,
    baseDomain: settings.baseDomain,
    onChange: () => {
      certificates.kick();
      retryWildcards().catch((error) => log.warn("certificates were not asked for again", { error }));
    },
  };

  /** Of the panel and of all sites, which have no domain's page to ask on. @throws AppError `conflict` */
  const retryCertificates = async (): Promise<void> => {
    const tried = await Promise.all([settings.panelDomain, baseWildcard].map(certificates.retry));
    if (!tried.includes(true))
      throw conflict(
        "nothing is tried again now: nothing has failed, the last try was a moment ago, or the authority asked for patience",
      );
  };

  const panel: Pick<
    PanelDeps,
    | "ownAddress"
    | "listDomains"
    | "addDomain"
    | "changeDomain"
    | "verifyDomain"
    | "removeDomain"
    | "listCertificates"
    | "uploadCertificate"
    | "removeCertificate"
    | "httpsSettings"
  > = {
    ownAddress: (actor, slug) => ownAddress(domains, actor, slug),
    listDomains: (actor, slug) => listDomains(domains, actor, slug),
    addDomain: (actor, slug, input) => addDomain(domains, actor, slug, input),
    changeDomain: (actor, slug, name, input) => changeDomain(domains, actor, slug, name, input),
    verifyDomain: (actor, slug, name) => verifyDomain(domains, actor, slug, name),
    removeDomain: (actor, slug, name) => removeDomain(domains, actor, slug, name),
    listCertificates: (actor, slug) => listCertificates(uploads, actor, slug),
    uploadCertificate: (actor, slug, input) => uploadCertificate(uploads, actor, slug, input),
    removeCertificate: (actor, slug, id) => removeCertificate(uploads, actor, slug, id),
    httpsSettings: httpsSettings(uploads, dnsProviders, retryCertificates),
  };
  const jobs: Job[] = [
    { name: "domain claims", when: { everySeconds: 15 }, run: (signal) => checkClaims(domains, signal) },
    {
      name: "certificates that end",
      when: "0 20 6 * * *",
      atStart: true,
      run: () => warnOfEnds({ store, clock, log }),
    },
  ];

  // What readSettings makes of it when nothing was configured.
  const plainUrls = [
    siteUrl(settings, settings.panelDomain),
    `http://${settings.listen.host}:${settings.listen.port}`,
  ];
  /** How people reach the panel: as configured, else by HTTPS as soon as its domain has a certificate. */
  const publicUrl = () =>
    plainUrls.includes(settings.publicUrl) && certificates.isSecured(settings.panelDomain)
      ? urlOfHost(settings.panelDomain)
      : settings.publicUrl;
  const https = () =>
    httpsOverview({
      store,
      clock,
      acme,
      dns,
      baseDomain: settings.baseDomain,
      edge: settings.https === null ? null : edge,
      panelDomain: settings.panelDomain,
      publicUrl,
    });

  return {
    certificates,
    routes: { domains, certificatesOf: uploads, dnsProviders, https, retryCertificates },
    panel,
    jobs,
    urlOfHost,
    publicUrl,
    /** An edge that was started anew knows no challenges, and perhaps no certificates. */
    edgeRestarted: (): void => {
      challenges.resend().catch((error) => log.warn("the edge has not taken the challenges", { error }));
      certificates.kick();
    },
  };
};

/** Addresses of this machine that the internet reaches. */
const interfaceAddresses = (): string[] =>
  Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).map(({ address }) => address).filter(isPublicAddress),
  );

const readCa = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new AppError("invalid_input", `CROFT_ACME_CA_FILE: ${path} cannot be read`, { cause });
  }
};
