import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { answering, docker, nodeApp, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { type Tenant, tenantOf } from "./tenant.ts";

setDefaultTimeout(180_000);

let croft: TestCroft;
/** Owns what is attacked, and attacks it. Neither is an operator. */
let bob: Tenant;
let eve: Tenant;

beforeAll(async () => {
  croft = await startCroft();
  const ready = () => fetch(`http://127.0.0.1:${croft.panelPort}/readyz`).then(({ status }) => status);
  await until("all parts are there", ready, (status) => status === 200);
  bob = await tenantOf(croft, "bob");
  eve = await tenantOf(croft, "eve");
});
afterAll(() => croft.destroy());

interface OpenApi {
  paths: Record<string, Record<string, { description: string }>>;
}

/** Every operation of the API's own description, with these ids in its path. */
const operations = async (ids: Record<string, string>) => {
  const { paths } = (await croft.api<OpenApi>("GET", "/openapi.json", undefined, "")).body;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { description }]) => ({
      method: method.toUpperCase(),
      path: path
        .slice("/api/v1".length)
        .replace("/hooks/{id}", "/hooks/{hook}")
        .replace("/deployments/{id}", "/deployments/{deployment}")
        .replace(/\{(\w+)\}/g, (_, name: string) => ids[name]!),
      scope: /`(\w+)`/.exec(description)![1]!,
    })),
  );
};

/** Bodies that are right, so that nothing but who asks can be the reason of a refusal; by the end of the path. */
const bodies: Record<string, object> = {
  "/sites": { slug: "api" },
  "/hooks": { provider: "github" },
  "/volumes": { name: "more", mountPath: "/more" },
  "/domains": { name: "www.example.org" },
  "/certificates": { certificate: "none", key: "none" },
  "/split": { releases: [] },
  "/scale": { web: 1 },
  "/exec": { command: ["true"] },
  "/jobs": { name: "night", schedule: "0 3 * * *", command: "true" },
  "/links": { to: "api" },
};

const bodyOf = (method: string, path: string): object | undefined => {
  if (method === "GET" || method === "DELETE") return undefined;
  // Volumes, jobs, processes and domains of the victim have one name.
  const [, of, name] = /\/(\w+)\/(data)$/.exec(path) ?? [];
  if (name !== undefined) return { volumes: { sizeBytes: 500_000_000 }, jobs: { enabled: false } }[of!] ?? {};
  return bodies[path.slice(path.lastIndexOf("/"))] ?? {};
};

/** A site of bob's with one of everything that has an id. */
const victimOf = async () => {
  const slug = uniqueSlug("victim");
  await bob.createSite(slug);
  await bob.push(slug, { "index.html": "bob was here" });
  await bob.api("POST", `/sites/${slug}/volumes`, { name: "data", mountPath: "/data" });
  await bob.api("PUT", `/sites/${slug}/env`, { set: { TOKEN: "bobs-own-secret" } });
  const hook = (await bob.api<{ id: string }>("POST", `/sites/${slug}/hooks`, { provider: "github" })).body
    .id;
  const list = await bob.api<{ items: { id: string }[] }>("GET", `/sites/${slug}/deployments`);
  return { slug, name: "data", hook, deployment: list.body.items[0]!.id, id: "bak_1" };
};

