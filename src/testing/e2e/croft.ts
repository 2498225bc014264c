import { closeSync, existsSync, openSync } from "node:fs";
import { chmod, mkdtemp, readFile, readdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "bun:test";
import type { EdgeHealth } from "../../domain/edge.ts";
import type { DeploymentView, SiteView } from "../../domain/views.ts";
import { unmountBelow } from "../unmount-below.ts";

const main = join(import.meta.dir, "..", "..", "main.ts");
const identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"];

/** A port that was free a moment ago. */
export const freePort = (): number => {
  const server = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = server;
  server.stop(true);
  return port;
};

export interface Answer {
  status: number;
  body: string;
  headers: Headers;
}

/** A real daemon with its edge, on a data directory, ports and a network pool of its own. */
export interface TestCroft {
  dataDir: string;
  panelPort: number;
  edgePort: number;
  token: string;
  daemonPid(): number;
  edge(): Promise<EdgeHealth>;
  /** What all its daemons wrote so far. */
  log(): Promise<string>;
  start(env?: Record<string, string>): Promise<void>;
  /** Ends the daemon, waits for it. @returns its exit code, null when it was killed */
  kill(signal: NodeJS.Signals): Promise<number | null>;
  api<T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    token?: string,
  ): Promise<{ status: number; body: T }>;
  /** Through the edge, by host name. */
  visit(host: string, path?: string, init?: RequestInit): Promise<Answer>;
  cli(
    args: string[],
    input?: string,
    more?: Record<string, string>,
  ): Promise<{ exitCode: number; stdout: string; stderr: string }>;
  createSite(slug: string, fields?: object, token?: string): Promise<SiteView>;
  site(slug: string): Promise<SiteView>;
  /** Commits these files in a repository of its own per slug, and pushes. */
  push(
    slug: string,
    files: Record<string, string>,
    options?: { branch?: string; token?: string; links?: Record<string, string> },
  ): Promise<{ exitCode: number; output: string }>;
  lastDeployment(slug: string): Promise<DeploymentView>;
  /** Ends daemon and edge, and removes everything it made in the engine and on disk. */
  destroy(): Promise<void>;
}

/** Each installation of a test run takes a pool of its own; pid and counter keep parallel runs apart. */
let pools = 0;
const nextPool = (): string => {
  const second = 100 + (process.pid % 100);
  return `10.${second}.${(pools++ * 4) % 256}.0/22`;
};

