import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Actor } from "../domain/actor.ts";
import type { EnvironmentRecord, ReleaseRecord, ReplicaRecord } from "../domain/records.ts";
import type { ReleaseConfig } from "../domain/release.ts";
import { AppError } from "../errors.ts";
import { deploymentOf, seedSite } from "../testing/seed.ts";
import { type SiteFixture, siteFixture } from "../testing/site-fixture.ts";
import { deleteSite } from "./delete-site.ts";
import { addLink, removeLink, showConnections } from "./links.ts";
import { listProcesses, removeProcess, scaleSite, setProcess } from "./processes.ts";
import { statusOf } from "./site-view.ts";
import { togetherView } from "./together.ts";
import { updateSite } from "./update-site.ts";

let fixture: SiteFixture;
let told: string[];
beforeEach(async () => {
  told = [];
  fixture = await siteFixture();
  fixture.deps.onChange.links = async () => void told.push("links");
  fixture.deps.hostMemoryBytes = () => 4 * 1024 ** 3;
});
afterEach(() => fixture[Symbol.asyncDispose]());

const refused = async (act: Promise<unknown>): Promise<string> => {
  const error = await act.then(
    () => null,
    (cause: unknown) => cause,
  );
  if (!(error instanceof AppError)) throw new Error(`not refused: ${String(error)}`);
  return `${error.code}: ${error.publicMessage} ${error.fields.map(({ path, message }) => `${path} ${message}`).join()}`;
};
const another = async (change: Parameters<typeof seedSite>[1] = {}) => {
  const ownerUserId = fixture.owner.userId;
  return seedSite(fixture.store, { ...change, site: { ownerUserId, ...change?.site } });
};
const release = async (environmentId: string, change: Partial<ReleaseConfig>): Promise<void> => {
  const deployment = deploymentOf(environmentId);
  await fixture.store.insertDeployment(deployment);
  const config = {
    kind: "container",
    port: 3000,
    startCommand: null,
    healthCheck: { type: "http" },
    ...change,
  };
  await fixture.store.insertRelease({
    ...{ id: `rel_${environmentId}`, environmentId, number: 1, deploymentId: deployment.id },
    ...{ imageId: "sha256:1", imageTag: null, config: JSON.stringify(config), env: "[]" },
    ...{ sizeBytes: null, createdAt: 0, retiredAt: null },
  });
  await fixture.store.updateEnvironment(environmentId, { currentReleaseId: `rel_${environmentId}` });
};
const worker = { name: "worker", command: "node worker.js", port: null, replicas: 1, limits: {} };

test("a link has a name of its own, is seen from both ends, and goes with the site that it leads to", async () => {
  const { deps, owner, slug, store, siteId } = fixture;
  const { site: db, environment } = await another();
  await release(environment.id, { port: 5432 });
  const link = await addLink(deps, owner, slug, { to: db.slug, name: "db" });
  expect(link).toMatchObject({
    name: "db",
    to: db.slug,
    port: 5432,
    variables: ["DB_HOST", "DB_PORT", "DB_URL"],
  });
  expect(told).toEqual(["links"]);
  expect((await showConnections(deps, owner, db.slug)).linkedFrom).toEqual([
    { site: slug, environment: "production", name: "db" },
  ]);
  const { site: other } = await another();
  expect(await refused(addLink(deps, owner, slug, { to: db.slug, name: "again" }))).toContain(
    "already, as db",
  );
  expect(await refused(addLink(deps, owner, slug, { to: other.slug, name: "db" }))).toContain("is taken");
  expect(await refused(addLink(deps, owner, slug, { to: other.slug, name: "web" }))).toContain(
    "is a process",
  );
  expect(await refused(addLink(deps, owner, slug, { to: slug }))).toContain("the site itself");
  await removeLink(deps, owner, slug, "db");
  expect(await refused(removeLink(deps, owner, slug, "db"))).toStartWith("not_found");
  await addLink(deps, owner, slug, { to: db.slug, name: "db" });
  await deleteSite(deps, owner, db.slug, { confirm: db.slug, volumes: false });
  expect((await showConnections(deps, owner, slug)).links).toEqual([]);
  // Rows stay until the networks are gone.
  expect((await store.allLinks()).every(({ cutAt }) => cutAt !== null)).toBe(true);
  expect(siteId).toStartWith("site_");
});

test("nobody links to a site of somebody else, not even an operator on their behalf; static files have no container", async () => {
  const { deps, owner, slug, store } = fixture;
  const { site: foreign } = await seedSite(store);
  expect(await refused(addLink(deps, owner, slug, { to: foreign.slug }))).toStartWith("not_found");
  expect(await refused(addLink(deps, owner, slug, { to: "nobody" }))).toStartWith("not_found");
  const operator: Actor = { ...owner, userId: "usr_operator", isAdmin: true };
  expect(await refused(addLink(deps, operator, slug, { to: foreign.slug }))).toContain("another owner");
  const { site: pages } = await another({ site: { type: "static" } });
  expect(await refused(addLink(deps, owner, slug, { to: pages.slug }))).toContain("static");
  expect(await refused(addLink(deps, owner, pages.slug, { to: slug }))).toContain("static");
  for (const act of [
    showConnections(deps, owner, foreign.slug),
    addLink(deps, owner, foreign.slug, { to: slug }),
  ])
    expect(await refused(act)).toStartWith("not_found");
});

