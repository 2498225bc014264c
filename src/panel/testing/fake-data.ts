import { defaultLimits } from "../../domain/limits.ts";
import { overshootSentence } from "../../domain/disk.ts";
import { GB, MB } from "../../domain/size.ts";
import type { SiteStatus } from "../../domain/site.ts";
import type { DeploymentView, LogLineView, ReleaseView, SiteView, UsagePoint } from "../../domain/views.ts";

/** The moment at which all made-up data is looked at: the present, since browsers have no other clock. */
export const fakeNowMs = Date.now();
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const ago = (ms: number): string => new Date(fakeNowMs - ms).toISOString();
const hash = (seed: string): string => new Bun.CryptoHasher("sha1").update(seed).digest("hex");

export const fakeDeployment = (
  fields: Partial<DeploymentView> & { id: string; site: string },
): DeploymentView => ({
  environment: "production",
  status: "success",
  strategy: "blue-green",
  trigger: "push",
  triggeredBy: "ada",
  branch: "main",
  commit: { hash: hash(fields.id), message: "booking form\n\nwith a calendar", author: "Ada" },
  image: null,
  release: null,
  buildMs: 31_000,
  deployMs: 17_000,
  error: null,
  createdAt: ago(26 * hour),
  startedAt: ago(26 * hour - 400),
  completedAt: ago(26 * hour - 48_400),
  steps: [],
  replaces: null,
  build: null,
  ...fields,
});

/** Steps that begin at a time and take the given milliseconds each; the last may still run. */
export const fakeSteps = (
  startMs: number,
  steps: [DeploymentView["steps"][number]["name"], number | null][],
): DeploymentView["steps"] => {
  let at = startMs;
  return steps.map(([name, tookMs]) => {
    const startedAt = new Date(at).toISOString();
    at += tookMs ?? 0;
    return { name, startedAt, endedAt: tookMs === null ? null : new Date(at).toISOString(), error: null };
  });
};

export const fakeRelease = (number: number, deployment: string, current: boolean): ReleaseView => ({
  id: `rel_${number}`,
  number,
  deployment,
  imageDigest: `sha256:${hash(deployment)}`,
  sizeBytes: (120 + number) * MB,
  commit: { hash: hash(deployment), message: "booking form", author: "Ada" },
  current,
  kept: number > 26,
  createdAt: ago((32 - number) * 5 * hour),
});

export const fakeSite = (slug: string, fields: Partial<SiteView> = {}): SiteView => {
  const limits = fields.limits?.asked ?? { ...defaultLimits, memoryBytes: 128 * MB };
  return {
    id: `site_${slug}`,
    slug,
    name: slug,
    description: "",
    type: "auto",
    environment: "production",
    environmentId: `env_${slug}`,
    owner: "ada",
    repositoryUrl: null,
    branch: "main",
    rootDirectory: "",
    buildCommand: null,
    startCommand: null,
    port: null,
    image: null,
    autoDeploy: true,
    egress: true,
    healthCheck: { type: "http", path: "/", intervalSeconds: 1, deadlineSeconds: 60, timeoutSeconds: 5 },
    internal: false,
    urls: [`http://${slug}.example.org`],
    gitRemote: `https://croft.example.org/git/${slug}.git`,
    status: "running",
    statusReason: null,
    together: null,
    limits: {
      asked: limits,
      applied: {
        memoryBytes: limits.memoryBytes,
        memorySwapBytes: limits.memoryBytes,
        cpuMillicores: limits.cpuMillicores,
        pids: limits.pids,
        readAt: ago(12_000),
      },
    },
    cpuBurst: { on: false, ceilingMillicores: limits.cpuMillicores },
    restorePriority: 50,
    diskUsedBytes: 210 * MB,
    disk: {
      usedBytes: 210 * MB,
      measuredAt: ago(12_000),
      enforcement: "measured",
      layer: "measured",
      detail: overshootSentence,
    },
    readOnlyRoot: false,
    bandwidth: { state: "ok", since: null },
    pause: null,
    split: null,
    sleep: { state: "awake", since: null, reason: null, memory: null },
    currentRelease: fakeRelease(31, `dep_${slug}_31`, true),
    replicas: [
      {
        id: "rep_1",
        process: "web",
        state: "running",
        restarts: 0,
        oomKills: 0,
        exitCode: null,
        reason: null,
        startedAt: ago(5 * hour),
        nextRestartAt: null,
        lastExit: null,
      },
    ],
    volumes: [],
    latestDeployment: fakeDeployment({ id: `dep_${slug}_31`, site: slug, release: 31 }),
    createdAt: ago(200 * day),
    updatedAt: ago(5 * hour),
    ...fields,
  };
};

