import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type DeploymentStatus, isTerminal, type StepName } from "../../domain/deployment.ts";
import type { UsagePoint } from "../../domain/views.ts";
import { type GitHost, gitHost } from "../../git/testing/git-host.ts";
import { docker, run, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { leftovers, rowsOf, strangers } from "./leftovers.ts";
import { keepVisiting, type Visitors } from "./visitors.ts";

const phases: StepName[] = ["fetch", "plan", "build", "release", "start", "probe", "switch", "drain"];
const soak = process.env.CROFT_SOAK === "1";
const timesPerPhase = soak ? Number(process.env.CROFT_SOAK_TIMES ?? 20) : 1;

setDefaultTimeout(soak ? 3_600_000 : 120_000);

let croft: TestCroft;
let gitServer: GitHost;
let edgePid: number;
let visitors: Visitors;
let slowVisits = 0;
let extraVisits = 0;
let version = 0;
/** How long each step of an undisturbed deployment took, in ms. */
const usualMs = new Map<StepName, number>();
const slug = uniqueSlug("crash");
const host = `${slug}.localhost`;
// Large enough that laying out the source takes a while.
const ballast = "0123456789abcdef".repeat(1_500_000);

/** Every step takes long enough to be met: sources of 24 MB, a build that sleeps, a slow start, a slow request. */
const app = (): Record<string, string> => ({
  Dockerfile: `FROM node:22-bookworm-slim
WORKDIR /app
COPY version.txt .
RUN sleep 1; echo ${slug}
COPY server.js .
CMD ["node", "server.js"]`,
  ".dockerignore": "ballast",
  ballast,
  "version.txt": String(version),
  "server.js": `const version = require("node:fs").readFileSync("version.txt", "utf8");
    const server = require("node:http").createServer((q, s) =>
      setTimeout(() => s.end("version " + version), q.url === "/slow" ? 2500 : 0));
    process.on("SIGTERM", () => process.exit(0));
    setTimeout(() => server.listen(process.env.PORT), 500);`,
});

interface Row {
  id: string;
  status: DeploymentStatus;
  attempts: number;
  step: StepName | null;
  startedAt: number;
}

/** The newest deployment with its newest step. */
const newest = (): Row =>
  rowsOf<Row>(
    croft,
    `SELECT deployments.id, status, attempts, name AS step, deployment_steps.started_at AS startedAt
     FROM deployments LEFT JOIN deployment_steps ON deployment_id = deployments.id
     ORDER BY deployments.id DESC, deployment_steps.started_at DESC, deployment_steps.rowid DESC LIMIT 1`,
  )[0]!;

/** Waits in small steps, since some phases last a few milliseconds only. */
const reach = async (phase: StepName, afterId: string): Promise<void> => {
  const endMs = performance.now() + 60_000;
  for (;;) {
    const row = newest();
    if (row.id > afterId && row.step !== null && phases.indexOf(row.step) >= phases.indexOf(phase)) return;
    if (performance.now() > endMs) throw new Error(`${phase} was not reached: ${JSON.stringify(row)}`);
    await Bun.sleep(1);
  }
};

const visitSlowly = async (): Promise<string> => {
  slowVisits++;
  return (await croft.visit(host, "/slow")).body;
};

beforeAll(async () => {
  gitServer = await gitHost();
  croft = await startCroft({
    CROFT_FETCH_ALLOW_HOSTS: `localhost:${gitServer.port}`,
    CROFT_FETCH_CA_FILE: gitServer.policy.caFile!,
  });
  await croft.createSite(slug);
  await croft.api("PUT", `/sites/${slug}/limits`, { requestsPerMinute: 1_000_000 });
  const { exitCode, output } = await croft.push(slug, app());
  expect(exitCode, output).toBe(0);
  for (const step of (await croft.lastDeployment(slug)).steps)
    usualMs.set(step.name, Date.parse(step.endedAt!) - Date.parse(step.startedAt));
  usualMs.set("drain", 1500);
  edgePid = (await croft.edge()).pid;
  visitors = keepVisiting(croft, host);
});
afterAll(async () => {
  await croft.destroy();
  await gitServer[Symbol.asyncDispose]();
});

const crashDuring = async (phase: StepName): Promise<void> => {
  const before = newest().id;
  const oldVersion = `version ${version}`;
  version++;
  const pushing = croft.push(slug, app());
  await reach("fetch", before);
  const slow = phase === "switch" || phase === "drain" ? reach("probe", before).then(visitSlowly) : null;
  await reach(phase, before);
  await Bun.sleep((usualMs.get(phase) ?? 0) * (soak ? Math.random() : 0.5));
  await croft.kill("SIGKILL");
  const { id } = newest();
  await pushing;

  const restartedMs = Date.now();
  await croft.start();
  await until(
    "the deployment is taken up again",
    async () => newest(),
    (row) => isTerminal(row.status) || row.startedAt >= restartedMs,
    10_000,
  );
  await until(
    "it ends",
    async () => newest(),
    (row) => isTerminal(row.status),
    60_000,
  );
  expect(newest()).toMatchObject({ id, status: "success" });
  expect((await croft.visit(host)).body).toBe(`version ${version}`);
  if (slow) expect(await slow).toBe(oldVersion);
  await until(
    "nothing is left over",
    () => leftovers(croft, slug, slug),
    (wrong) => wrong.length === 0,
    15_000,
  );
  expect((await croft.edge()).pid).toBe(edgePid);
};

for (const phase of phases)
  test(`killed during ${phase}: the site answers throughout and the deployment is finished by the next daemon`, async () => {
    for (let i = 0; i < timesPerPhase; i++) await crashDuring(phase);
  });

const repository = async (): Promise<string> =>
  join(croft.dataDir, "repos", `${(await croft.site(slug)).id}.git`);

test("killed while a push comes in: what the branch then holds is deployed", async () => {
  const repoPath = await repository();
  for (let i = 0; i < Math.max(2, timesPerPhase); i++) {
    version++;
    const pushing = croft.push(slug, app());
    await until(
      "the push is let in",
      () => readdir(join(repoPath, "croft-pushes")).catch(() => []),
      (notes) => notes.length > 0,
      20_000,
      1,
    );
    await Bun.sleep(Math.random() * 100);
    await croft.kill("SIGKILL");
    await pushing;
    await croft.start();
    const head = (await run(["git", "-C", repoPath, "rev-parse", "main"])).stdout.trim();
    await until(
      "the branch is deployed",
      () => croft.lastDeployment(slug),
      ({ status, commit }) => status === "success" && commit?.hash === head,
      60_000,
    );
    const shown = (await run(["git", "-C", repoPath, "show", "main:version.txt"])).stdout;
    expect((await croft.visit(host)).body).toBe(`version ${shown}`);
    extraVisits++;
  }
});

test("locks that git left behind when it was killed keep nobody from pushing", async () => {
  const repoPath = await repository();
  await croft.kill("SIGKILL");
  for (const name of ["refs/heads/main.lock", "packed-refs.lock", "HEAD.lock"])
    await Bun.write(join(repoPath, name), "");
  await croft.start();
  version++;
  const { exitCode, output } = await croft.push(slug, app());
  expect(exitCode, output).toBe(0);
  expect((await croft.visit(host)).body).toBe(`version ${version}`);
  extraVisits++;
});

for (const phase of ["release", "switch"] as const)
  test(`killed during ${phase} of a static site: one folder for each release that is kept`, async () => {
    const page = uniqueSlug("page");
    await croft.createSite(page, { type: "static" });
    // Many files, so that laying out the release takes a while.
    const files = (text: string) =>
      Object.fromEntries([
        ["index.html", text],
        ...Array.from({ length: 1500 }, (_, i) => [`part/${i}.txt`, String(i)]),
      ]);
    expect((await croft.push(page, files("one"))).exitCode).toBe(0);
    for (let i = 0; i < timesPerPhase; i++) {
      const before = newest().id;
      const pushing = croft.push(page, files(`text ${i}`));
      await reach(phase, before);
      await Bun.sleep(Math.random() * 20);
      await croft.kill("SIGKILL");
      await pushing;
      await croft.start();
      await until(
        "it ends",
        async () => newest(),
        (row) => row.id > before && isTerminal(row.status),
      );
      expect(newest().status).toBe("success");
      expect((await croft.visit(`${page}.localhost`)).body).toBe(`text ${i}`);
      expect(await leftovers(croft, page, page)).toEqual([]);
    }
  });

test("killed while it removes a site: the next daemon removes the rest", async () => {
  const doomed = uniqueSlug("doomed");
  await croft.createSite(doomed);
  expect((await croft.push(doomed, app())).exitCode).toBe(0);
  expect((await croft.api("DELETE", `/sites/${doomed}?confirm=${doomed}`)).status).toBe(202);
  await Bun.sleep(Math.random() * 300);
  await croft.kill("SIGKILL");
  await croft.start();
  const label = ["--filter", `label=croft.site=${doomed}`];
  await until(
    "nothing of it is left",
    async () =>
      (await docker("ps", "-aq", ...label)) +
      (await docker("network", "ls", "-q", ...label)) +
      (await docker("images", "-q", `croft/${doomed}`)),
    (left) => left === "",
  );
  expect((await croft.visit(`${doomed}.localhost`)).status).toBe(404);
});

test("no visitor noticed, and each request was counted once", async () => {
  const { count, failures } = await visitors.stop();
  expect(failures.slice(0, 5)).toEqual([]);
  expect(count).toBeGreaterThan(100);
  const made = count + slowVisits + extraVisits + phases.length * timesPerPhase;
  await until(
    "all requests are in the usage",
    async () =>
      (
        await croft.api<{ items: UsagePoint[] }>("GET", `/sites/${slug}/usage?resolution=hour`)
      ).body.items.reduce((sum, point) => sum + point.requests, 0),
    (counted) => counted === made,
    10_000,
  );
});

test("a fetch from a host that hangs ends with the daemon that was killed", async () => {
  const hanging = uniqueSlug("hang");
  await croft.createSite(hanging, { repositoryUrl: `https://localhost:${gitServer.port}/hang/app.git` });
  await until(
    "git fetches",
    () => strangers(croft),
    (found) => found.some((command) => command.includes("git")),
  );
  await croft.kill("SIGKILL");
  await until(
    "git is gone",
    () => strangers(croft),
    (left) => left.length === 0,
    5000,
  );
  await croft.start();
  await until(
    "it is tried again",
    () => croft.lastDeployment(hanging),
    (deployment) => deployment.steps.some((step) => step.name === "fetch" && step.endedAt === null),
    10_000,
  );
  const { id } = await croft.lastDeployment(hanging);
  const cancelled = await croft.api("POST", `/deployments/${id}/cancel`);
  expect(cancelled.status, JSON.stringify(cancelled.body)).toBe(200);
  expect((await croft.lastDeployment(hanging)).status).toBe("cancelled");
  expect(await strangers(croft)).toEqual([]);
});