test("an internal site has no address and takes no domain; one with domains does not become internal", async () => {
  const { deps, owner, slug, store, environmentId } = fixture;
  await updateSite(deps, owner, slug, { internal: true });
  expect([...(await store.internalEnvironments())]).toEqual([environmentId]);
  await updateSite(deps, owner, slug, { internal: false });
  await store.insertDomain({
    ...{ id: "dom_1", environmentId, name: "bikes.example.org", isPrimary: 0, redirectTo: null, tlsOn: 1 },
    ...{ verifiedAt: 1, checkedAt: 1, checks: 1, lastError: null, nextCheckAt: null, expiresAt: null },
    ...{ createdAt: 0, createdBy: "ada" },
  });
  expect(await refused(updateSite(deps, owner, slug, { internal: true }))).toContain("bikes.example.org");
  expect((await store.internalEnvironments()).size).toBe(0);
});

test("processes are scaled within bounds, and what is set of them can be taken back", async () => {
  const { deps: sites, owner, slug, store, environmentId } = fixture;
  const deps = { sites, figures: () => null };
  await release(environmentId, { processes: [worker] });
  const scale = (counts: Record<string, number>) => scaleSite(deps, owner, slug, counts);
  const wanted = async () =>
    Object.fromEntries(
      (await listProcesses(deps, owner, slug)).map(({ name, replicas }) => [name, replicas.wanted]),
    );
  await scale({ web: 3, worker: 0 });
  expect(await wanted()).toEqual({ web: 3, worker: 0 });
  expect(await refused(scale({ web: 0 }))).toContain("must be 1 to 10");
  expect(await refused(scale({ clock: 1 }))).toContain("it has web, worker");
  expect(await refused(scale({ web: 10, worker: 3 }))).toContain("at most 12");
  // 512 MB each on 4 GB.
  expect(await refused(scale({ web: 9 }))).toContain("more than the 4 GB of this server");
  expect(await refused(updateSite(sites, owner, slug, { replicas: 9 }))).toContain("more than the 4 GB");
  expect(await wanted()).toEqual({ web: 3, worker: 0 });

  expect(await refused(setProcess(deps, owner, slug, "clock", { replicas: 1 }))).toContain(
    "command is needed",
  );
  expect(await refused(setProcess(deps, owner, slug, "web", { replicas: 1 }))).toContain("web is set by");
  expect(await setProcess(deps, owner, slug, "clock", { command: "date" })).toMatchObject({
    state: "waiting",
  });
  expect(await setProcess(deps, owner, slug, "worker", { memoryBytes: 64 * 1024 ** 2 })).toMatchObject({
    state: "current",
    command: "node worker.js",
    limits: { memoryBytes: 64 * 1024 ** 2 },
  });
  expect(
    await refused(setProcess(deps, owner, slug, "worker", { replicas: 1, memoryBytes: 4 * 1024 ** 3 })),
  ).toContain("more than the 4 GB");
  await removeProcess(deps, owner, slug, "clock");
  await removeProcess(deps, owner, slug, "worker");
  expect(await wanted()).toEqual({ web: 3, worker: 1 });
  expect(await refused(removeProcess(deps, owner, slug, "worker"))).toStartWith("not_found");

  await updateSite(sites, owner, slug, { internal: true });
  await store.insertVolume({ id: "vol_1", environmentId, name: "data", mountPath: "/data", createdAt: 0 });
  expect(await refused(scale({ web: 2 }))).toContain("runs once");
});

test("a site runs when what answers visitors does; a process that is down is told beside", () => {
  const environment = { stoppedReason: null } as EnvironmentRecord;
  const replica = (process: string, state: ReplicaRecord["state"], reason: string | null = null) =>
    ({ process, state, reason, restarts: reason ? 2 : 0 }) as ReplicaRecord;
  const status = (config: Partial<ReleaseConfig>, ...replicas: ReplicaRecord[]) =>
    statusOf(
      environment,
      undefined,
      { imageId: "sha256:1", config: JSON.stringify(config) } as ReleaseRecord,
      replicas,
    );
  const down = replica("worker", "exited", "process worker ended by itself with exit code 1; restart 2");
  expect(status({}, replica("web", "running"), replica("worker", "running"))).toEqual({
    status: "running",
    statusReason: null,
  });
  expect(status({}, replica("web", "running"), down)).toEqual({
    status: "running",
    statusReason: expect.stringContaining("process worker ended by itself") as never,
  });
  expect(status({}, replica("web", "exited", "the app ended"), replica("worker", "running")).status).toBe(
    "failed",
  );
  expect(status({ hasWeb: false }, replica("worker", "running")).status).toBe("running");
  expect(status({ hasWeb: false }, down).status).toBe("failed");
});

test("what all replicas may use together counts each process by its own limits", () => {
  const environment = { replicas: 3, memoryBytes: 100, cpuMillicores: 500, pids: 10 } as EnvironmentRecord;
  const config = { kind: "container", processes: [{ ...worker, replicas: 2, limits: { memoryBytes: 10 } }] };
  const release = (imageId: string | null) => ({ imageId, config: JSON.stringify(config) }) as ReleaseRecord;
  expect(togetherView(environment, release("sha256:1"), [])).toEqual({
    replicas: 5,
    memoryBytes: 320,
    cpuMillicores: 2500,
  });
  expect(togetherView(environment, release(null), [])).toBeNull();
  expect(togetherView(environment, undefined, [])).toBeNull();
});
