import { AppError, invalid } from "../../errors.ts";
import type { BuildPlan, DockerfilePlan, GeneratedPlan, PlanRequest } from "./build-plan.ts";
import { checkDockerfile } from "./dockerfile-policy.ts";
import { readPackageJson } from "./package-json.ts";
import { notStartable, planNode } from "./plan-node.ts";
import { planPython, pythonNotStartable, pythonSigns } from "./plan-python.ts";
import { type PlannedProcesses, plannedProcesses, readProcesses } from "./processes.ts";
import { openSourceFolder, type SourceFolder } from "./source-folder.ts";
import { procfileWeb } from "./start-command.ts";
import { planStatic, staticFolders } from "./static-site.ts";

export type { BuildPlan, DockerfilePlan, GeneratedPlan, PlanRequest, StaticPlan } from "./build-plan.ts";

/**
 * What would be built from a folder. Looks at known names only, so the size of the source does not matter, runs
 * nothing and writes nothing. With type `auto`: a Dockerfile, otherwise an app, otherwise a static website.
 * @throws AppError `deploy_failed` saying what was looked for and what was found, or which file is broken where;
 * `invalid_input` for a root directory that is no path inside, and for type `image`, which is not built
 */
export const planBuild = async ({ dir, site }: PlanRequest): Promise<BuildPlan> => {
  if (site.type === "image") throw invalid("type", "image is not built from a folder");
  const source = await openSourceFolder(dir, site.rootDirectory);
  const named = await readProcesses(source);
  const app = plannedProcesses(named, site.startCommand, true);
  const own = site.startCommand?.trim() || (app.hasWeb ? app.webCommand : app.others[0]!.command);
  const port = site.port ?? (named.web || null)?.port ?? null;
  const plan = await planSource(source, { ...site, startCommand: own || null, port });
  if (plan.kind === "static") return plan;
  const processes = plan.kind === "generated" ? app : plannedProcesses(named, site.startCommand, false);
  return {
    ...plan,
    processes,
    summary: plan.summary + inWords(processes),
    warnings: [...plan.warnings, ...named.warnings],
  };
};

const inWords = ({ hasWeb, others }: PlannedProcesses): string => {
  if (others.length === 0) return "";
  const names = others.map(({ name }) => name).join(", ");
  return hasWeb
    ? `; beside web runs ${names}`
    : `; runs ${names}, and no web process to answer visitors ("web": {} in croft.json adds the app's own)`;
};

const planSource = async (source: SourceFolder, site: PlanRequest["site"]): Promise<BuildPlan> => {
  switch (site.type) {
    case "image":
      throw invalid("type", "image is not built from a folder");
    case "dockerfile":
      return (await planDockerfile(source, site)) ?? throwing(nothingToBuild(source, ["Dockerfile"]));
    case "static":
      return (await planStatic(source, site, false)) ?? throwing(nothingToBuild(source, [lookedForStatic]));
    case "app": {
      const app = await planApp(source, site);
      return app instanceof AppError
        ? throwing(app)
        : (app ?? throwing(nothingToBuild(source, lookedForApp)));
    }
    case "auto":
      return planAuto(source, site);
  }
};

const planAuto = async (source: SourceFolder, site: PlanRequest["site"]): Promise<BuildPlan> => {
  const own = await planDockerfile(source, site);
  if (own) return own;
  const app = await planApp(source, site);
  if (app && !(app instanceof AppError)) return app;
  // an index.html beside a build script is what a bundler reads, not a page to serve
  const builds = Boolean((await readPackageJson(source))?.scripts.build?.trim());
  const website = await planStatic(source, site, builds);
  if (website) return website;
  return throwing(app ?? nothingToBuild(source, ["Dockerfile", ...lookedForApp, lookedForStatic]));
};

const planDockerfile = async (
  source: SourceFolder,
  site: PlanRequest["site"],
): Promise<DockerfilePlan | null> => {
  const text = await source.read("Dockerfile");
  if (text === null) return null;
  const { externalImages, exposedPorts } = checkDockerfile(text);
  return {
    kind: "dockerfile",
    path: "Dockerfile",
    port: site.port ?? exposedPorts[0] ?? null,
    externalImages,
    summary: `the repository's Dockerfile${externalImages.length > 0 ? `, from ${externalImages.join(", ")}` : ""}`,
    warnings: site.buildCommand?.trim()
      ? ["the build command is not run: the Dockerfile says how to build"]
      : [],
  };
};

/** An AppError when there is an app that nothing says how to start, null when there is none. */
const planApp = async (
  source: SourceFolder,
  site: PlanRequest["site"],
): Promise<GeneratedPlan | AppError | null> => {
  const manifest = await readPackageJson(source);
  const isPython = (await source.firstFile(pythonSigns)) !== null;
  const given = site.startCommand?.trim() || (await procfileWeb(source)) || "";
  if (isPython && /^(?:python3?|gunicorn|uvicorn|flask|fastapi|hypercorn|daphne)\b/.test(given))
    return planPython(source, site);
  const app =
    (manifest && (await planNode(source, manifest, site))) ??
    (isPython ? await planPython(source, site) : null);
  if (app) return app;
  return manifest ? notStartable(manifest) : isPython ? pythonNotStartable() : null;
};

const lookedForApp = [
  "package.json (Node with npm, pnpm or yarn; Bun with bun.lock)",
  `Python (${pythonSigns.join(", ")})`,
];
const lookedForStatic = `index.html in the root or in ${staticFolders.map((folder) => `${folder}/`).join(", ")}`;

const nothingToBuild = async (source: SourceFolder, lookedFor: string[]): Promise<AppError> =>
  new AppError(
    "deploy_failed",
    `there is nothing to build. Looked for: ${lookedFor.join("; ")}. Found: ${await source.glance()}`,
  );

const throwing = async (error: AppError | Promise<AppError>): Promise<never> => {
  throw await error;
};
