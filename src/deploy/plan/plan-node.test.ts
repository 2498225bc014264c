import { afterEach, describe, expect, test } from "bun:test";
import { checkDockerfile } from "./dockerfile-policy.ts";
import { planBuild, type GeneratedPlan } from "./plan-build.ts";
import { npmApp, yarnApp } from "./testing/sample-apps.ts";
import { siteOf, sourceFolders, type Files } from "./testing/source-folders.ts";

const folders = sourceFolders();
afterEach(() => folders.removeAll());

const plan = async (
  manifest: object,
  files: Files = {},
  fields: Parameters<typeof siteOf>[0] = {},
): Promise<GeneratedPlan> => {
  const dir = folders.make({ "package.json": JSON.stringify(manifest), ...files });
  const made = await planBuild({ dir, site: siteOf(fields) });
  if (made.kind !== "generated") throw new Error(`planned as ${made.kind}`);
  // whatever is generated has to pass the policy for other people's Dockerfiles
  checkDockerfile(made.dockerfile);
  return made;
};
const commandOf = ({ dockerfile }: GeneratedPlan): string[] =>
  JSON.parse(/^CMD (.*)$/m.exec(dockerfile)![1]!) as string[];

const start = { scripts: { start: "node server.js" }, dependencies: { ms: "1" } };

describe("the whole Dockerfile", () => {
  test("of an npm app with a build", async () => {
    const dir = folders.make(npmApp);
    const made = (await planBuild({ dir, site: siteOf() })) as GeneratedPlan;
    expect(made.dockerfile).toBe(`FROM node:22-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund --omit=dev && mkdir -p node_modules

FROM dependencies AS build
RUN npm ci --no-audit --no-fund --include=dev
COPY . .
ENV NODE_ENV=production PATH=/app/node_modules/.bin:$PATH
RUN ["/bin/sh","-c","exec npm run build"]
RUN rm -rf node_modules

FROM node:22-bookworm-slim
WORKDIR /app
RUN chown node:node /app
ENV NODE_ENV=production PORT=3000 PATH=/app/node_modules/.bin:$PATH
COPY --from=dependencies --chown=node:node /app/node_modules ./node_modules
COPY --from=build --chown=node:node /app ./
ENV npm_package_name=app npm_package_version=1.0.0
USER node
EXPOSE 3000
CMD ["/bin/sh","-c","exec node server.js"]
`);
    expect(made).toMatchObject({ language: "node", version: "22", packageManager: "npm", warnings: [] });
    expect(made.optimisations).toContain("production dependencies only");
    expect(made.optimisations).toContain("exact versions from package-lock.json");
    expect(made.summary).toBe(
      "Node app with npm, built with `npm run build`, started by start script of package.json: node server.js",
    );
  });

  test("of an app with neither dependencies nor build is one stage", async () => {
    const made = await plan({}, { "server.js": "" });
    expect(made.dockerfile.match(/^FROM/gm)).toHaveLength(1);
    expect(made.dockerfile).not.toContain("RUN npm");
    expect(commandOf(made)).toEqual(["node", "server.js"]);
  });
});