export const run = async (
  argv: string[],
  options: { cwd?: string; env?: Record<string, string>; input?: string } = {},
) => {
  const child = Bun.spawn(argv, {
    cwd: options.cwd,
    env: { ...(process.env as Record<string, string>), GIT_TERMINAL_PROMPT: "0", ...options.env },
    stdin: options.input === undefined ? "ignore" : new TextEncoder().encode(options.input),
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
};

export const docker = async (...args: string[]): Promise<string> =>
  (await run(["docker", ...args])).stdout.trim();

/** Polls until the condition holds; fails with what it last saw. */
export const until = async <T>(
  what: string,
  look: () => Promise<T>,
  good: (value: T) => boolean,
  deadlineMs = 30_000,
  pauseMs = 100,
): Promise<T> => {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    const value = await look();
    if (good(value)) return value;
    if (performance.now() > endMs)
      throw new Error(`${what}: not within ${deadlineMs} ms; last: ${JSON.stringify(value)}`);
    await Bun.sleep(pauseMs);
  }
};

/** The checkout, or the binary that `CROFT_TEST_BINARY` names: it does the same, wherever it lies. */
const programUnderTest = process.env.CROFT_TEST_BINARY
  ? [process.env.CROFT_TEST_BINARY]
  : [process.execPath, main];

/**
 * @param program argv of another build of the same program, such as the compiled binary
 * @param options.rootMode of the folder that everything lies in; by default others may pass it
 */
export const startCroft = async (
  extraEnv: Record<string, string> = {},
  program: string[] = programUnderTest,
  { rootMode = 0o755 } = {},
): Promise<TestCroft> => {
  const root = await mkdtemp("/var/tmp/croft-e2e-");
  await chmod(root, rootMode);
  const dataDir = join(root, "data");
  const [panelPort, edgePort] = [freePort(), freePort()];
  const env: Record<string, string> = {
    CROFT_DATA_DIR: dataDir,
    CROFT_LISTEN: `127.0.0.1:${panelPort}`,
    CROFT_HTTP: `127.0.0.1:${edgePort}`,
    CROFT_SAMPLE_SECONDS: "1",
    CROFT_DISK_SECONDS: "1",
    // Tests keep the machine busy themselves.
    CROFT_GUARD: "off",
    CROFT_NETWORK_POOL: nextPool(),
    CROFT_URL: `http://127.0.0.1:${panelPort}`,
    CROFT_TOKEN: "",
    HOME: root,
    ...extraEnv,
  };
  const logFile = join(root, "daemon.log");
  let daemon: Bun.Subprocess | null = null;
  const slugs = new Set<string>();

  const croft: TestCroft = {
    dataDir,
    panelPort,
    edgePort,
    token: "",
    daemonPid: () => daemon!.pid,
    log: () => Bun.file(logFile).text(),
    edge: async () =>
      (await fetch("http://edge/health", {
        unix: join(dataDir, "run", "edge", "edge.sock"),
      }).then((response) => response.json())) as EdgeHealth,

    start: async (more = {}) => {
      const output = openSync(logFile, "a");
      daemon = Bun.spawn([...program, "serve"], {
        env: { ...(process.env as Record<string, string>), ...env, ...more },
        stdin: "ignore",
        stdout: "ignore",
        stderr: output,
      });
      closeSync(output);
      await until(
        "the daemon answers",
        async () => {
          if (daemon!.exitCode !== null) throw new Error(`the daemon ended: ${await croft.log()}`);
          return fetch(`http://127.0.0.1:${panelPort}/healthz`).then(
            (response) => response.ok,
            () => false,
          );
        },
        Boolean,
        30_000,
        2,
      );
    },
    kill: async (signal) => {
      daemon!.kill(signal);
      await daemon!.exited;
      return daemon!.exitCode;
    },

    api: async (method, path, body, token = croft.token) => {
      const response = await fetch(`http://127.0.0.1:${panelPort}/api/v1${path}`, {
        method,
        headers: {
          ...(token ? { authorization: `Bearer ${token}` } : {}),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      return { status: response.status, body: (await response.json()) as never };
    },
    visit: async (host, path = "/", init = {}) => {
      const response = await fetch(`http://127.0.0.1:${edgePort}${path}`, {
        redirect: "manual",
        ...init,
        headers: { ...(init.headers as Record<string, string>), host },
      });
      return { status: response.status, body: await response.text(), headers: response.headers };
    },
    cli: (args, input, more = {}) =>
      run([...program, ...args], { env: { ...env, CROFT_TOKEN: croft.token, ...more }, input }),

    createSite: async (slug, fields = {}, token = croft.token) => {
      slugs.add(slug);
      const { status, body } = await croft.api<SiteView>("POST", "/sites", { slug, ...fields }, token);
      expect(status, JSON.stringify(body)).toBe(201);
      return body;
    },
    site: async (slug) => (await croft.api<SiteView>("GET", `/sites/${slug}`)).body,

    push: async (slug, files, { branch = "main", token = croft.token, links = {} } = {}) => {
      const dir = join(root, "work", slug);
      await run(["git", "init", "-q", "-b", branch, dir]);
      await run(["git", "checkout", "-q", "-B", branch], { cwd: dir });
      await run(["git", "rm", "-rqf", "--ignore-unmatch", "."], { cwd: dir });
      for (const [path, text] of Object.entries(files)) await Bun.write(join(dir, path), text);
      for (const [path, target] of Object.entries(links)) await symlink(target, join(dir, path));
      await run(["git", "add", "-A"], { cwd: dir });
      await run(["git", ...identity, "commit", "-q", "--allow-empty", "-m", `deploy ${slug}`], { cwd: dir });
      const remote = `http://x:${token}@127.0.0.1:${panelPort}/git/${slug}.git`;
      const { stdout, stderr, exitCode } = await run(["git", "push", "-f", remote, branch], { cwd: dir });
      return { exitCode, output: stdout + stderr };
    },
    lastDeployment: async (slug) => {
      const list = await croft.api<{ items: { id: string }[] }>("GET", `/sites/${slug}/deployments?limit=1`);
      return (await croft.api<DeploymentView>("GET", `/deployments/${list.body.items[0]!.id}`)).body;
    },

    destroy: async () => {
      const runs = (): boolean => daemon !== null && daemon.exitCode === null && daemon.signalCode === null;
      if (runs() && croft.token) {
        for (const slug of slugs) await croft.api("DELETE", `/sites/${slug}?confirm=${slug}&volumes=true`);
        await until(
          "sites are cleaned up",
          async () =>
            (
              await Promise.all(
                [...slugs].map((slug) => docker("ps", "-aq", "--filter", `label=croft.site=${slug}`)),
              )
            ).join(""),
          (left) => left === "",
        ).catch(() => {});
      }
      if (runs()) await croft.kill("SIGTERM");
      await fetch("http://edge/stop", {
        method: "POST",
        unix: join(dataDir, "run", "edge", "edge.sock"),
      }).catch(() => {});
      await endEdges(dataDir);
      for (const slug of slugs) {
        for (const id of (await docker("ps", "-aq", "--filter", `label=croft.site=${slug}`))
          .split("\n")
          .filter(Boolean))
          await docker("rm", "-f", id);
        for (const id of (await docker("network", "ls", "-q", "--filter", `label=croft.site=${slug}`))
          .split("\n")
          .filter(Boolean))
          await docker("network", "rm", id);
        for (const image of (await docker("images", "--format", "{{.Repository}}:{{.Tag}}", `croft/${slug}`))
          .split("\n")
          .filter(Boolean))
          await docker("rmi", image);
      }
      await docker("network", "rm", `croft-build-${env.CROFT_NETWORK_POOL!.replaceAll(/[./]/g, "-")}`);
      await unmountBelow(root);
      await rm(root, { recursive: true, force: true });
    },
  };

  try {
    await croft.start();
    const setup = await croft.cli(
      ["setup", "--username", "ada", "--email", "ada@example.org", "--password-stdin", "--json"],
      "correct-horse-battery\n",
    );
    expect(setup.exitCode, setup.stderr).toBe(0);
    croft.token = (JSON.parse(setup.stdout) as { token: string }).token;
    return croft;
  } catch (error) {
    await croft.destroy();
    throw error;
  }
};

/** Also one that a daemon began to start just before it was killed, and that answers nobody yet. */
const endEdges = (dataDir: string): Promise<number[]> =>
  until(
    "its edges have ended",
    async () => {
      const pids: number[] = [];
      for (const name of await readdir("/proc")) {
        if (!/^\d+$/.test(name)) continue;
        const words = await readFile(join("/proc", name, "cmdline"), "latin1").catch(() => "");
        if (words.includes(`\0edge\0--dir\0${dataDir}/`)) pids.push(Number(name));
      }
      return pids;
    },
    (pids) => {
      // By then one may have ended by itself.
      for (const pid of pids) if (existsSync(`/proc/${pid}`)) process.kill(pid, "SIGKILL");
      return pids.length === 0;
    },
  );

/** A slug that no other test or installation uses: containers of all share one engine. */
export const uniqueSlug = (name: string): string =>
  `${name}-${process.pid}-${Math.random().toString(36).slice(2, 6)}`;

/** An app in a few lines of Node, without dependencies. */
export const nodeApp = (code: string): Record<string, string> => ({
  "package.json": JSON.stringify({
    name: "app",
    version: "1.0.0",
    private: true,
    scripts: { start: "node server.js" },
  }),
  "server.js": code,
});

export const answering = (text: string): string =>
  `require("node:http").createServer((q, s) => s.end(${JSON.stringify(text)})).listen(process.env.PORT);`;
