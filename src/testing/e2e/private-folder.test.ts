import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { cp, mkdtemp, readlink, rm, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { copyFolder } from "../../edge/program-for.ts";
import { answering, nodeApp, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";

/** A checkout and its data in folders of mode 0700, as when root clones into its home and starts Croft there. */

setDefaultTimeout(180_000);

const source = join(import.meta.dir, "..", "..", "..");
let checkout: string;
let croft: TestCroft;
const page = uniqueSlug("page");
const app = uniqueSlug("app");

beforeAll(async () => {
  checkout = await mkdtemp("/var/tmp/croft-checkout-");
  for (const name of ["src", "migrations", "package.json", "tsconfig.json"])
    await cp(join(source, name), join(checkout, name), { recursive: true });
  await symlink(join(source, "node_modules"), join(checkout, "node_modules"));
  const program = [process.execPath, join(checkout, "src", "main.ts")];
  croft = await startCroft({}, program, { rootMode: 0o700 });
});
afterAll(async () => {
  const copy = copyFolder("/var/cache/croft", croft.dataDir);
  await croft.destroy();
  await rm(copy, { recursive: true, force: true });
  await rm(checkout, { recursive: true, force: true });
});

const bothAnswer = async (words: string): Promise<void> => {
  expect(await croft.visit(`${page}.localhost`)).toMatchObject({ status: 200, body: `page ${words}` });
  expect(await croft.visit(`${app}.localhost`)).toMatchObject({ status: 200, body: `app ${words}` });
  expect((await croft.visit("croft.localhost", "/healthz")).status).toBe(200);
};
const pushBoth = async (words: string): Promise<void> => {
  await until(
    "database, engine and edge are there",
    () => fetch(`http://127.0.0.1:${croft.panelPort}/readyz`).then((response) => response.status),
    (status) => status === 200,
  );
  for (const [slug, files] of [
    [page, { "index.html": `page ${words}` }],
    [app, nodeApp(answering(`app ${words}`))],
  ] as const) {
    const { exitCode, output } = await croft.push(slug, files);
    expect(exitCode, output).toBe(0);
  }
};

test("a static site and an app answer through the edge, and so does the panel", async () => {
  for (const slug of [page, app]) await croft.createSite(slug);
  await pushBoth("one");
  await bothAnswer("one");
  // It is the edge of this test: shut out, handed its folder, run from a copy outside.
  const { pid } = await croft.edge();
  expect((await stat(join(croft.dataDir, ".."))).mode & 0o777).toBe(0o700);
  expect(await readlink(`/proc/${pid}/fd/3`)).toBe(croft.dataDir);
  expect(await readlink(`/proc/${pid}/exe`)).toStartWith(copyFolder("/var/cache/croft", croft.dataDir));
});

test("a daemon that was killed is missed by no site, and the next one takes the edge over", async () => {
  const { pid } = await croft.edge();
  await croft.kill("SIGKILL");
  expect((await croft.visit(`${page}.localhost`)).body).toBe("page one");
  expect((await croft.visit(`${app}.localhost`)).body).toBe("app one");
  await croft.start();
  await bothAnswer("one");
  await pushBoth("two");
  await bothAnswer("two");
  expect((await croft.edge()).pid).toBe(pid);
});

test("an edge that was killed is there again with what it served", async () => {
  const { pid } = await croft.edge();
  process.kill(pid, "SIGKILL");
  await until(
    "another edge answers",
    () => croft.edge().catch(() => ({ pid })),
    (edge) => edge.pid !== pid,
  );
  await bothAnswer("two");
});
