import { lstat, statfs } from "node:fs/promises";
import { join, resolve } from "node:path";
import { formatBytes, GB } from "../../domain/size.ts";
import { createClient } from "../client.ts";
import { type Context, defineCommand, type Environment } from "../command.ts";
import { readConnection } from "../connection.ts";
import { table } from "../text.ts";
import type { HostAnswer } from "./host.ts";

interface Finding {
  check: string;
  state: "ok" | "note" | "fail";
  /** What was seen, and for a failure what mends it. */
  detail: string;
}

const finding = (check: string, state: Finding["state"], detail: string): Finding => ({
  check,
  state,
  detail,
});

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
  if (version === null) return finding("git", "fail", "git is missing: apt-get install git");
  const path = await output(["git", "--exec-path"]);
  const backend = path !== null && (await Bun.file(join(path, "git-http-backend")).exists());
  return backend
    ? finding("git", "ok", version)
    : finding("git", "fail", `${version} comes without http-backend, so nobody can push here`);
};

const checkEngine = async (env: Environment): Promise<Finding> => {
  const dockerHost = env.DOCKER_HOST || "unix:///var/run/docker.sock";
  const unix = dockerHost.startsWith("unix://") ? dockerHost.slice("unix://".length) : undefined;
  const url = unix ? "http://docker/version" : dockerHost.replace(/^tcp:/, "http:") + "/version";
  try {
    const response = await fetch(url, { unix, signal: AbortSignal.timeout(5000) } as RequestInit);
    const { Version, MinAPIVersion } = (await response.json()) as { Version: string; MinAPIVersion: string };
    return finding("docker", "ok", `Docker ${Version} at ${dockerHost} (API from ${MinAPIVersion})`);
  } catch (error) {
    return finding(
      "docker",
      "fail",
      `no answer at ${dockerHost} (${(error as Error).message}): is Docker running, and may you use it?`,
    );
  }
};

const checkData = async (dataDir: string): Promise<Finding[]> => {
  const disk = await statfs(dataDir).catch(() => null);
  if (disk === null)
    return [finding("data", "note", `${dataDir} does not exist yet; croft serve makes it (CROFT_DATA_DIR)`)];
  const freeBytes = disk.bavail * disk.bsize;
  const found = [
    finding(
      "disk",
      freeBytes < 2 * GB ? "fail" : "ok",
      `${formatBytes(freeBytes)} free under ${dataDir}${freeBytes < 2 * GB ? "; builds need more" : ""}`,
    ),
  ];
  const key = await lstat(join(dataDir, "master.key")).catch(() => null);
  if (key !== null && (key.mode & 0o077) !== 0)
    found.push(finding("master key", "fail", `others may read it: chmod 600 ${join(dataDir, "master.key")}`));
  else if (key !== null) found.push(finding("master key", "ok", "readable by its user alone"));
  return found;
};

const checkDaemon = async ({ env, io }: Context): Promise<Finding[]> => {
  const { url, token } = await readConnection(env);
  const ready = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5000) })
    .then(async (response) => (await response.json()) as Record<string, boolean>)
    .catch(() => null);
  if (ready === null)
    return [finding("daemon", "fail", `no answer at ${url}: croft serve, or set CROFT_URL`)];
  const down = ["database", "engine", "edge"].filter((part) => ready[part] === false);
  const found = [
    down.length === 0
      ? finding("daemon", "ok", `ready at ${url}`)
      : finding("daemon", "fail", `answers at ${url}, but not ready: ${down.join(", ")}`),
  ];
  if (token === null)
    return [...found, finding("sign-in", "note", "not signed in, so the daemon was not asked further")];
  try {
    const host = await createClient({ url, token, signal: io.signal }).get<HostAnswer>("/host");
    const info = host.engine.info;
    if (info) {
      found.push(finding("firewall", info.firewall.holds ? "ok" : "fail", info.firewall.detail));
      found.push(finding("builder", "ok", info.builder));
      found.push(
        finding(
          "storage",
          "ok",
          `${info.storageDriver} on ${info.backingFilesystem}, cgroup v${info.cgroupVersion}`,
        ),
      );
    } else found.push(finding("engine", "fail", host.engine.message ?? "the daemon does not reach Docker"));
  } catch (error) {
    found.push(finding("sign-in", "fail", (error as Error).message));
  }
  return found;
};

/** What stands in the way, as far as it can be seen from here. Exit status 1 when something must be mended. */
export const doctor = defineCommand({
  options: {},
  words: [0, 0],
  run: async (context) => {
    const { env, io } = context;
    const groups = await Promise.all([
      checkGit(),
      checkEngine(env),
      checkData(resolve(io.cwd, env.CROFT_DATA_DIR || "./data")),
      checkDaemon(context),
    ]);
    const findings = groups.flat();
    context.print({ items: findings }, () =>
      table(findings.map(({ check, state, detail }) => [state.toUpperCase(), check, detail])),
    );
    return findings.some(({ state }) => state === "fail") ? 1 : 0;
  },
});
