import { afterEach, describe, expect, test } from "bun:test";
import { checkDockerfile } from "./dockerfile-policy.ts";
import { planBuild, type GeneratedPlan } from "./plan-build.ts";
import { pyprojectApp } from "./testing/sample-apps.ts";
import { messageOf, siteOf, sourceFolders, type Files } from "./testing/source-folders.ts";

const folders = sourceFolders();
afterEach(() => folders.removeAll());

const plan = async (files: Files, fields: Parameters<typeof siteOf>[0] = {}): Promise<GeneratedPlan> => {
  const made = await planBuild({ dir: folders.make(files), site: siteOf(fields) });
  if (made.kind !== "generated") throw new Error(`planned as ${made.kind}`);
  checkDockerfile(made.dockerfile);
  return made;
};
const commandOf = ({ dockerfile }: GeneratedPlan): string =>
  (JSON.parse(/^CMD (.*)$/m.exec(dockerfile)![1]!) as string[]).at(-1)!;

test("the whole Dockerfile", async () => {
  const made = await plan({ "requirements.txt": "flask", "main.py": "" }, { port: 8000 });
  expect(made.dockerfile).toBe(`FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
WORKDIR /app
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY requirements.txt ./
RUN pip install -r requirements.txt
COPY . .

FROM python:3.11-slim-bookworm
WORKDIR /app
RUN useradd --uid 10001 --create-home --shell /bin/sh app && chown app:app /app
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PORT=8000 PATH=/opt/venv/bin:$PATH
COPY --from=build /opt/venv /opt/venv
COPY --from=build --chown=app:app /app ./
USER app
EXPOSE 8000
CMD ["/bin/sh","-c","exec python main.py"]
`);
  expect(made).toMatchObject({
    language: "python",
    version: "3.11",
    packageManager: "pip",
    framework: "flask",
  });
});

describe("how it is started", () => {
  const manage = `os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings.production")`;
  const flask = "import flask\napp = flask.Flask(__name__)\n";
  const bind = "--bind 0.0.0.0:$PORT";
  for (const [what, files, expected, fields] of [
    [
      "the site's command",
      { "app.py": flask, Procfile: "web: x" },
      "exec hypercorn app:app",
      { startCommand: "hypercorn app:app" },
    ],
    ["the Procfile", { "app.py": flask, Procfile: "web: gunicorn app:app" }, "exec gunicorn app:app", {}],
    [
      "Django with gunicorn",
      { "manage.py": manage, "requirements.txt": "Django>=5\nGunicorn" },
      `exec gunicorn ${bind} shop.wsgi`,
      {},
    ],
    [
      "Django with uvicorn",
      { "manage.py": manage, "requirements.txt": "django\nuvicorn[standard]" },
      "exec uvicorn shop.asgi:application --host 0.0.0.0 --port $PORT",
      {},
    ],
    [
      "Django alone",
      { "manage.py": manage, "requirements.txt": "django" },
      "exec python manage.py runserver --noreload 0.0.0.0:$PORT",
      {},
    ],
    [
      "Flask with gunicorn",
      { "app.py": flask, "requirements.txt": "flask\ngunicorn==23" },
      `exec gunicorn ${bind} app:app`,
      {},
    ],
    [
      "Flask alone",
      { "app.py": flask + "app.run()", "requirements.txt": "flask" },
      "exec flask --app app run --host 0.0.0.0 --port $PORT",
      {},
    ],
    [
      "Flask that says where it listens",
      { "app.py": flask + "app.run(host='0.0.0.0')", "requirements.txt": "flask" },
      "exec python app.py",
      {},
    ],
    [
      "FastAPI with uvicorn",
      { "main.py": "api: FastAPI = FastAPI(title='x')", "requirements.txt": "fastapi\nuvicorn" },
      "exec uvicorn main:api --host 0.0.0.0 --port $PORT",
      {},
    ],
    [
      "FastAPI with its extra",
      { "main.py": "app = FastAPI()", "requirements.txt": "fastapi[standard]~=0.115" },
      "exec uvicorn main:app --host 0.0.0.0 --port $PORT",
      {},
    ],
    [
      "FastAPI without a server",
      { "main.py": "app = FastAPI()", "requirements.txt": "fastapi\ngunicorn" },
      "exec python main.py",
      {},
    ],
    [
      "wsgi.py before app.py",
      { "wsgi.py": "application = make()", "app.py": flask, "requirements.txt": "gunicorn" },
      `exec gunicorn ${bind} wsgi:application`,
      {},
    ],
    ["a file alone", { "server.py": "print()" }, "exec python server.py", {}],
    ["the only script of a package", pyprojectApp, "exec sample-app", {}],
  ] as const)
    test(what, async () => expect(commandOf(await plan(files, fields))).toBe(expected));

  test("development servers are said", async () => {
    const { warnings } = await plan({ "app.py": flask, "requirements.txt": "flask" });
    expect(warnings.join()).toContain("add gunicorn");
  });

  test("a library is no app, and the message lists what would make it one", async () => {
    const message = await messageOf(plan({ "requirements.txt": "requests", "lib.py": "" }));
    for (const words of ["start command", "Procfile", "manage.py", "app.py", "main.py", "[project.scripts]"])
      expect(message).toContain(words);
  });
});

