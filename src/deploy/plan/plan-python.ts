import { baseImageOf } from "../../domain/base-images.ts";
import { shellCommand } from "../../domain/shell-command.ts";
import { AppError } from "../../errors.ts";
import { defaultPort, type GeneratedPlan, type PlanRequest } from "./build-plan.ts";
import { ignoreLines } from "./ignore-file.ts";
import { execForm } from "./node-dockerfile.ts";
import { readPythonProject, type PythonProject } from "./python-dependencies.ts";
import { pythonEntries, pythonStart } from "./python-start.ts";
import { runtimeVersionWarnings } from "./runtime-version.ts";
import type { SourceFolder } from "./source-folder.ts";

/** Files by which a folder is taken for a Python app. */
export const pythonSigns = ["requirements.txt", "pyproject.toml", "manage.py", ...pythonEntries] as const;
const virtualEnvironment = "/opt/venv";
/** Apps run as this account, which no base image uses otherwise. */
const uid = 10_001;

/** The image of a Python app, null when nothing says how it is started. */
export const planPython = async (
  source: SourceFolder,
  site: PlanRequest["site"],
): Promise<GeneratedPlan | null> => {
  const project = await readPythonProject(source);
  const start = await pythonStart(source, project, site);
  if (start === null) return null;
  const base = baseImageOf("python");
  const port = site.port ?? defaultPort;
  const build = site.buildCommand?.trim() || null;
  const dockerfile = pythonDockerfile({ baseImage: base.name, project, build, argv: start.argv, port });
  const warnings = [...start.warnings, ...(await runtimeVersionWarnings(source, "python", {}))];
  if (project.manifest === null)
    warnings.push("there is neither requirements.txt nor pyproject.toml: only Python itself is installed");
  if (project.wholeSource)
    warnings.push(
      `dependencies are installed anew at each change of the source, because ${project.manifest} refers to it`,
    );
  const optimisations = [
    `slim base image (${base.name})`,
    `runs as an unprivileged user (uid ${uid})`,
    "what git, editors and local environments leave behind is kept out of the build",
  ];
  if (project.manifest !== null)
    optimisations.push(
      "built in stages: only the virtual environment is copied into the image, no pip cache",
    );
  if (project.manifest !== null && !project.wholeSource)
    optimisations.push(
      "dependencies are installed before the source is copied: a change of code reuses them, and releases share them on disk",
    );
  return {
    kind: "generated",
    language: "python",
    framework: start.framework,
    version: base.version,
    packageManager: "pip",
    dockerfile,
    optimisations,
    port,
    startDescription: start.description,
    ignore: await ignoreLines(source, "python"),
    summary: `Python app${start.framework ? ` (${start.framework})` : ""}${project.manifest ? ` with ${project.manifest}` : ""}${build ? `, built with \`${build}\`` : ""}, started by ${start.description}`,
    warnings,
  };
};

interface DockerfileInput {
  baseImage: string;
  project: PythonProject;
  build: string | null;
  argv: string[];
  port: number;
}

/** Prints the dependencies that pyproject.toml lists, for pip to read. */
const listDependencies = [
  "import tomllib",
  "project = tomllib.load(open('pyproject.toml', 'rb')).get('project', {})",
  "print(*project.get('dependencies', []), sep=chr(10))",
].join("; ");

const pythonDockerfile = ({ baseImage, project, build, argv, port }: DockerfileInput): string => {
  const path = `${virtualEnvironment}/bin:$PATH`;
  const lines = [
    `FROM ${baseImage} AS build`,
    "ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1",
    "WORKDIR /app",
    `RUN python -m venv ${virtualEnvironment}`,
    `ENV PATH=${path}`,
  ];
  const { manifest, wholeSource, isPackage } = project;
  const list = execForm(["/bin/sh", "-c", `python -c "${listDependencies}" > /tmp/requirements.txt`]);
  if (manifest === "requirements.txt")
    lines.push(
      ...(wholeSource ? ["COPY . ."] : ["COPY requirements.txt ./"]),
      "RUN pip install -r requirements.txt",
    );
  else if (manifest === "pyproject.toml" && wholeSource) lines.push("COPY . .", "RUN pip install .");
  else if (manifest === "pyproject.toml")
    lines.push("COPY pyproject.toml ./", `RUN ${list}`, "RUN pip install -r /tmp/requirements.txt");
  if (!wholeSource) lines.push("COPY . .");
  if (isPackage && !wholeSource) lines.push("RUN pip install --no-deps .");
  if (build) lines.push(`RUN ${execForm(shellCommand(build))}`);
  lines.push(
    "",
    `FROM ${baseImage}`,
    "WORKDIR /app",
    `RUN useradd --uid ${uid} --create-home --shell /bin/sh app && chown app:app /app`,
    `ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PORT=${port} PATH=${path}`,
    `COPY --from=build ${virtualEnvironment} ${virtualEnvironment}`,
    "COPY --from=build --chown=app:app /app ./",
    "USER app",
    `EXPOSE ${port}`,
    `CMD ${execForm(argv)}`,
  );
  return lines.join("\n") + "\n";
};

/** Why Python files are no app yet. */
export const pythonNotStartable = (): AppError =>
  new AppError(
    "deploy_failed",
    `nothing says how the Python app is started. Looked for: a start command of the site, "web:" in a Procfile, ` +
      `manage.py, ${pythonEntries.join(", ")}, and a single [project.scripts] entry of an installable pyproject.toml`,
  );
