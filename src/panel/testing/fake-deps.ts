import { GB, MB } from "../../domain/size.ts";
import { defaultEdgeRules, edgeRulesView } from "../../domain/edge-rules.ts";
import { accessMatcher } from "../../domain/access-log.ts";
import { silentLog } from "../../domain/log.ts";
import type { SiteView } from "../../domain/views.ts";
import { conflict, invalid, notFound } from "../../errors.ts";
import type { FleetRow, PanelDeps, Person } from "../deps.ts";
import { fakeNowMs, fakeRelease, fakeSite, fakeUsage } from "./fake-data.ts";
import { fakeCertificate, fakeDnsProvider, fakeDomain } from "./fake-domains.ts";
import { fakeFindings, fakeStorage } from "./fake-host.ts";
import { fakeEvents } from "./fake-happenings.ts";
import { fakeLogs } from "./fake-logs.ts";
import { fakeSleep } from "./fake-sleep.ts";
import { fakeGuard } from "./fake-guard.ts";
import { fakeProcesses } from "./fake-processes.ts";
import { fakeTopPaths } from "./fake-requests.ts";
import { fakeRunDeps } from "./fake-runs.ts";
import type { FakeWorld } from "./fake-world.ts";

const hour = 3_600_000;

const usageOf = (site: SiteView, index: number): FleetRow["usage"] => {
  if (site.replicas.length === 0) return null;
  const idle = site.status === "sleeping" || site.status === "stopped";
  const hours = fakeUsage(fakeNowMs - 24 * hour, fakeNowMs, hour, 0.4 + (index % 7) / 6);
  return {
    last: idle ? null : hours.at(-1)!,
    requestsLastHour: idle ? 3 : hours.at(-1)!.requests,
    errorsLastHour: site.status === "failed" ? 41 : 0,
    requestsByHour: idle ? [2, 1, 0, 0, 0, 1, 2, 3] : hours.map((point) => point.requests),
    month: { bytesIn: 300 * MB, bytesOut: (site.slug === "bike-kitchen" ? 7.8 : 1.1) * GB },
  };
};

