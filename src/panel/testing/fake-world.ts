import { defaultEdgeRules, type EdgeRulesView, edgeRulesView } from "../../domain/edge-rules.ts";
import type { AccessLine } from "../../domain/access-log.ts";
import { MB } from "../../domain/size.ts";
import type {
  CertificateView,
  DeploymentView,
  DomainView,
  EnvVarView,
  HookView,
  SiteView,
} from "../../domain/views.ts";
import { fakeDomains } from "./fake-domains.ts";
import { fakeRequests } from "./fake-requests.ts";
import { fakeDeployment, fakeLog, fakeNowMs, fakeSites, fakeSteps } from "./fake-data.ts";

/** Everything that the made-up features hold; tests look at it and change it. */
export interface FakeWorld {
  nowMs: number;
  sites: SiteView[];
  deployments: DeploymentView[];
  env: EnvVarView[];
  hooks: HookView[];
  domains: DomainView[];
  certificates: CertificateView[];
  rules: EdgeRulesView;
  engine: { up: boolean; message: string | null };
  edge: { up: boolean; problem: string | null };
  appLines: string[];
  requests: AccessLine[];
  logLines: ReturnType<typeof fakeLog>;
  /** Verbs called, in order. */
  calls: { verb: string; args: unknown[] }[];
}

const hour = 3_600_000;

export const fakeWorld = (more = 0): FakeWorld => {
  const at = (ms: number) => new Date(fakeNowMs - ms).toISOString();
  return {
    nowMs: fakeNowMs,
    sites: fakeSites(more),
    deployments: [
      fakeDeployment({
        id: "dep_radio",
        site: "radio",
        status: "deploying",
        triggeredBy: "lin",
        commit: { hash: "5e2c9d7aa0b1c2d3e4f5061728394a5b6c7d8e9f", message: "stream v2", author: "lin" },
        createdAt: at(34_500),
        startedAt: at(34_300),
        completedAt: null,
        replaces: 18,
        steps: fakeSteps(fakeNowMs - 34_300, [
          ["fetch", 600],
          ["plan", 200],
          ["build", 31_000],
          ["release", 100],
          ["start", 1_100],
          ["probe", null],
        ]),
      }),
      fakeDeployment({
        id: "dep_31",
        site: "bike-kitchen",
        release: 31,
        replaces: 30,
        createdAt: at(5 * hour),
        startedAt: at(5 * hour - 300),
        completedAt: at(5 * hour - 48_300),
        steps: fakeSteps(fakeNowMs - 5 * hour + 300, [
          ["fetch", 800],
          ["plan", 100],
          ["build", 31_000],
          ["release", 200],
          ["start", 1_300],
          ["probe", 2_100],
          ["switch", 40],
          ["drain", 12_400],
        ]),
        build: {
          success: true,
          exitCode: 0,
          durationMs: 31_000,
          dockerfilePath: null,
          dockerfileGenerated: true,
          dockerfile: "FROM node:22-slim AS build\nWORKDIR /app\nCOPY package*.json ./\nRUN npm ci\n",
          language: "Node 22",
          framework: "Fastify",
          imageId: "sha256:abc",
          sizeBytes: 148 * MB,
          layers: 9,
          optimisations: ["slim base", "two stages"],
          errorExcerpt: null,
        },
      }),
      fakeDeployment({
        id: "dep_30",
        site: "bike-kitchen",
        status: "rolled_back",
        commit: { hash: "77be1200b1c2d3e4f5061728394a5b6c7d8e9f00", message: "cache prices", author: "Ada" },
        error: { code: "watch", message: "errors rose 0.1 → 6 %" },
        createdAt: at(50 * hour),
        startedAt: at(50 * hour),
        completedAt: at(50 * hour - 51_000),
      }),
      fakeDeployment({
        id: "dep_29",
        site: "bike-kitchen",
        status: "failed",
        triggeredBy: "github",
        trigger: "webhook",
        replaces: 30,
        commit: { hash: "c02d11e0b1c2d3e4f5061728394a5b6c7d8e9f00", message: "add map", author: "Sam" },
        error: { code: "build_failed", message: "The build stopped with exit code 1 at “npm run build”." },
        createdAt: at(53 * hour),
        startedAt: at(53 * hour),
        completedAt: at(53 * hour - 22_000),
        steps: fakeSteps(fakeNowMs - 53 * hour, [
          ["fetch", 700],
          ["plan", 100],
          ["build", null],
        ]),
        build: {
          success: false,
          exitCode: 1,
          durationMs: 21_000,
          dockerfilePath: "Dockerfile",
          dockerfileGenerated: false,
          dockerfile: "FROM node:22\nCOPY . .\nRUN npm ci && npm run build\n",
          language: "Node 22",
          framework: null,
          imageId: null,
          sizeBytes: null,
          layers: null,
          optimisations: [],
          errorExcerpt:
            "src/map.ts:12:7 - error TS2304: Cannot find name 'L'.\n\n12   L.map('map')\n     ~\nnpm error code 1",
        },
      }),
    ],
    env: [
      { key: "DATABASE_URL", value: null, isSecret: true, updatedAt: at(9 * hour), updatedBy: "ada" },
      {
        key: "TITLE",
        value: "The bike kitchen",
        isSecret: false,
        updatedAt: at(300 * hour),
        updatedBy: "lin",
      },
    ],
    hooks: [],
    domains: fakeDomains(),
    certificates: [],
    rules: {
      ...edgeRulesView(defaultEdgeRules),
      basicAuth: [{ name: "ada" }, { name: "lin" }],
      redirects: [{ from: "/blog", to: "/log", status: 301, prefix: true }],
    },
    engine: { up: true, message: null },
    edge: { up: true, problem: null },
    requests: fakeRequests(60),
    appLines: Array.from(
      { length: 40 },
      (_, i) =>
        `\u001b[2m14:0${i % 10}:${String(i).padStart(2, "0")}\u001b[0m GET /bikes/${i} \u001b[32m200\u001b[0m 1${i % 10} ms`,
    ),
    logLines: fakeLog(),
    calls: [],
  };
};