/** A day of samples that looks like a site people use; the same each time. */
export const fakeUsage = (fromMs: number, toMs: number, stepMs: number, peak = 1): UsagePoint[] => {
  const points: UsagePoint[] = [];
  for (let at = Math.ceil(fromMs / stepMs) * stepMs; at < toMs; at += stepMs) {
    const t = at / day;
    const busy = 0.55 + 0.3 * Math.sin(t * 2 * Math.PI * 3) + 0.12 * Math.sin(t * 2 * Math.PI * 17);
    const memory = (62 + 40 * busy) * MB * peak;
    const requests = Math.round((stepMs / minute) * (4 + 14 * busy) * peak);
    points.push({
      at: new Date(at).toISOString(),
      memoryBytes: { avg: memory, max: memory * 1.08 },
      cpuPercent: { avg: 17 * busy * peak, max: 34 * busy * peak },
      cpuSeconds: (17 * busy * stepMs) / 100_000,
      diskBytes: 410 * MB,
      bytesIn: requests * 2_200,
      bytesOut: requests * 21_000,
      requests,
      errors: at % (97 * stepMs) === 0 ? 1 : 0,
      responseMs: { avg: 14 + 9 * busy, p50: 12, p95: 48, p99: 90 },
      activeRequests: Math.round(3 * busy),
      uptimeSeconds: stepMs / 1000,
      throttledSeconds: 0,
      oomKills: 0,
      memoryLimitHits: 0,
      memoryStallSeconds: null,
    });
  }
  return points;
};

const logTexts: [LogLineView["source"], LogLineView["level"], string][] = [
  ["fetch", "info", "main is at 5e2c9d7 \u001b[2m(stream v2)\u001b[0m"],
  ["plan", "info", "Node 22, Fastify; no Dockerfile, so one is written"],
  ["build", "info", "npm ci"],
  ["build", "info", "added 214 packages in 17s"],
  ["build", "warning", "npm warn deprecated glob@7.2.3: Glob versions prior to v9 are no longer supported"],
  ["build", "info", "npm run build"],
  ["build", "info", "\u001b[32m✓\u001b[0m built in 8.31s"],
  ["build", "info", "image 148 MB, 61 % smaller than one stage; 9 layers"],
  [
    "deploy",
    "info",
    "replica r-19a on 10.210.3.4, memory 256 MB, cpu 0.5, pids 128 \u001b[32mapplied\u001b[0m",
  ],
  ["app", "info", "listening on :8080"],
  ["deploy", "info", "GET /up \u001b[32m200\u001b[0m in 9 ms (1 of 3)"],
  ["deploy", "info", "GET /up \u001b[33m503\u001b[0m in 4 ms, retrying"],
];

export const fakeLog = (count = logTexts.length): LogLineView[] =>
  Array.from({ length: count }, (_, i) => {
    const [source, level, message] = logTexts[i % logTexts.length]!;
    return { seq: i + 1, at: new Date(fakeNowMs - 34_000 + i * 2_700).toISOString(), level, source, message };
  });

