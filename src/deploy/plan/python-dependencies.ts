import { AppError } from "../../errors.ts";
import type { SourceFolder } from "./source-folder.ts";

export interface PythonProject {
  manifest: "requirements.txt" | "pyproject.toml" | null;
  /** Normalised names (PEP 503); an extra adds `name[extra]`. */
  dependencies: Set<string>;
  /** Installing takes the whole source: local packages, included lists, a build backend that reads it. */
  wholeSource: boolean;
  /** pyproject only: the project itself is a package to install. */
  isPackage: boolean;
  /** Command of `[project.scripts]` when there is exactly one. */
  script: string | null;
}

/** What a Python folder depends on: requirements.txt goes before pyproject.toml. */
export const readPythonProject = async (source: SourceFolder): Promise<PythonProject> => {
  const requirements = await source.read("requirements.txt");
  if (requirements !== null) {
    const lines = requirements.split(/\r?\n/).map((line) => line.replace(/(?:^|\s)#.*$/, "").trim());
    return {
      manifest: "requirements.txt",
      dependencies: namesIn(lines),
      wholeSource: lines.some((line) =>
        /^(?:-r|-c|-e|--requirement|--constraint|--editable|--find-links|-f)(?:\s|=|$)|^[./]|file:/.test(
          line,
        ),
      ),
      isPackage: false,
      script: null,
    };
  }
  const pyproject = await source.read("pyproject.toml");
  if (pyproject !== null) return fromPyproject(pyproject);
  return { manifest: null, dependencies: new Set(), wholeSource: false, isPackage: false, script: null };
};

const fromPyproject = (text: string): PythonProject => {
  const document = parseToml(text);
  const project = record(document.project);
  const poetry = record(record(document.tool).poetry);
  const listed = Array.isArray(project.dependencies) ? project.dependencies.map(String) : [];
  const names = namesIn([...listed, ...Object.keys(record(poetry.dependencies))]);
  const scripts = Object.keys({ ...record(poetry.scripts), ...record(project.scripts) });
  const dynamic = Array.isArray(project.dynamic) && project.dynamic.includes("dependencies");
  const isPackage = document["build-system"] !== undefined;
  return {
    manifest: "pyproject.toml",
    dependencies: names,
    // without a list in [project] only the build backend knows what is needed
    wholeSource: dynamic || (isPackage && !Array.isArray(project.dependencies)),
    isPackage,
    script: scripts.length === 1 && /^[\w.-]+$/.test(scripts[0]!) ? scripts[0]! : null,
  };
};

const parseToml = (text: string): Record<string, unknown> => {
  try {
    return record(Bun.TOML.parse(text));
  } catch (cause) {
    throw new AppError(
      "deploy_failed",
      `pyproject.toml is not TOML: ${(cause as Error).message.replace(/^TOML Parse error: /, "")}`,
      { cause },
    );
  }
};

const record = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};

/** `Flask-Login==1.2`, `uvicorn[standard]>=0.3; python_version>"3"` -> names as PEP 503 compares them. */
const namesIn = (lines: string[]): Set<string> => {
  const names = new Set<string>();
  for (const line of lines) {
    const match = /^([A-Za-z0-9][\w.-]*)\s*(?:\[([^\]]*)\])?/.exec(line.trim());
    if (!match) continue;
    const name = match[1]!.toLowerCase().replace(/[-_.]+/g, "-");
    names.add(name);
    for (const extra of match[2]?.split(",") ?? []) names.add(`${name}[${extra.trim().toLowerCase()}]`);
  }
  return names;
};