describe("how it is started, in this order", () => {
  const all = { "server.js": "", "lib/main.js": "", Procfile: "worker: x\nweb: node web.js\n" };
  const manifest = { ...start, main: "lib/main.js" };
  for (const [what, made, expected] of [
    ["the site's command", () => plan(manifest, all, { startCommand: "node own.js" }), "exec node own.js"],
    ["the Procfile", () => plan(manifest, all), "exec node web.js"],
    ["the start script", () => plan(manifest, { ...all, Procfile: "" }), "exec node server.js"],
    ["main", () => plan({ main: "./lib/main.js" }, { ...all, Procfile: "" }), "lib/main.js"],
    ["a usual name", () => plan({ main: "gone.js" }, { "server.js": "" }), "server.js"],
    [
      "main that the build will write",
      () => plan({ main: "dist/a.js", scripts: { build: "tsc" } }),
      "dist/a.js",
    ],
    ["main never outside", () => plan({ main: "../x.js" }, { "app.js": "" }), "app.js"],
  ] as const)
    test(what, async () => expect(commandOf(await made()).at(-1)).toBe(expected));

  test("a script that needs npm around it gets it, and that is said", async () => {
    const made = await plan({ scripts: { start: "node . $npm_config_port" }, dependencies: { ms: "1" } });
    expect(commandOf(made)).toEqual(["npm", "run", "start"]);
    expect(made.warnings.join()).toContain("needs npm around it");
  });

  test("a prestart script runs before", async () => {
    const made = await plan({ scripts: { prestart: "a || b", start: "node ." } });
    expect(commandOf(made).at(-1)).toBe("(a || b) && exec node .");
  });

  test("pnpm comes along only where the start calls it", async () => {
    const pnpm = { ...start, packageManager: "pnpm@10.12.1" };
    const tool = "COPY --from=dependencies /opt/package-manager /opt/package-manager";
    expect((await plan(pnpm)).dockerfile).not.toContain(tool);
    expect((await plan({ ...pnpm, scripts: { start: "pnpm run serve" } })).dockerfile).toContain(tool);
  });

  test("commands are kept in JSON", async () => {
    const made = await plan(start, {}, { startCommand: `node -e '"]'\\`, buildCommand: `echo "$X" \\` });
    expect(commandOf(made).at(-1)).toBe(`node -e '"]'\\`);
    expect(made.dockerfile).toContain(String.raw`RUN ["/bin/sh","-c","echo \"$X\" \\"]`);
  });

  test("development servers and development tools are noticed", async () => {
    const made = await plan({ scripts: { start: "vite --host" }, devDependencies: { vite: "6" } });
    expect(made.warnings.join("\n")).toContain("runs a development server");
    expect(made.warnings.join("\n")).toContain("needs vite from devDependencies");
    expect(made.dockerfile).not.toContain("--omit=dev");
    expect(made.optimisations).not.toContain("production dependencies only");
    expect(
      (await plan({ scripts: { start: "vite preview" }, dependencies: { vite: "6" } })).warnings.join(),
    ).not.toContain("development");
  });
});

