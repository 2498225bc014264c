import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { answering, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { type Tenant, tenantOf } from "./tenant.ts";

setDefaultTimeout(180_000);

let croft: TestCroft;
/** Owns what is attacked, and attacks it. Neither is an operator. */
let bob: Tenant;
let eve: Tenant;

beforeAll(async () => {
  croft = await startCroft();
  bob = await tenantOf(croft, "bob");
  eve = await tenantOf(croft, "eve");
});
afterAll(() => croft.destroy());

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
