import { expect, test } from "bun:test";
import { dirname, join, normalize } from "node:path";

const features = [
  "sites",
  "deploy",
  "supervisor",
  "usage",
  "requests",
  "alerts",
  "identity",
  "certificates",
  "backup",
  "doctor",
  "guard",
  "housekeeping",
  "logs",
  "runs",
  "retention",
];
const adapters = ["db", "disk", "docker", "edge", "git"];
const shared = ["domain", "errors.ts"];

/** What each part may import besides itself; a part that is not named here may import everything. */
const allowed: Record<string, readonly string[]> = {
  "errors.ts": [],
  "version.ts": ["package.json"],
  "config.ts": ["errors.ts"],
  domain: ["errors.ts"],
  ...Object.fromEntries(features.map((name) => [name, shared])),
  ...Object.fromEntries(adapters.map((name) => [name, shared])),
  db: [...shared, "migrations"],
  jobs: shared,
  http: [...shared, ...features],
  panel: [...shared, ...features, "http"],
  cli: [...shared, ...features, "version.ts", "config.ts"],
};
const unrestricted = ["daemon.ts", "edge-version.ts", "daemon", "main.ts", "testing", "import-rule.test.ts"];

/** The only parts that may use these packages. */
const owners: Record<string, readonly string[]> = {
  dockerode: ["docker"],
  croner: ["jobs"],
  "bun:sqlite": ["db", "backup", "daemon"],
};

const partOf = (path: string): string => path.split("/")[path.startsWith("src/") ? 1 : 0]!;

const transpilers = { ts: new Bun.Transpiler({ loader: "ts" }), tsx: new Bun.Transpiler({ loader: "tsx" }) };
const importsOf = (path: string, text: string): string[] => {
  const found = transpilers[path.endsWith("x") ? "tsx" : "ts"].scanImports(text).map((one) => one.path);
  // Types vanish in the transpiler, but a type is a dependency too.
  for (const [, path] of text.matchAll(/^(?:import|export) type [^"]*from "([^"]+)"/gm)) found.push(path!);
  return found;
};

const breaches = (path: string, text: string): string[] => {
  const part = partOf(path);
  const found: string[] = [];
  const isTest = /\.test\.tsx?$/.test(path) || path.includes("/testing/") || part === "testing";
  for (const imported of importsOf(path, text)) {
    if (!imported.startsWith(".")) {
      const name = Object.keys(owners).find((one) => imported === one || imported.startsWith(`${one}/`));
      if (name && !isTest && !owners[name]!.includes(part)) found.push(`${path} imports ${imported}`);
      continue;
    }
    if (isTest || unrestricted.includes(part)) continue;
    const target = partOf(normalize(join(dirname(path), imported)));
    const may = allowed[part];
    if (target !== part && may && !may.includes(target)) found.push(`${path} imports ${imported}`);
    if (!may) found.push(`${path} is in a part that the import rule does not know`);
  }
  return found;
};

test("every file imports only what its part may", async () => {
  const root = join(import.meta.dir, "..");
  const found: string[] = [];
  let files = 0;
  for await (const path of new Bun.Glob("{src,migrations}/**/*.{ts,tsx}").scan(root)) {
    files++;
    const text = await Bun.file(join(root, path)).text();
    if (path.startsWith("migrations/")) {
      for (const imported of importsOf(path, text))
        if (imported.includes("src/")) found.push(`${path} imports ${imported}`);
      continue;
    }
    found.push(...breaches(path, text));
  }
  expect(found).toEqual([]);
  expect(files).toBeGreaterThan(50);
});

test("the rule finds a breach", () => {
  expect(breaches("src/sites/x.ts", 'import { a } from "../db/open.ts"; a();')).toHaveLength(1);
  expect(breaches("src/sites/x.ts", 'import type { A } from "../deploy/deps.ts";')).toHaveLength(1);
  expect(breaches("src/http/x.ts", 'import { a } from "../docker/client.ts"; a();')).toHaveLength(1);
  expect(breaches("src/sites/x.ts", 'import Docker from "dockerode"; Docker();')).toHaveLength(1);
  expect(breaches("src/domain/x.ts", 'import { a } from "../sites/deps.ts"; a();')).toHaveLength(1);
  expect(breaches("src/sites/x.ts", 'import { a } from "../domain/id.ts"; a();')).toEqual([]);
});

test("every file of JSX names its runtime: Bun takes the project's setting from the working directory", async () => {
  const root = join(import.meta.dir, "..");
  const without: string[] = [];
  for await (const path of new Bun.Glob("src/**/*.tsx").scan(root))
    if (!(await Bun.file(join(root, path)).text()).includes("@jsxImportSource ")) without.push(path);
  expect(without).toEqual([]);
});
