import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "../../errors.ts";
import { planBuild, type BuildPlan, type GeneratedPlan } from "./plan-build.ts";
import { messageOf, siteOf, sourceFolders, type Files } from "./testing/source-folders.ts";

const folders = sourceFolders();
afterEach(() => folders.removeAll());

const plan = (files: Files, fields: Parameters<typeof siteOf>[0] = {}): Promise<BuildPlan> =>
  planBuild({ dir: folders.make(files), site: siteOf(fields) });
const generated = async (files: Files, fields: Parameters<typeof siteOf>[0] = {}): Promise<GeneratedPlan> => {
  const made = await plan(files, fields);
  if (made.kind !== "generated") throw new Error(`planned as ${made.kind}`);
  return made;
};

const page = { "index.html": "<h1>" };
const node = { "package.json": `{"scripts": {"start": "node server.js"}}` };
const dockerfile = { Dockerfile: "FROM node:22\nEXPOSE 8080\n" };

describe("which kind", () => {
  test("auto takes a Dockerfile, then an app, then a static website", async () => {
    expect(await plan({ ...dockerfile, ...node, ...page })).toMatchObject({
      kind: "dockerfile",
      path: "Dockerfile",
      port: 8080,
      externalImages: ["node:22"],
    });
    expect(await plan({ ...node, ...page })).toMatchObject({
      kind: "generated",
      language: "node",
      port: 3000,
    });
    expect(await plan(page)).toMatchObject({ kind: "static", folder: "" });
  });

  test("a chosen type looks at nothing else", async () => {
    expect((await plan({ ...dockerfile, ...node, ...page }, { type: "app" })).kind).toBe("generated");
    expect((await plan({ ...dockerfile, ...node, ...page }, { type: "static" })).kind).toBe("static");
    expect(await messageOf(plan({ ...node, ...page }, { type: "dockerfile" }))).toBe(
      "there is nothing to build. Looked for: Dockerfile. Found: index.html, package.json",
    );
    expect(await messageOf(plan(page, { type: "app" }))).toContain("Looked for: package.json (Node");
    expect(await messageOf(plan(node, { type: "static" }))).toContain("index.html in the root or in public/");
    expect(await messageOf(plan({}, { type: "image" }))).toContain("type: image is not built from a folder");
  });

  test("the site's port goes before all others", async () => {
    expect(await plan(dockerfile, { port: 99 })).toMatchObject({ port: 99 });
    expect(await plan({ Dockerfile: "FROM a:1" })).toMatchObject({ port: null });
    const app = await generated(node, { port: 99 });
    expect(app.port).toBe(99);
    expect(app.dockerfile).toContain("PORT=99 ");
    expect(app.dockerfile).toContain("EXPOSE 99\n");
  });

  test("nothing to build names all that is looked for, and what is there", async () => {
    const message = await messageOf(plan({ "README.md": "", "src/main.rs": "", ".git/config": "" }));
    for (const words of [
      "Dockerfile",
      "package.json",
      "bun.lock",
      "requirements.txt",
      "pyproject.toml",
      "index.html",
    ])
      expect(message).toContain(words);
    expect(message).toEndWith("Found: README.md, src/");
    expect(await messageOf(plan({}))).toEndWith("Found: nothing");
  });

  test("a Dockerfile that reaches too far is refused when planning", async () => {
    expect(await messageOf(plan({ Dockerfile: "FROM a:1\nADD http://x/ /" }))).toStartWith(
      "Dockerfile, line 2: ADD",
    );
  });

  test("the root directory is where everything is looked for", async () => {
    const files = { "web/package.json": node["package.json"], "docs/build/index.html": "", ...dockerfile };
    expect((await plan(files, { rootDirectory: "web" })).kind).toBe("generated");
    expect(await plan(files, { rootDirectory: "./docs/" })).toMatchObject({
      kind: "static",
      folder: "docs/build",
    });
    expect(await messageOf(plan(files, { rootDirectory: "nowhere" }))).toBe(
      `the root directory "nowhere" is not in the source; found there: Dockerfile, docs/, web/`,
    );
    expect(await messageOf(plan(files, { rootDirectory: "Dockerfile" }))).toContain("is not a folder");
    expect(await messageOf(plan(files, { rootDirectory: "../x" }))).toContain(
      "rootDirectory: must be a folder inside",
    );
  });

  test("a folder of 20,000 files is not walked, and its listing is short", async () => {
    const dir = folders.make({ "public/a.txt": "" });
    try {
      for (let i = 0; i < 20_000; i++) writeFileSync(join(dir, `file-${i}.txt`), "");
      expect((await messageOf(planBuild({ dir, site: siteOf() }))).length).toBeLessThan(1000);
      writeFileSync(join(dir, "public/index.html"), "");
      expect(await planBuild({ dir, site: siteOf() })).toMatchObject({ folder: "public" });
    } finally {
      // here, within this test's own time
      folders.removeAll();
    }
  }, 60_000);
});