describe("package managers", () => {
  for (const [what, manifest, files, name, line] of [
    ["npm without lockfile", start, {}, "npm", "RUN npm install --no-audit --no-fund --omit=dev"],
    [
      "npm-shrinkwrap.json",
      start,
      { "npm-shrinkwrap.json": "{}" },
      "npm",
      "COPY package.json npm-shrinkwrap.json ./",
    ],
    ["pnpm of its lockfile", start, { "pnpm-lock.yaml": "lockfileVersion: '9.0'" }, "pnpm", " pnpm@10\n"],
    ["pnpm of an older lockfile", start, { "pnpm-lock.yaml": "lockfileVersion: '6.0'" }, "pnpm", " pnpm@8\n"],
    ["pnpm by field", { ...start, packageManager: "pnpm@9.1.0+sha512.ab" }, {}, "pnpm", " pnpm@9.1.0\n"],
    [
      "Yarn 1",
      start,
      { "yarn.lock": yarnApp["yarn.lock"]! },
      "yarn",
      "RUN yarn install --non-interactive --frozen-lockfile --production=true",
    ],
    [
      "Yarn 4 by lockfile",
      start,
      { "yarn.lock": "__metadata:\n  version: 8" },
      "yarn berry",
      "@yarnpkg/cli-dist@4\n",
    ],
    [
      "Yarn 3 by lockfile",
      start,
      { "yarn.lock": "__metadata:\n  version: 6" },
      "yarn berry",
      "@yarnpkg/cli-dist@3\n",
    ],
    [
      "Yarn that the repository carries",
      start,
      {
        "yarn.lock": "__metadata:",
        ".yarnrc.yml": "yarnPath: .yarn/releases/yarn-4.1.0.cjs",
        ".yarn/releases/yarn-4.1.0.cjs": "",
      },
      "yarn berry",
      "COPY .yarn ./.yarn\nRUN yarn install --immutable".replace(
        "install --immutable",
        "workspaces focus --production",
      ),
    ],
    ["Bun", start, { "bun.lock": "{}" }, "bun", "RUN bun install --frozen-lockfile --production"],
    ["Bun's binary lockfile", start, { "bun.lockb": "\0" }, "bun", "COPY package.json bun.lockb ./"],
    [
      "settings beside the lockfile",
      start,
      { "package-lock.json": "{}", ".npmrc": "" },
      "npm",
      "COPY package.json package-lock.json .npmrc ./",
    ],
  ] as const)
    test(what, async () => {
      const made = await plan(manifest, files);
      expect(made.packageManager).toBe(name);
      expect(made.dockerfile).toContain(line);
    });

  test("the field goes before the lockfile, and odd ones are said", async () => {
    const locks = { "package-lock.json": "{}", "yarn.lock": "" };
    const made = await plan({ ...start, packageManager: "npm@10.0.0" }, locks);
    expect(made.packageManager).toBe("npm");
    expect(made.warnings.join()).toContain("package-lock.json is used and yarn.lock is not");
    const odd = await plan({ ...start, packageManager: "pnpm@10.0.0\nRUN evil" }, locks);
    expect(odd.packageManager).toBe("yarn");
    expect(odd.warnings.join()).toContain("is not npm, pnpm, yarn or bun with an exact version");
    expect(odd.dockerfile).not.toContain("evil");
    expect((await plan(start)).warnings.join()).toContain("no lockfile of npm");
  });

  test("the whole source comes first where installing needs it", async () => {
    const lock = { "package-lock.json": "{}" };
    for (const [manifest, reason] of [
      [{ ...start, workspaces: ["packages/*"] }, "workspaces"],
      [
        { scripts: { ...start.scripts, postinstall: "patch-package" }, dependencies: { ms: "1" } },
        "script postinstall",
      ],
      [{ ...start, dependencies: { lib: "file:./lib" } }, "lib is a dependency from the repository"],
      [{ ...start, dependencies: { "@prisma/client": "6" } }, "Prisma"],
    ] as const) {
      const made = await plan(manifest, lock);
      expect(made.dockerfile).toContain("COPY . .\nRUN npm ci --no-audit --no-fund --include=dev\n");
      expect(made.warnings.join()).toContain(reason);
    }
    const pnpm = { "pnpm-lock.yaml": "", "pnpm-workspace.yaml": "packages:\n  - a" };
    expect((await plan(start, pnpm)).warnings.join()).toContain("pnpm-workspace.yaml has packages");
  });
});

describe("versions of the runtime", () => {
  for (const [files, engines, warns] of [
    [{ ".nvmrc": "v22.4.1\n" }, {}, false],
    [{ ".nvmrc": "lts/*" }, {}, false],
    [{ ".nvmrc": "20" }, {}, true],
    [{ ".node-version": "22" }, {}, false],
    [{}, { node: ">=18" }, false],
    [{}, { node: "^22.3.0 || >=24" }, false],
    [{}, { node: "22.x" }, false],
    [{}, { node: "18.x" }, true],
    [{}, { node: ">=23" }, true],
  ] as const)
    test(JSON.stringify([files, engines]), async () => {
      const { warnings } = await plan({ ...start, engines }, { ...files, "package-lock.json": "{}" });
      expect(warnings.some((warning) => warning.includes("the app gets Node 22"))).toBe(warns);
      expect(warnings).toHaveLength(warns ? 1 : 0);
    });
});

test("frameworks by their dependency, the more specific first", async () => {
  expect((await plan({ ...start, dependencies: { express: "5" } })).framework).toBe("express");
  expect((await plan({ ...start, dependencies: { express: "5", "@nestjs/core": "11" } })).framework).toBe(
    "nest",
  );
  expect((await plan(start)).framework).toBeNull();
});

test("name and version stand in the image only where they need no quotes", async () => {
  const made = await plan({ ...start, name: "a b\nRUN x", version: "1.0.0-rc.1+5" });
  expect(made.dockerfile).toContain("ENV npm_package_version=1.0.0-rc.1+5\n");
  expect(made.dockerfile).not.toContain("RUN x");
});