test("to somebody else every route answers as if there were no such site", async () => {
  const ids = await victimOf();
  /** The site as it is shown, less what is measured. */
  const lasting = async (): Promise<string> =>
    JSON.stringify((await bob.api("GET", `/sites/${ids.slug}`)).body, (key, value: unknown) =>
      ["diskUsedBytes", "usedBytes", "measuredAt", "applied"].includes(key) ? undefined : value,
    );
  const before = await lasting();
  const own = uniqueSlug("own");
  await eve.createSite(own);
  for (const { method, path } of await operations(ids)) {
    if (!Object.values(ids).some((id) => path.includes(id))) continue;
    const query = `?confirm=${path.endsWith("/data") ? ids.name : ids.slug}`;
    const { status, body } = await eve.api(method, path + query, bodyOf(method, path));
    expect(status, `${method} ${path}`).toBe(/^\/(backups|certificates)/.test(path) ? 403 : 404);
    expect(JSON.stringify(body)).not.toContain("bobs-own-secret");
  }
  // Ids of another's things under one's own site.
  for (const [method, path] of [
    ["POST", `/sites/${own}/hooks/${ids.hook}/rotate`],
    ["DELETE", `/sites/${own}/hooks/${ids.hook}`],
    ["GET", `/sites/${own}/hooks/${ids.hook}/deliveries`],
    ["DELETE", `/sites/${own}/volumes/${ids.name}?confirm=${ids.name}`],
  ] as const)
    expect((await eve.api(method, path)).status, path).toBe(404);
  expect(await lasting()).toBe(before);
});

test("a key does what its scopes say, and nothing once it is revoked", async () => {
  const ids = await victimOf();
  const covers: Record<string, string[]> = {
    read: ["read"],
    deploy: ["read", "deploy"],
    write: ["read", "deploy", "write"],
    metrics: [],
  };
  for (const [scope, allowed] of Object.entries(covers)) {
    const made = await bob.api<{ token: string; key: { id: string } }>("POST", "/keys", {
      name: scope,
      scopes: [scope],
    });
    const { token, key } = made.body;
    for (const operation of await operations(ids)) {
      if (allowed.includes(operation.scope)) continue;
      const { method, path } = operation;
      const { status } = await croft.api(method, path, bodyOf(method, path), token);
      expect(status, `${scope} key: ${method} ${path}`).toBe(403);
    }
    for (const [method, path] of [
      ["GET", "/keys"],
      ["POST", "/keys"],
      ["DELETE", `/keys/${key.id}`],
      ["GET", "/users"],
      ["POST", "/users"],
    ] as const)
      expect((await croft.api(method, path, bodyOf(method, path), token)).status, `${scope}: ${path}`).toBe(
        403,
      );
    // Pages are for people: a key opens none, whatever its scopes.
    const page = await fetch(`http://127.0.0.1:${croft.panelPort}/sites/${ids.slug}/delete`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/x-www-form-urlencoded" },
      body: `confirm=${ids.slug}`,
    });
    expect(page.status).toBe(401);
    expect((await bob.api("DELETE", `/keys/${key.id}`)).status).toBe(200);
    expect((await croft.api("GET", "/sites", undefined, token)).status).toBe(401);
  }
  expect((await bob.api("GET", `/sites/${ids.slug}`)).status).toBe(200);
});