describe("how it is installed", () => {
  const installs = (made: GeneratedPlan) =>
    made.dockerfile.split("\n").filter((line) => /^(COPY [^-]|RUN pip)/.test(line));

  test("requirements that refer to other files need the whole source", async () => {
    for (const line of ["-r base.txt", "-e .", "./lib", "lib @ file:///app/lib", "--constraint=c.txt"]) {
      const made = await plan({ "requirements.txt": `flask\n${line}\n`, "app.py": "" });
      expect(installs(made)).toEqual(["COPY . .", "RUN pip install -r requirements.txt"]);
    }
  });

  test("a package installs its listed dependencies first", async () => {
    expect(installs(await plan(pyprojectApp))).toEqual([
      "COPY pyproject.toml ./",
      "RUN pip install -r /tmp/requirements.txt",
      "COPY . .",
      "RUN pip install --no-deps .",
    ]);
  });

  test("a pyproject.toml without build system is only a list", async () => {
    const files = { "pyproject.toml": `[project]\nname = "x"\ndependencies = ["flask"]`, "app.py": "" };
    expect(installs(await plan(files))).toEqual([
      "COPY pyproject.toml ./",
      "RUN pip install -r /tmp/requirements.txt",
      "COPY . .",
    ]);
  });

  test("Poetry's list is left to its own build system", async () => {
    const files = {
      "pyproject.toml": `[tool.poetry.dependencies]\npython = "^3.11"\nflask = "^3"\ngunicorn = "*"\n[build-system]\nrequires = ["poetry-core"]`,
      "app.py": "app = Flask(__name__)",
    };
    const made = await plan(files);
    expect(installs(made)).toEqual(["COPY . .", "RUN pip install ."]);
    expect(commandOf(made)).toContain("gunicorn");
  });

  test("a broken pyproject.toml is named", async () => {
    expect(await messageOf(plan({ "pyproject.toml": "[project\n", "app.py": "" }))).toStartWith(
      "pyproject.toml is not TOML: ",
    );
  });
});

test("another version of Python is said", async () => {
  const files = { "app.py": "", "requirements.txt": "" };
  expect((await plan({ ...files, ".python-version": "3.11.4" })).warnings).toEqual([]);
  expect((await plan({ ...files, ".python-version": "3.13" })).warnings.join()).toContain(
    "the app gets Python 3.11",
  );
  expect((await plan({ ...files, "runtime.txt": "python-3.9.1" })).warnings.join()).toContain(
    "runtime.txt asks for",
  );
});