const states: SiteStatus[] = ["running", "running", "sleeping", "running", "stopped", "running", "sleeping"];

/** The sites of a small community; `more` of them are filled up with numbered ones. */
export const fakeSites = (more = 0): SiteView[] => [
  fakeSite("choir", {
    latestDeployment: fakeDeployment({
      id: "dep_choir",
      site: "choir",
      createdAt: ago(2 * hour),
      commit: { hash: hash("choir"), message: "fix: rehearsal times", author: "Lin" },
    }),
  }),
  fakeSite("bike-kitchen", {
    name: "Bike kitchen",
    urls: ["https://bikes.example.org"],
    repositoryUrl: "https://github.com/bikes/kitchen",
    diskUsedBytes: 410 * MB,
    volumes: [
      {
        ...{ id: "vol_1", name: "photos", mountPath: "/data/photos" },
        ...{ kind: "loop", sizeBytes: 400 * MB, usedBytes: 180 * MB },
      },
    ],
    limits: {
      asked: {
        ...defaultLimits,
        memoryBytes: 128 * MB,
        bandwidthBytesPerMonth: 10 * GB,
        requestsPerMinute: 600,
      },
      applied: {
        memoryBytes: 128 * MB,
        memorySwapBytes: 128 * MB,
        cpuMillicores: 250,
        pids: 256,
        readAt: ago(12_000),
      },
    },
  }),
  fakeSite("potluck", {
    status: "sleeping",
    sleep: {
      ...{ state: "frozen", since: ago(3 * hour), reason: "nobody has visited it for 30 minutes" },
      memory: { beforeBytes: 96 * MB, afterBytes: 61 * MB },
    },
    latestDeployment: fakeDeployment({
      id: "dep_potluck",
      site: "potluck",
      createdAt: ago(12 * day),
      commit: { hash: hash("potluck"), message: "new recipes", author: "Sam" },
    }),
  }),
  fakeSite("radio", {
    status: "deploying",
    currentRelease: fakeRelease(18, "dep_radio_18", true),
    latestDeployment: fakeDeployment({
      id: "dep_radio",
      site: "radio",
      status: "deploying",
      triggeredBy: "lin",
      createdAt: ago(34_500),
      startedAt: ago(34_300),
      completedAt: null,
      commit: { hash: hash("radio"), message: "stream v2", author: "lin" },
    }),
  }),
  fakeSite("archive", {
    status: "failed",
    statusReason: "killed three times for using more than 128 MB of memory; the next start is in 2 min",
    replicas: [
      {
        id: "rep_9",
        process: "web",
        state: "crash_loop",
        restarts: 5,
        oomKills: 3,
        exitCode: 137,
        reason: "out of memory",
        startedAt: ago(4 * minute),
        nextRestartAt: new Date(fakeNowMs + 2 * minute).toISOString(),
        lastExit: {
          ...{ at: ago(4 * minute), exitCode: 137, signal: "SIGKILL", oomKilled: true },
          lastLines: ["loading 41,204 pages", "<b>indexing</b> page 38,112"],
        },
      },
    ],
  }),
  fakeSite("seed-library", {
    status: "stopped",
    statusReason: "nothing has been deployed yet",
    currentRelease: null,
    latestDeployment: null,
    replicas: [],
    diskUsedBytes: null,
    limits: { asked: defaultLimits, applied: null },
  }),
  ...Array.from({ length: more }, (_, i) =>
    fakeSite(`garden-${String(i + 1).padStart(3, "0")}`, {
      status: states[i % states.length]!,
      latestDeployment: fakeDeployment({
        id: `dep_garden_${i}`,
        site: `garden-${i + 1}`,
        createdAt: ago((i + 1) * 7 * hour),
        commit: {
          hash: hash(`g${i}`),
          message: `plot ${i + 1}: sow the ${["beans", "kale", "peas"][i % 3]}`,
          author: "Sam",
        },
      }),
    }),
  ),
];