describe("links", () => {
  const outside = () => {
    const folder = mkdtempSync(join(tmpdir(), "croft-plan-outside-"));
    writeFileSync(join(folder, "package.json"), node["package.json"]);
    writeFileSync(join(folder, "index.html"), "secret");
    return folder;
  };

  test("that lead out of the source are refused, whatever they stand for", async () => {
    const other = outside();
    try {
      for (const [name, target] of [
        ["package.json", join(other, "package.json")],
        ["Dockerfile", join(other, "package.json")],
        ["index.html", join(other, "index.html")],
        ["public", other],
      ] as const) {
        const dir = folders.make({});
        symlinkSync(target, join(dir, name));
        expect(await messageOf(planBuild({ dir, site: siteOf() }))).toContain("is a link that leads out");
      }
      const dir = folders.make({});
      symlinkSync(other, join(dir, "web"));
      expect(await messageOf(planBuild({ dir, site: siteOf({ rootDirectory: "web" }) }))).toContain(
        `the root directory "web" is a link that leads out of the source`,
      );
    } finally {
      rmSync(other, { recursive: true });
    }
  });

  test("within the source are followed; those in a circle or to nowhere are not there", async () => {
    const dir = folders.make({ "site-files/index.html": "" });
    symlinkSync("site-files", join(dir, "public"));
    symlinkSync("package.json", join(dir, "package.json"));
    symlinkSync("gone", join(dir, "Dockerfile"));
    expect(await planBuild({ dir, site: siteOf() })).toMatchObject({ kind: "static", folder: "public" });
  });
});

describe("package.json", () => {
  test("that is broken is named with the position", async () => {
    const text = `{\n  "name": "x",\n  "scripts": {start: "node ."}\n}`;
    const message = await messageOf(plan({ "package.json": text, ...page }));
    expect(message).toStartWith("package.json, line 3, column 15: is not JSON: ");
    expect(await messageOf(plan({ "package.json": `{"scripts": {"start": 1}}` }))).toStartWith(
      "package.json: scripts.start: ",
    );
    expect(await messageOf(plan({ "package.json": "[]" }))).toStartWith("package.json: ");
    expect(await messageOf(plan({ "package.json": `{"a": "${"x".repeat(1_100_000)}"}` }))).toBe(
      "package.json is larger than 1 MB",
    );
  });

  test("without a start says what is looked for", async () => {
    const message = await messageOf(
      plan({
        "package.json": `{"scripts": {"build": "vite build"}, "devDependencies": {"vite": "6"}}`,
        ...page,
      }),
    );
    for (const words of [
      "start command",
      "Procfile",
      `"scripts.start"`,
      `"main"`,
      "server.js",
      "build script",
    ])
      expect(message).toContain(words);
  });

  test("without a start beside a finished website is a static site", async () => {
    const files = { "package.json": `{"scripts": {"build": "vite build"}}`, ...page, "dist/index.html": "" };
    expect(await plan(files)).toMatchObject({ kind: "static", folder: "dist" });
    // app.js belongs to the page
    const plain = {
      "package.json": `{"devDependencies": {"prettier": "3"}, "main": "app.js"}`,
      "app.js": "",
      ...page,
    };
    expect(await plan(plain)).toMatchObject({ kind: "static", folder: "" });
  });

  test("is never read where a Dockerfile decides", async () => {
    expect((await plan({ "package.json": "{", ...dockerfile })).kind).toBe("dockerfile");
  });
});

describe("mixed sources", () => {
  test("a Python app with a package.json for its assets", async () => {
    const files = {
      "package.json": `{"scripts": {"build": "tailwindcss"}}`,
      "requirements.txt": "django\ngunicorn",
      "manage.py": `os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')`,
    };
    expect((await generated(files)).language).toBe("python");
  });

  test("the start command says which of two apps is meant", async () => {
    const files = { ...node, "requirements.txt": "flask", "app.py": "app = Flask(__name__)" };
    expect((await generated(files)).language).toBe("node");
    expect((await generated(files, { startCommand: "python app.py" })).language).toBe("python");
    expect((await generated({ ...files, Procfile: "web: gunicorn app:app" })).language).toBe("python");
  });
});

test("errors are AppErrors", async () => {
  const error = await plan({}).catch((thrown) => thrown);
  expect(error).toBeInstanceOf(AppError);
  expect(error.code).toBe("deploy_failed");
});
