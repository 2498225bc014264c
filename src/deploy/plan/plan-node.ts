import { baseImageOf } from "../../domain/base-images.ts";
import { shellCommand } from "../../domain/shell-command.ts";
import { AppError } from "../../errors.ts";
import { defaultPort, type GeneratedPlan, type PlanRequest } from "./build-plan.ts";
import { ignoreLines } from "./ignore-file.ts";
import { nodeDockerfile } from "./node-dockerfile.ts";
import { hasDependencies, whyWholeSource } from "./node-install.ts";
import { developmentToolsIn, nodeEntries, nodeStart, startWarnings } from "./node-start.ts";
import { frameworkOf, type PackageJson } from "./package-json.ts";
import { packageManagerOf, type PackageManager } from "./package-manager.ts";
import { runtimeVersionWarnings } from "./runtime-version.ts";
import type { SourceFolder } from "./source-folder.ts";

/** The image of a package.json app, null when nothing says how it is started. */
export const planNode = async (
  source: SourceFolder,
  manifest: PackageJson,
  site: PlanRequest["site"],
): Promise<GeneratedPlan | null> => {
  const manager = await packageManagerOf(source, manifest);
  const build = buildCommandOf(manifest, manager, site.buildCommand);
  const start = await nodeStart(source, manifest, manager, site, build !== null);
  if (start === null) return null;

  const language = manager.runtime;
  const base = baseImageOf(language);
  const framework = frameworkOf(manifest);
  const whole = await whyWholeSource(source, manifest, manager);
  const tools = developmentToolsIn(start, manifest);
  const installs = hasDependencies(manifest);
  const hasDevelopment = Object.keys(manifest.devDependencies).length > 0;
  const canPrune = prunes(manager, manifest);
  const keepDevelopment = tools.length > 0;
  const leavesOut = whole ? canPrune : manager.installProduction !== null;
  const port = site.port ?? defaultPort;

  const dockerfile = nodeDockerfile({
    baseImage: base.name,
    user: language,
    manager,
    hasDependencies: installs,
    wholeSource: whole !== null,
    keepDevelopment,
    prune: canPrune && hasDevelopment && !keepDevelopment,
    build: build === null ? null : shellCommand(build),
    start,
    env: packageEnv(manifest),
    port,
  });

  const warnings = [...manager.warnings, ...startWarnings(manifest, start)];
  warnings.push(...(await runtimeVersionWarnings(source, language, manifest.engines)));
  if (keepDevelopment)
    warnings.push(
      `the start command needs ${tools.join(", ")} from devDependencies, so all of them stay in the image; move it to dependencies`,
    );
  else if (installs && hasDevelopment && !leavesOut)
    warnings.push(`development dependencies stay in the image: ${manager.name} cannot leave them out here`);
  if (installs && whole)
    warnings.push(`dependencies are installed anew at each change of the source, because ${whole}`);

  const optimisations = [
    `slim base image (${base.name})`,
    `runs as the unprivileged user ${language}`,
    "what git, editors and local installs leave behind is kept out of the build",
  ];
  if (installs || build)
    optimisations.push("built in stages: package manager caches and build leftovers stay out of the image");
  if (installs && manager.lockfile) optimisations.push(`exact versions from ${manager.lockfile}`);
  if (installs && !whole)
    optimisations.push(
      "dependencies are installed before the source is copied: a change of code reuses them, and releases share them on disk",
    );
  if (installs && leavesOut && !keepDevelopment) optimisations.push("production dependencies only");
  if (!installs) optimisations.push("no dependencies: nothing is installed");
  if (start.argv[0] === "/bin/sh")
    optimisations.push("started without a package manager in between: less memory, and stop signals arrive");

  return {
    kind: "generated",
    language,
    framework,
    version: base.version,
    packageManager: manager.name,
    dockerfile,
    optimisations,
    port,
    startDescription: start.description,
    ignore: await ignoreLines(source, language),
    summary: `${language === "bun" ? "Bun" : "Node"} app${framework ? ` (${framework})` : ""} with ${manager.name}${build ? `, built with \`${build}\`` : ""}, started by ${start.description}`,
    warnings,
  };
};

/** The site's, otherwise the build script. */
const buildCommandOf = (
  manifest: PackageJson,
  manager: PackageManager,
  own: string | null,
): string | null => {
  if (own?.trim()) return own.trim();
  return manifest.scripts.build?.trim() ? `${manager.name.split(" ")[0]} run build` : null;
};

/** What package managers tell of the package itself, as far as it can stand in a Dockerfile without quotes. */
const packageEnv = ({ name, version }: PackageJson): Record<string, string> => {
  const env: Record<string, string> = {};
  const isPlain = /^[\w@/.+-]{1,214}$/;
  if (typeof name === "string" && isPlain.test(name)) env.npm_package_name = name;
  if (typeof version === "string" && isPlain.test(version)) env.npm_package_version = version;
  return env;
};

const prunes = (manager: PackageManager, manifest: PackageJson): boolean => {
  if (manager.prune === null) return false;
  if (manager.name === "npm") return true;
  // pnpm prunes single packages only; others would take Prisma's client out with the rest
  return manifest.workspaces === undefined && !("@prisma/client" in manifest.dependencies);
};

/** Why a package.json is no app yet. */
export const notStartable = (manifest: PackageJson): AppError =>
  new AppError(
    "deploy_failed",
    `package.json does not say how the app is started. Looked for: a start command of the site, "web:" in a Procfile, ` +
      `"scripts.start", "main", and the files ${nodeEntries.join(", ")}. Found: ${foundIn(manifest)}` +
      (manifest.scripts.build
        ? `. It has a build script: if that makes a website without a server, commit its result (public/, dist/, build/, _site/ or site/ with an index.html), or add a "start" script that serves it`
        : ""),
  );

const foundIn = ({ scripts, main }: PackageJson): string => {
  const names = Object.keys(scripts).map((name) => name.slice(0, 40));
  const found = [];
  if (names.length > 0)
    found.push(`scripts ${names.slice(0, 10).join(", ")}${names.length > 10 ? ", …" : ""}`);
  if (main) found.push(`main ${JSON.stringify(main.slice(0, 80))}`);
  return found.join(" and ") || "none of them";
};