test("figures of all sites are for the operator", async () => {
  const metrics = (token: string) =>
    fetch(`http://127.0.0.1:${croft.panelPort}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  expect((await metrics(eve.token)).status).toBe(403);
  const mine = await metrics(croft.token);
  expect(mine.status).toBe(200);
  expect(await mine.text()).toContain("croft_sites");
});

test("the host guard is the operator's to see, to change and to overrule", async () => {
  expect((await eve.api("GET", "/host/guard")).status).toBe(403);
  expect((await eve.api("PATCH", "/host/guard", { calmSeconds: 1 })).status).toBe(403);
  expect((await eve.api("POST", "/host/guard/release", { site: "any" })).status).toBe(403);
  expect((await croft.api("GET", "/host/guard")).status).toBe(200);
});

test("secrets that an app prints or answers show up in no log, error or reason", async () => {
  const slug = uniqueSlug("leaky");
  await eve.createSite(slug, { healthCheck: { deadlineSeconds: 2 } });
  const canary = "canary-do-not-leak-4711";
  const key = "-----BEGIN KEY-----\nMIIcanaryLineOne\nMIIcanaryLineTwo\n-----END KEY-----";
  await eve.api("PUT", `/sites/${slug}/env`, { set: { TOKEN: canary, KEY: key }, secret: true });
  const all = "`${process.env.TOKEN} ${process.env.KEY}`";
  const server = (status: number) =>
    `require("node:http").createServer((q, s) => { s.statusCode = ${status}; s.end(${all}); }).listen(process.env.PORT);`;
  const { output } = await eve.push(slug, nodeApp(`console.log(${all}); ${server(500)}`));
  expect(output).toContain("it answered: ********");
  expect(output).not.toMatch(/canary/);
  const later = `setTimeout(() => { console.log("fatal: " + ${all}); process.exit(1); }, 1000);`;
  expect((await eve.push(slug, nodeApp(server(200) + later))).exitCode).toBe(0);
  const site = await until(
    "the reason of the exit",
    () => croft.site(slug),
    ({ replicas }) => replicas[0]?.reason?.includes("fatal: ********") === true,
  );
  expect(JSON.stringify(site)).not.toMatch(/canary/);
  await eve.api("POST", `/sites/${slug}/stop`);
  expect(JSON.stringify(await eve.api("GET", `/sites/${slug}/deployments`))).not.toMatch(/canary/);
  for (const file of ["croft.db", "croft.db-wal"])
    expect(Buffer.from(await Bun.file(join(croft.dataDir, file)).arrayBuffer()).includes("canary")).toBe(
      false,
    );
  expect(await croft.log()).not.toMatch(/canary/);
  const images = await docker("images", "-q", `croft/${slug}`);
  for (const image of images.split("\n"))
    expect(await docker("history", "--no-trunc", image)).not.toMatch(/canary/);
});

test("links in a repository lead nowhere outside, and are no fault of Croft within", async () => {
  const slug = uniqueSlug("links");
  await eve.createSite(slug, { type: "static" });
  const secret = "croft.db";
  const links = { "p.txt": "/etc/passwd", etc: "/etc", up: "../../..", "self.html": "index.html" };
  expect((await eve.push(slug, { "index.html": "fine" }, links)).exitCode).toBe(0);
  for (const path of ["/p.txt", "/etc/passwd", `/up/${secret}`, `/..%2f..%2f${secret}`, "/.git/config"])
    expect((await croft.visit(`${slug}.localhost`, path)).status, path).toBe(404);
  await eve.api("PATCH", `/sites/${slug}`, { rootDirectory: "current" });
  const { exitCode, output } = await eve.push(slug, { "v2/index.html": "second" }, { current: "v2" });
  expect(exitCode, output).toBe(0);
  expect((await croft.visit(`${slug}.localhost`)).body).toBe("second");
  for (const target of ["/etc", "../../../..", "."]) {
    const { output } = await eve.push(slug, { "v3/a": "" }, { current: target });
    expect(output).toContain("Deploy failed: ");
    expect(output).not.toContain("inside Croft");
  }
});

/** Runs as root in its container, unlike what Croft writes itself. */
const rootApp = (code: string): Record<string, string> => ({
  Dockerfile:
    'FROM node:22-bookworm-slim\nWORKDIR /app\nCOPY server.js /srv/\nENTRYPOINT []\nCMD ["/usr/local/bin/node", "/srv/server.js"]\n',
  "server.js": code,
});

test("an app that spoils its own container does not keep other sites from being looked after", async () => {
  const [spoiler, victim] = [uniqueSlug("spoiler"), uniqueSlug("victim")];
  await eve.createSite(spoiler);
  await bob.createSite(victim);
  const spoil =
    'const fs = require("node:fs"); setTimeout(() => { fs.rmSync("/app", { recursive: true }); fs.writeFileSync("/app", ""); process.exit(1); }, 1500);';
  expect((await eve.push(spoiler, rootApp(answering("hi") + spoil))).exitCode).toBe(0);
  const dying = answering("alive").replace("s.end(", 'q.url === "/die" ? process.exit(2) : s.end(');
  expect((await bob.push(victim, rootApp(dying))).exitCode).toBe(0);
  const spoilt = await until(
    "the spoilt container does not start",
    async () => (await croft.site(spoiler)).replicas[0],
    (replica) => replica?.reason?.includes("did not start") === true,
  );
  expect(spoilt!.restarts).toBeGreaterThan(0);
  await croft.visit(`${victim}.localhost`, "/die").catch(() => {});
  await until(
    "the victim is back",
    () => croft.visit(`${victim}.localhost`),
    ({ body }) => body === "alive",
  );
  expect((await croft.site(victim)).replicas[0]!.restarts).toBe(1);
  expect(await croft.log()).not.toContain("supervisor pass failed");
});

test("a stop during a deployment is the later word; deploying a stopped site starts it", async () => {
  const slug = uniqueSlug("stopped");
  await bob.createSite(slug);
  const late = `setTimeout(() => { ${answering("late")} }, 4000);`;
  const push = bob.push(slug, nodeApp(late));
  await until(
    "the replica is probed",
    () => bob.api<{ items: { status: string }[] }>("GET", `/sites/${slug}/deployments`),
    ({ body }) => body.items[0]?.status === "deploying",
  );
  await bob.api("POST", `/sites/${slug}/stop`);
  const { output } = await push;
  expect(output).toContain("serves once the site is started again");
  expect((await croft.visit(`${slug}.localhost`)).body).toContain("stopped");
  await until(
    "its replica is gone",
    () => docker("ps", "-q", "--filter", `label=croft.site=${slug}`),
    (ids) => ids === "",
  );
  expect((await croft.site(slug)).status).toBe("stopped");
  expect((await bob.push(slug, nodeApp(answering("again")))).exitCode).toBe(0);
  expect((await croft.visit(`${slug}.localhost`)).body).toBe("again");
});

test("the panel, through the edge, takes changes from its own pages alone", async () => {
  const slug = uniqueSlug("forged");
  await bob.createSite(slug);
  const host = `croft.localhost:${croft.edgePort}`;
  const send = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    croft.visit(host, path, { method: "POST", body: new URLSearchParams(fields), headers });
  const { username, password } = bob;
  const next = "/.//evil.example/";
  const signedIn = await send("/sign-in", { username, password, next });
  expect(signedIn.status).toBe(303);
  expect(signedIn.headers.get("location")).toBe("/");
  const setCookie = signedIn.headers.get("set-cookie")!;
  expect(setCookie).toMatch(/; Path=\/;.*HttpOnly; SameSite=Lax$/);
  expect(setCookie).not.toContain("Domain");
  const cookie = setCookie.split(";")[0]!;
  const page = await croft.visit(host, `/sites/${slug}/settings`, { headers: { cookie } });
  const csrf = /name="_csrf" value="([^"]+)"/.exec(page.body)![1]!;
  const stop = `/sites/${slug}/stop`;
  for (const [fields, headers] of [
    [{}, {}],
    [{ _csrf: `${csrf}x` }, {}],
    [{ _csrf: csrf }, { origin: `http://${slug}.localhost:${croft.edgePort}` }],
    [{ _csrf: csrf }, { origin: "null" }],
    [{ _csrf: csrf }, { "sec-fetch-site": "same-site" }],
    [{ _csrf: csrf }, { "sec-fetch-site": "cross-site", origin: "https://evil.example" }],
  ] as [Record<string, string>, Record<string, string>][])
    expect((await send(stop, fields, { ...headers, cookie })).status, JSON.stringify(headers)).toBe(403);
  // A session is no key: the API, too, wants to know that the change comes from our own pages.
  expect((await send(`/api/v1/sites/${slug}/stop`, {}, { cookie })).status).toBe(403);
  expect((await croft.visit("evil.example", `/sites/${slug}`, { headers: { cookie } })).status).toBe(404);
  expect(JSON.stringify(await bob.api("GET", `/sites/${slug}`))).toContain("nothing has been deployed");
  const own = { cookie, origin: `http://${host}`, "sec-fetch-site": "same-origin" };
  expect((await send(stop, { _csrf: csrf }, own)).status).toBe(303);
  expect((await croft.site(slug)).statusReason).toBeNull();
  expect((await send("/sign-out", { _csrf: csrf }, own)).status).toBe(303);
  expect((await croft.visit(host, "/account", { headers: { cookie } })).status).toBe(303);
});
