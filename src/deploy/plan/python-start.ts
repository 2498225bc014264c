import { shellCommand } from "../../domain/shell-command.ts";
import type { PythonProject } from "./python-dependencies.ts";
import type { SourceFolder } from "./source-folder.ts";
import { givenStart, type Start } from "./start-command.ts";

/** Tried in this order. */
export const pythonEntries = [
  "wsgi.py",
  "asgi.py",
  "app.py",
  "main.py",
  "application.py",
  "server.py",
] as const;

export interface PythonStart extends Start {
  framework: string | null;
  warnings: string[];
}

/**
 * How a Python app is started: the site's command, the Procfile's `web`, Django's manage.py, an app object in one
 * of the usual files, that file itself, or the project's only script. Servers are used only where the project lists
 * them. Null when there is nothing to start.
 */
export const pythonStart = async (
  source: SourceFolder,
  project: PythonProject,
  site: { startCommand: string | null },
): Promise<PythonStart | null> => {
  const framework = frameworkOf(project.dependencies);
  const given = await givenStart(source, site.startCommand);
  if (given) return { ...given, framework, warnings: [] };

  const manage = await source.head("manage.py", 16_384);
  if (manage !== null) {
    const name = /DJANGO_SETTINGS_MODULE['"]\s*,\s*['"]([A-Za-z_]\w*(?:\.\w+)*)\.settings\b/.exec(
      manage,
    )?.[1];
    return django(name ?? null, project);
  }
  for (const file of pythonEntries) {
    const text = await source.head(file, 128 * 1024);
    if (text !== null) return fromFile(file, text, framework, project);
  }
  if (project.script !== null && project.isPackage)
    return started(project.script, `the project's script ${project.script}`, framework);
  return null;
};

const started = (
  command: string,
  why: string,
  framework: string | null,
  warnings: string[] = [],
): PythonStart => ({
  argv: shellCommand(command),
  description: `${why}: ${command}`,
  framework,
  warnings,
});

const has = (project: PythonProject, ...names: string[]) =>
  names.some((name) => project.dependencies.has(name));
const hasUvicorn = (project: PythonProject) =>
  has(project, "uvicorn", "fastapi[standard]", "fastapi[all]", "uvicorn[standard]");

const gunicorn = (target: string) => `gunicorn --bind 0.0.0.0:$PORT ${target}`;
const uvicorn = (target: string) => `uvicorn ${target} --host 0.0.0.0 --port $PORT`;

const django = (name: string | null, project: PythonProject): PythonStart => {
  if (name && has(project, "gunicorn")) return started(gunicorn(`${name}.wsgi`), "manage.py", "django");
  if (name && hasUvicorn(project)) return started(uvicorn(`${name}.asgi:application`), "manage.py", "django");
  return started("python manage.py runserver --noreload 0.0.0.0:$PORT", "manage.py", "django", [
    "Django is started with its development server; add gunicorn to the dependencies for a real one",
  ]);
};

const fromFile = (
  file: string,
  text: string,
  framework: string | null,
  project: PythonProject,
): PythonStart => {
  const module = file.replace(/\.py$/, "");
  const match =
    /^([A-Za-z_]\w*)\s*(?::[^=\n]+)?=\s*(?:\w+\.)*(Flask|Quart|FastAPI|Starlette|Litestar|Sanic)\s*\(/m.exec(
      text,
    );
  const object = match?.[1] ?? /^(application|app)\s*=/m.exec(text)?.[1];
  const kind = match?.[2];
  const isAsgi = kind
    ? kind !== "Flask"
    : file === "asgi.py" || framework === "fastapi" || framework === "starlette";
  if (object && isAsgi && hasUvicorn(project))
    return started(uvicorn(`${module}:${object}`), file, framework);
  if (object && !isAsgi && has(project, "gunicorn"))
    return started(gunicorn(`${module}:${object}`), file, framework);
  // on its own, `app.run()` listens on loopback only, where nobody outside the container reaches it
  if (kind === "Flask" && !/\.run\([^)]*host\s*=/.test(text))
    return started(`flask --app ${module} run --host 0.0.0.0 --port $PORT`, file, "flask", [
      "Flask is started with its development server; add gunicorn to the dependencies for a real one",
    ]);
  return started(`python ${file}`, file, framework);
};

const frameworkOf = (dependencies: Set<string>): string | null =>
  ["django", "fastapi", "flask", "starlette", "litestar", "quart", "sanic", "tornado", "aiohttp"].find(
    (name) => dependencies.has(name),
  ) ?? null;