/** Made-up features over a world in memory. Sign-in and setup are the caller's, since they are real in tests. */
export const fakeDeps = (
  world: FakeWorld,
  identity: Pick<PanelDeps, "isSetUp" | "setup" | "signIn" | "signOut" | "csrfToken">,
): PanelDeps => {
  const site = (slug: string): SiteView => {
    const found = world.sites.find((one) => one.slug === slug);
    if (!found) throw notFound(`site ${slug}`);
    return found;
  };
  const called = (verb: string, ...args: unknown[]) => void world.calls.push({ verb, args });
  const deployment = (id: string) => {
    const found = world.deployments.find((one) => one.id === id);
    if (!found) throw notFound(`deployment ${id}`);
    return found;
  };
  return {
    ...identity,
    ...fakeRunDeps(world.nowMs, called),
    clock: { nowMs: () => world.nowMs, monotonicMs: () => performance.now() },
    log: silentLog,
    publicUrl: "https://croft.example.org",
    baseDomain: "example.org",
    setupTokenPath: "/var/lib/croft/setup-token",
    sampleSeconds: 30,

    me: async (person: Person) => ({
      id: person.userId,
      username: person.username,
      email: "ada@example.org",
      displayName: "Ada",
      isAdmin: person.isAdmin,
    }),
    siteEvents: async (_, slug) => ({ items: fakeEvents.filter((event) => event.site === slug), next: null }),
    events: async () => ({ items: fakeEvents, next: fakeEvents.at(-1)!.id }),
    listUsers: async () => [
      { id: "usr_1", username: "ada", email: "ada@example.org", displayName: "Ada L.", isAdmin: true },
      { id: "usr_2", username: "lin", email: "lin@example.org", displayName: "lin", isAdmin: false },
    ],
    createUser: async (_, input) => {
      called("createUser", input);
      if (input.username === "ada") throw conflict("username: ada is taken");
      return { id: "usr_3", displayName: input.username, ...input };
    },
    listKeys: async () => [
      {
        id: "key_1",
        name: "laptop",
        prefix: "a1b2c3d4",
        scopes: ["read", "deploy"],
        createdAt: new Date(fakeNowMs - 900 * hour).toISOString(),
        expiresAt: new Date(fakeNowMs + 800 * hour).toISOString(),
        lastUsedAt: new Date(fakeNowMs - 3 * hour).toISOString(),
      },
    ],
    createKey: async (_, input) => {
      called("createKey", input);
      if (input.scopes.length === 0) throw invalid("scopes", "must name at least one of read, deploy, write");
      return {
        token: "croft_zzzz1111_once0000once0000once0000once0000once0000",
        key: {
          id: "key_2",
          name: input.name,
          prefix: "zzzz1111",
          scopes: input.scopes,
          createdAt: new Date(fakeNowMs).toISOString(),
          expiresAt: null,
          lastUsedAt: null,
        },
      };
    },
    revokeKey: async (_, id) => called("revokeKey", id),

    engine: async () => world.engine,
    edge: () => world.edge,
    https: async () => ({
      on: true,
      panel: {
        name: "croft.example.org",
        url: "https://croft.example.org",
        certificate: fakeCertificate("croft.example.org"),
        nextStep: null,
      },
      wildcard: null,
      authority: {
        directory: "https://acme-v02.api.letsencrypt.org/directory",
        host: "acme-v02.api.letsencrypt.org",
        isStaging: false,
        pausedUntil: null,
        pauseReason: null,
      },
    }),
    httpsSettings: {
      retryCertificates: async () => called("retryCertificates"),
      listCertificates: async () => [
        fakeCertificate("*.example.org", {
          source: "uploaded",
          state: "ending",
          nextStep: "it ends on 2026-12-01: add its successor before then",
        }),
      ],
      uploadCertificate: async () => {
        throw invalid("key", "does not belong to the certificate");
      },
      removeCertificate: async (_, id) => called("removeInstallationCertificate", id),
      listDnsProviders: async () => [
        fakeDnsProvider("example.org"),
        fakeDnsProvider("example.net", {
          error: "the name server 192.0.2.53: the key's secret is wrong (BADSIG)",
        }),
      ],
      addDnsProvider: async (_, input) => {
        called("addDnsProvider", input);
        return fakeDnsProvider(input.zone);
      },
      removeDnsProvider: async (_, zone) => called("removeDnsProvider", zone),
      testDnsProvider: async (_, zone) =>
        zone === "example.org"
          ? { ok: true, error: null }
          : { ok: false, error: "the name server 192.0.2.53 refuses connections" },
    },
    guard: async () => fakeGuard(world.nowMs),
    releaseFromGuard: async (_, slug) => called("releaseFromGuard", slug),
    host: async () => ({
      version: "0.1.0",
      engine: {
        ...world.engine,
        info: world.engine.up
          ? {
              version: "20.10.24",
              cgroupVersion: 2,
              storageDriver: "overlay2",
              backingFilesystem: "extfs",
              cores: 2,
              memoryBytes: 4 * GB,
              builder: "classic: memory, CPU and processes held per build",
              firewall: { holds: true, detail: "rules are in place for 6 networks" },
            }
          : null,
      },
      edge: {
        ...world.edge,
        health: world.edge.up
          ? {
              pid: 811,
              process: "811-1",
              version: "0.1.0",
              tableVersion: 3,
              certificateVersion: 2,
              startedAt: new Date(fakeNowMs - 30 * hour).toISOString(),
              listening: ["0.0.0.0:80", "https://0.0.0.0:443"],
              http2: true,
              proxyProtocol: false,
              processes: 2,
              retired: 1,
            }
          : null,
      },
      cores: 2,
      cpuPercent: 46,
      memory: { usedBytes: 2.1 * GB, totalBytes: 3.8 * GB },
      disk: { usedBytes: 66 * GB, totalBytes: 80 * GB },
    }),
    storage: async () => fakeStorage,
    cleanStorage: async () => {
      called("cleanStorage");
      return { freedBytes: 300 * MB };
    },
    examine: async () => fakeFindings,
    listBackups: async () => [
      {
        id: "bak_1",
        kind: "full",
        path: "backups/2026-11-20T03-00-00Z-full",
        bytes: 412 * MB,
        createdAt: new Date(fakeNowMs - 11 * hour).toISOString(),
        verifiedAt: new Date(fakeNowMs - 10 * hour).toISOString(),
      },
    ],
    createBackup: async () => {
      called("createBackup");
      throw conflict("a backup is being made already");
    },

    fleet: async () => world.sites.map((one, index) => ({ site: one, usage: usageOf(one, index) })),
    getSite: async (_, slug) => site(slug),
    createSite: async (_, input) => {
      called("createSite", input);
      if (world.sites.some((one) => one.slug === input.slug))
        throw conflict(`slug: ${input.slug} is taken; choose another name`);
      const { healthCheck: _h, replicas: _r, ...fields } = input;
      const made = fakeSite(input.slug, {
        ...(fields as Partial<SiteView>),
        status: "stopped",
        currentRelease: null,
        latestDeployment: null,
        replicas: [],
      });
      world.sites.push(made);
      return { site: made, deployment: input.repositoryUrl || input.image ? "dep_radio" : null };
    },
    updateSite: async (_, slug, patch) => {
      called("updateSite", slug, patch);
      return Object.assign(site(slug), patch);
    },
    deleteSite: async (_, slug, options) => {
      called("deleteSite", slug, options);
      if (options.confirm !== slug) throw invalid("confirm", `must be the site's name, ${slug}`);
      world.sites = world.sites.filter((one) => one.slug !== slug);
    },
    stopSite: async (_, slug) => called("stopSite", slug),
    startSite: async (_, slug) => called("startSite", slug),
    restartSite: async (_, slug) => called("restartSite", slug),
    pauseSite: async (_, slug, input) => called("pauseSite", slug, input),
    resumeSite: async (_, slug) => called("resumeSite", slug),
    endSplit: async (_, slug) => called("endSplit", slug),
    setLimits: async (_, slug, patch) => called("setLimits", slug, patch),
    showRules: async (_, slug) => (slug === "bike-kitchen" ? world.rules : edgeRulesView(defaultEdgeRules)),
    setRules: async (_, slug, patch) => called("setRules", slug, patch),

    deploy: async (_, slug, choice) => {
      called("deploy", slug, choice);
      if (!site(slug).repositoryUrl && choice.branch === "nowhere")
        throw invalid("branch", "nowhere is not there");
      return "dep_radio";
    },
    rollback: async (_, slug, options) => {
      called("rollback", slug, options);
      return "dep_radio";
    },
    cancelDeployment: async (_, id) => called("cancelDeployment", deployment(id).id),
    listDeployments: async (_, slug, { before, limit }) => {
      const own = world.deployments.filter((one) => one.site === site(slug).slug);
      const start = before === undefined ? 0 : own.findIndex((one) => one.id === before) + 1;
      const items = own.slice(start, start + limit);
      return { items, next: start + limit < own.length ? items.at(-1)!.id : null };
    },
    getDeployment: async (_, id) => deployment(id),
    deploymentLog: async (_, id, { last }) =>
      deployment(id).steps.length ? world.logLines.slice(-last) : [],
    listReleases: async (_, slug) =>
      site(slug).currentRelease ? [31, 30, 29, 28, 26].map((n) => fakeRelease(n, `dep_${n}`, n === 31)) : [],

    processes: fakeProcesses(site, called),
    listEnv: async () => world.env,
    setEnv: async (_, slug, change) => called("setEnv", slug, change),
    addVolume: async (_, slug, input) => {
      called("addVolume", slug, input);
      if (site(slug).volumes.some((volume) => volume.name === input.name))
        throw conflict(`name: ${input.name} is taken`);
    },
    resizeVolume: async (_, slug, name, sizeBytes) => {
      called("resizeVolume", slug, name, sizeBytes);
      if (sizeBytes < 400 * MB) throw conflict(`volume ${name} has 400 MB and cannot shrink`);
      return true;
    },
    removeVolume: async (_, slug, name, { confirm }) => {
      called("removeVolume", slug, name, confirm);
      if (confirm !== name) throw invalid("confirm", `must be the volume's name, ${name}`);
    },

    ownAddress: async (_, slug) => {
      const name = `${site(slug).slug}.example.org`;
      return { name, url: `https://${name}`, certificate: fakeCertificate(name) };
    },
    listDomains: async (_, slug) => (slug === "bike-kitchen" ? world.domains : []),
    addDomain: async (_, slug, input) => {
      called("addDomain", slug, input);
      if (world.domains.some((one) => one.name === input.name))
        throw conflict(`name: ${input.name} is verified for another site here`);
      return fakeDomain(input.name, { state: "waiting", verifiedAt: null, certificate: null });
    },
    changeDomain: async (_, slug, name, input) => {
      called("changeDomain", slug, name, input);
      return fakeDomain(name);
    },
    verifyDomain: async (_, slug, name) => {
      called("verifyDomain", slug, name);
      const found = world.domains.find((one) => one.name === name);
      if (!found) throw notFound(`domain ${name} of site ${slug}`);
      return found;
    },
    removeDomain: async (_, slug, name) => called("removeDomain", slug, name),
    listCertificates: async () => world.certificates,
    uploadCertificate: async (_, slug, input) => {
      called("uploadCertificate", slug, input);
      if (!input.certificate.includes("BEGIN CERTIFICATE"))
        throw invalid("certificate", "must be PEM: -----BEGIN CERTIFICATE----- …");
      return fakeCertificate("bikes.example.net", { source: "uploaded" });
    },
    removeCertificate: async (_, slug, id) => called("removeCertificate", slug, id),

    listHooks: async () => world.hooks.map(({ secret: _, ...hook }) => hook),
    createHook: async (_, slug) => {
      const hook = {
        id: "hook_1",
        provider: "github",
        url: "https://croft.example.org/hooks/github/hook_1",
        createdAt: new Date(fakeNowMs).toISOString(),
        secret: "once-and-never-again",
      };
      called("createHook", slug);
      world.hooks.push(hook);
      return hook;
    },
    rotateHook: async () => ({ ...world.hooks[0]!, secret: "the-next-secret" }),
    removeHook: async (_, slug, id) => called("removeHook", slug, id),
    hookDeliveries: async () => [
      {
        deliveryId: "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        event: "push",
        signatureOk: true,
        result: "deployed main",
        deployment: "dep_31",
        at: new Date(fakeNowMs - 5 * hour).toISOString(),
      },
      {
        deliveryId: "72d3162e-cc78-11e3-81ab-4c9367dc0957",
        event: "push",
        signatureOk: false,
        result: "refused: wrong signature",
        deployment: null,
        at: new Date(fakeNowMs - 6 * hour).toISOString(),
      },
    ],

    usage: async (_, slug, { resolution, fromMs, toMs }) =>
      site(slug).currentRelease
        ? fakeUsage(fromMs, toMs, resolution === "raw" ? 30_000 : hour, slug === "archive" ? 1.28 : 1)
        : [],
    monthToDate: async () => ({ bytesIn: 300 * MB, bytesOut: 7.8 * GB }),
    topPaths: async (_, slug) => fakeTopPaths(site(slug).currentRelease !== null),
    accessLog: async (_, slug, { limit, status, path }) => {
      const matches = accessMatcher({ status, path });
      const lines = site(slug).currentRelease === null ? [] : world.requests.filter(matches);
      return { items: lines.slice(-limit), dropped: slug === "archive" ? 3 : 0, whole: true };
    },
    ...fakeLogs(world, site),
    sleep: fakeSleep(world, site),
  };
};
