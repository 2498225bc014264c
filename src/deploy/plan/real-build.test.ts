import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { dockerFixture, eventually, type DockerFixture } from "../../testing/docker-fixture.ts";
import type { NetworkRef } from "../../domain/engine.ts";
import { newId } from "../../domain/id.ts";
import { GB, MB } from "../../domain/size.ts";
import type { GeneratedPlan } from "./build-plan.ts";
import { checkDockerfile } from "./dockerfile-policy.ts";
import { writeIgnoreFile } from "./ignore-file.ts";
import { planBuild } from "./plan-build.ts";
import * as samples from "./testing/sample-apps.ts";
import { siteOf, sourceFolders, type Files } from "./testing/source-folders.ts";

const buildDeadlineMs = 180_000;
const folders = sourceFolders();
let docker: DockerFixture;
let network: NetworkRef;
const tags: string[] = [];

beforeAll(async () => {
  docker = await dockerFixture();
  network = await docker.network();
}, 60_000);
afterAll(async () => {
  await docker.cleanup();
  for (const tag of tags) await docker.engine.removeImage(tag);
  folders.removeAll();
}, 60_000);

/** Plans, builds with the real builder and starts; answers with the plan and what the app says of itself. */
const run = async (files: Files, fields: Parameters<typeof siteOf>[0] = {}) => {
  const dir = folders.make(files);
  const plan = (await planBuild({ dir, site: siteOf(fields) })) as GeneratedPlan;
  expect(plan.kind).toBe("generated");
  expect(checkDockerfile(plan.dockerfile).exposedPorts).toEqual([plan.port]);
  await writeIgnoreFile(dir, plan.ignore);
  const tag = `croft-test/plan:${newId("dep").slice(4)}`;
  tags.push(tag);
  const log: string[] = [];
  const image = await docker.engine
    .build({
      contextDir: dir,
      dockerfile: { text: plan.dockerfile },
      tag,
      owner: docker.owner,
      limits: { memoryBytes: 1 * GB, cpuMillicores: 2000, pids: 512 },
      network,
      onLog: (line) => log.push(line),
      signal: AbortSignal.timeout(buildDeadlineMs),
    })
    .catch((error) => {
      throw new Error(`${(error as Error).message}\n${plan.dockerfile}\n${log.slice(-40).join("\n")}`);
    });
  const replicaId = newId("rep");
  const state = await docker.start("", network, {
    replicaId,
    imageId: image.imageId,
    startCommand: null,
    env: { PORT: String(plan.port) },
    limits: { memoryBytes: 128 * MB, cpuMillicores: 1000, pids: 64 },
    stopGraceSeconds: 20,
  });
  const answer = await eventually(
    "an answer",
    () =>
      fetch(`http://${state.address}:${plan.port}/`, { signal: AbortSignal.timeout(2000) }).then(
        (response) => response.json() as Promise<Record<string, unknown>>,
        () => null,
      ),
    30_000,
  ).catch(async (error) => {
    throw new Error(`${error.message}: ${(await docker.engine.logTail(replicaId, 20)).join("\n")}`);
  });
  await docker.engine.stopReplica(replicaId, 20);
  const stopped = await docker.engine.inspectReplica(replicaId);
  const output = await docker.engine.logTail(replicaId, 20);
  await docker.engine.removeReplica(replicaId);
  return { plan, answer, exitCode: stopped?.exitCode, output, log };
};

const asNodeApp = {
  minute: 60_000,
  built: "true",
  uid: 1000,
  canWrite: true,
  hasGit: false,
  nodeEnv: "production",
};

describe("generated builds, really built and run", () => {
  for (const [name, files, expected] of [
    ["npm", samples.npmApp, { hasDevelopment: false }],
    ["pnpm with a prestart script that calls pnpm", samples.pnpmApp, { hasDevelopment: false }],
    ["Yarn 1, started by main", samples.yarnApp, { hasDevelopment: false }],
    ["Yarn 4, started by its Procfile", samples.berryApp, { hasDevelopment: false }],
    ["Bun", samples.bunApp, { hasDevelopment: false }],
    ["npm with an install script", samples.withInstallScript(samples.npmApp), { hasDevelopment: false }],
    ["pnpm with an install script", samples.withInstallScript(samples.pnpmApp), { hasDevelopment: false }],
    ["Yarn 1 with an install script", samples.withInstallScript(samples.yarnApp), { hasDevelopment: false }],
    ["Yarn 4 with an install script", samples.withInstallScript(samples.berryApp), { hasDevelopment: true }],
    ["Bun with an install script", samples.withInstallScript(samples.bunApp), { hasDevelopment: true }],
  ] as const)
    test(
      name,
      async () => {
        const { answer, exitCode, output } = await run(files);
        expect(answer).toEqual({ ...asNodeApp, ...expected });
        // SIGTERM reached the app itself, and well within the grace
        expect(output).toContain("goodbye");
        expect(exitCode).toBe(0);
      },
      buildDeadlineMs + 60_000,
    );

  for (const [name, files, fields] of [
    ["pip with requirements.txt", samples.pythonApp, { buildCommand: "echo yes > built.txt" }],
    ["an installable pyproject.toml", samples.pyprojectApp, { buildCommand: "cd . && echo yes > built.txt" }],
  ] as const)
    test(
      name,
      async () => {
        const { answer, exitCode, output } = await run(files, fields);
        expect(answer).toEqual({ escaped: "&lt;", uid: 10_001, canWrite: true, hasGit: false, built: true });
        expect(output).toContain("goodbye");
        expect(exitCode).toBe(0);
      },
      buildDeadlineMs + 60_000,
    );

  test(
    "Flask behind gunicorn",
    async () => {
      const { plan, answer, exitCode } = await run(samples.flaskApp);
      expect(plan.framework).toBe("flask");
      expect(answer).toEqual({ uid: 10_001 });
      expect(exitCode).toBe(0);
    },
    buildDeadlineMs + 60_000,
  );

  test(
    "what a command holds stays in the command, and a change of code reuses the installed dependencies",
    async () => {
      const hostile = `node -e "require('fs').writeFileSync('built.txt', process.argv[1])" '"]\\ $(id -u) \`id\`; FROM scratch'`;
      const { answer, log, output } = await run(
        { ...samples.npmApp, "server.js": samples.npmApp["server.js"] + "\n// changed\n" },
        { buildCommand: hostile, startCommand: "cd . && node server.js" },
      );
      expect(answer.built).toBe('"]\\ $(id -u) `id`; FROM scratch');
      expect(output).toContain("goodbye");
      const install = log.findIndex((line) => line.includes("RUN npm ci --no-audit --no-fund --omit=dev"));
      expect(log.slice(install, install + 3).join("\n")).toContain("Using cache");
    },
    buildDeadlineMs + 60_000,
  );
});
