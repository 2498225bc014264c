import { lstat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fail, type Finding, ok, warn } from "../../doctor/finding.ts";
import { AppError } from "../../errors.ts";
import { createClient } from "../client.ts";
import { type Context, defineCommand, type Environment } from "../command.ts";
import { readConnection } from "../connection.ts";
import { plain, table } from "../text.ts";

const output = async (argv: string[]): Promise<string | null> => {
  try {
    const child = Bun.spawn(argv, { stdin: "ignore", stdout: "pipe", stderr: "ignore", timeout: 10_000 });
    const text = await new Response(child.stdout).text();
    return (await child.exited) === 0 ? text.trim() : null;
  } catch {
    return null;
  }
};

const checkGit = async (): Promise<Finding> => {
  const version = await output(["git", "--version"]);
  if (version === null) return fail("git", "git is missing", "apt-get install git");
  const path = await output(["git", "--exec-path"]);
  const backend = path !== null && (await Bun.file(join(path, "git-http-backend")).exists());
  return backend
    ? ok("git", version)
    : fail(
        "git",
        `${version} comes without http-backend, so nobody can push here`,
        "apt-get install --reinstall git",
      );
};

/** Only what can be seen without the daemon; it is asked for the rest. */
const checkEngine = async (env: Environment): Promise<Finding> => {
  const dockerHost = env.DOCKER_HOST || "unix:///var/run/docker.sock";
  const unix = dockerHost.startsWith("unix://") ? dockerHost.slice("unix://".length) : undefined;
  const url = unix ? "http://docker/version" : dockerHost.replace(/^tcp:/, "http:") + "/version";
  try {
    const response = await fetch(url, { unix, signal: AbortSignal.timeout(5000) } as RequestInit);
    const { Version, MinAPIVersion } = (await response.json()) as { Version: string; MinAPIVersion: string };
    return ok("docker", `Docker ${Version} at ${dockerHost} (API from ${MinAPIVersion})`);
  } catch (error) {
    return fail(
      "docker",
      `no answer at ${dockerHost} (${(error as Error).message})`,
      "systemctl start docker; or be root, who may use it",
    );
  }
};

const checkKey = async (dataDir: string): Promise<Finding[]> => {
  const path = join(dataDir, "master.key");
  const key = await lstat(path).catch(() => null);
  if (key === null) return [];
  return [
    (key.mode & 0o077) === 0
      ? ok("master key", "readable by its user alone")
      : fail("master key", "others may read it", `chmod 600 ${path}`),
  ];
};

const checkReady = async (url: string): Promise<Finding> => {
  const ready = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5000) })
    .then(async (response) => (await response.json()) as Record<string, boolean>)
    .catch(() => null);
  if (ready === null)
    return fail("daemon", `no answer at ${url}`, "systemctl start croft, or croft serve; or set CROFT_URL");
  const down = ["database", "engine", "edge"].filter((part) => ready[part] === false);
  return down.length === 0
    ? ok("daemon", `ready at ${url}`)
    : fail(
        "daemon",
        `answers at ${url}, but not ready: ${down.join(", ")}`,
        "journalctl -u croft tells more",
      );
};

/** What the daemon finds; an error's words when it may not be asked. */
const askDaemon = async ({ io }: Context, url: string, token: string | null): Promise<Finding[] | string> => {
  if (token === null) return "not signed in, so the daemon was not asked further";
  try {
    const client = createClient({ url, token, signal: io.signal });
    return (await client.get<{ items: Finding[] }>("/doctor")).items;
  } catch (error) {
    return `the daemon was not asked further: ${error instanceof AppError ? error.publicMessage : (error as Error).message}`;
  }
};

/** What stands in the way, and what mends it. Exit status 1 when something that Croft promises does not hold. */
export const doctor = defineCommand({
  options: {},
  words: [0, 0],
  run: async (context) => {
    const { env, io } = context;
    const { url, token } = await readConnection(env);
    const [git, key, ready] = await Promise.all([
      checkGit(),
      checkKey(resolve(io.cwd, env.CROFT_DATA_DIR || "./data")),
      checkReady(url),
    ]);
    const told =
      ready.state === "fail" && ready.detail.startsWith("no answer")
        ? []
        : await askDaemon(context, url, token);
    const further =
      typeof told === "string" || told.length === 0
        ? [
            await checkEngine(env),
            ...(typeof told === "string" ? [warn("sign-in", told, "croft login, as the operator")] : []),
          ]
        : told;
    const findings = [ready, git, ...key, ...further];
    context.print({ items: findings }, () => shown(findings));
    return findings.some(({ state }) => state === "fail") ? 1 : 0;
  },
});

const shown = (findings: readonly Finding[]): string => {
  const mends = findings.flatMap(({ state, check, mend }) =>
    state === "ok" || mend === null ? [] : [`${plain(check)}:\n  ${plain(mend)}\n`],
  );
  return (
    table(findings.map(({ check, state, detail }) => [state.toUpperCase(), check, detail])) +
    (mends.length === 0 ? "" : `\nWhat mends it\n${mends.join("")}`)
  );
};
