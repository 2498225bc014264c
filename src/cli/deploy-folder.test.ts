import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { git } from "../git/testing/client.ts";
import { type PushRig, pushRig } from "../git/testing/push-rig.ts";
import { type FakeCroft, fakeCroft } from "./testing/fake-croft.ts";

setDefaultTimeout(30_000);

// Real git on both sides, with Croft's own git remote and hooks; only the deployment itself is a stand-in.
let rig: PushRig;
let croft: FakeCroft;
let outcome: { ok: boolean; message: string };

const commits = () => rig.started.map((one) => one.commit);
const files = async () =>
  (await git(rig.repoPath, ["ls-tree", "-r", "--name-only", "main"])).text.trim().split("\n");
const write = (name: string, text: string) => Bun.write(join(croft.home, "app", name), text);
const run = (argv: string[], token = "key-ada") => croft.run(argv, { env: { CROFT_TOKEN: token } });

beforeEach(async () => {
  rig = await pushRig();
  outcome = { ok: true, message: "http://shop.localhost" };
  rig.answers.follow = async (onLine) => {
    onLine("build: step 1");
    return outcome;
  };
  croft = await fakeCroft(
    {
      "GET /sites/shop": () => ({ branch: "main", urls: ["http://shop.localhost"] }),
      "GET /sites/shop/deployments": () => ({
        items: commits().map((hash) => ({ id: "dep_1", commit: { hash, message: "", author: "" } })),
      }),
      "GET /deployments/dep_1": () => ({
        id: "dep_1",
        site: "shop",
        status: outcome.ok ? "success" : "failed",
        release: 1,
        error: outcome.ok ? null : { code: "build_failed", message: outcome.message },
      }),
    },
    { gitPort: rig.port },
  );
  await mkdir(join(croft.home, "app"));
});

afterEach(async () => {
  await croft.close();
  await rig[Symbol.asyncDispose]();
});

test("a folder is pushed as it is, less what the ignore files name, and the log is shown", async () => {
  await write("index.html", "<h1>Hello</h1>");
  await write("node_modules/x/index.js", "");
  await write("notes.txt", "");
  await write(".gitignore", "node_modules\n");
  await write(".croftignore", "notes.txt\n");
  const { out, err, exitCode } = await run(["deploy", "shop", "--dir", "app", "--wait"]);
  expect(err).toContain("build: step 1");
  expect({ out, exitCode }).toEqual({ out: "Release 1 is live at http://shop.localhost\n", exitCode: 0 });
  expect(await files()).toEqual([".croftignore", ".gitignore", "index.html"]);
  expect(await readdir(join(croft.home, "app"))).not.toContain(".git");
});

test("the next one goes on top of the last, deploys also when nothing changed, and overwrites nobody", async () => {
  await write("index.html", "one");
  await run(["deploy", "shop", "--dir", "app"]);
  await run(["deploy", "shop", "--dir", "app"]);
  await write("index.html", "two");
  await write("new/page.html", "");
  const { exitCode } = await run(["deploy", "shop", "--dir", "app", "--json"]);
  expect(exitCode).toBe(0);
  expect(new Set(commits()).size).toBe(3);
  const history = (await git(rig.repoPath, ["log", "--format=%H", "main"])).text.trim().split("\n");
  expect(history).toEqual(commits().toReversed());
  expect(await files()).toEqual(["index.html", "new/page.html"]);
});

test("a folder that is a repository itself keeps its own history and index untouched", async () => {
  const app = join(croft.home, "app");
  await write("index.html", "committed");
  await git(app, ["init", "--quiet", "--initial-branch=main"]);
  await git(app, ["add", "index.html"]);
  await write("draft.html", "not added");
  const before = (await git(app, ["status", "--porcelain"])).text;
  const { exitCode } = await run(["deploy", "shop", "--dir", "app"]);
  expect(exitCode).toBe(0);
  expect(await files()).toEqual(["draft.html", "index.html"]);
  expect((await git(app, ["status", "--porcelain"])).text).toBe(before);
});

test("a deployment that fails ends with 1 and the reason", async () => {
  outcome = { ok: false, message: "npm install ended with 1" };
  await write("index.html", "x");
  const { exitCode, err } = await run(["deploy", "shop", "--dir", "app", "--wait"]);
  expect(exitCode).toBe(1);
  expect(err).toContain("npm install ended with 1");
});

test("a connection that breaks during the build is no refusal: the deployment is found and followed", async () => {
  let ended = false;
  rig.answers.follow = async () => {
    // The daemon goes away; the deployment comes to its end under the next one.
    while (croft.cutGit() === 0) await Bun.sleep(5);
    ended = true;
    return outcome;
  };
  croft.answers["GET /deployments/dep_1"] = () => ({
    id: "dep_1",
    site: "shop",
    status: ended ? "success" : "building",
    release: 1,
    error: null,
  });
  await write("index.html", "x");
  const { out, err, exitCode } = await run(["deploy", "shop", "--dir", "app", "--wait"]);
  expect(err).toContain("the connection broke");
  expect({ out, exitCode }).toEqual({ out: "Release 1 is live at http://shop.localhost\n", exitCode: 0 });
});

test.each([
  [["deploy", "shop", "--dir", "empty"], "holds no files"],
  [["deploy", "shop", "--dir", "missing"], "is not a folder"],
  [["deploy", "nosuch", "--dir", "app"], "was not found"],
])("%p is refused", async (argv, message) => {
  await mkdir(join(croft.home, "empty"));
  await write("index.html", "x");
  const { exitCode, err } = await run(argv);
  expect({ exitCode, told: err.includes(message) }).toEqual({ exitCode: 1, told: true });
  expect(commits()).toEqual([]);
});

test("a wrong key is told, and not repeated", async () => {
  await write("index.html", "x");
  const { exitCode, err } = await run(["deploy", "shop", "--dir", "app"], "wrong_secret");
  expect(exitCode).toBe(1);
  expect(err).not.toContain("secret");
  expect(err).toContain("the API key was refused");
});

test("nothing is left behind in the temporary folder", async () => {
  const before = process.env.TMPDIR;
  const own = join(croft.home, "tmp");
  await mkdir(own);
  process.env.TMPDIR = own;
  try {
    await write("index.html", "x");
    expect((await run(["deploy", "shop", "--dir", "app"])).exitCode).toBe(0);
    expect((await run(["deploy", "shop", "--dir", "tmp"])).exitCode).toBe(1);
    expect(await readdir(own)).toEqual([]);
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});
