import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Route } from "../../../src/domain/edge.ts";
import { createEdgeClient, type EdgeClient } from "../../../src/edge/client.ts";
import { withCleanUp } from "../clean-ups.ts";
import { makeCertificate, type Pem } from "./certificate.ts";
import { caddyConfig, haproxyConfig, nginxConfig, reloadableConfig, upstreamConfig } from "./peer-configs.ts";

/**
 * Where the edge and its peers stand side by side: each one process with one thread, in front of the same two
 * upstreams. `smallHost` answers 35 bytes (nginx), `bulkHost` streams as much as is asked and swallows what is sent.
 */

export const routes = 200;
export const smallHost = `site-${routes - 1}.bench.localhost`;
export const bulkHost = "bulk.bench.localhost";

export interface Proxy {
  name: "croft" | "haproxy" | "caddy" | "nginx";
  port: number;
  scheme: "http" | "https";
  pid: number;
}

export interface Stage {
  dir: string;
  /** Null on a stage without TLS. */
  pem: Pem | null;
  upstreams: { small: number; bulk: number };
  /** Started with the stage's certificate, HTTP/2 offered when `http2` is set. */
  start(name: Proxy["name"], http2?: boolean): Promise<Proxy>;
  /** The edge, with options of its own and what speaks to it. */
  startCroft(...options: string[]): Promise<Proxy & { dir: string; client: EdgeClient }>;
  /** nginx with as many servers as there are `sites`, which can be told to read its configuration again. */
  startReloadable(sites: number): Promise<{ port: number; reload: (n: number) => Promise<void> }>;
  /** Anything else that is to be gone with the stage. */
  run(argv: string[]): Bun.Subprocess<"pipe", "pipe", "ignore">;
}

const quiet = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;

/** A stage of its own, torn down however `use` ends. */
export const withStage = async <T>(secure: boolean, use: (stage: Stage) => Promise<T>): Promise<T> => {
  const dir = mkdtempSync(join(tmpdir(), "croft-bench-edge-"));
  const running: Bun.Subprocess[] = [];
  const spawn = <const O extends Bun.Spawn.OptionsObject<any, any, any>>(argv: string[], options: O) => {
    const child = Bun.spawn(argv, options);
    running.push(child);
    return child;
  };
  const tearDown = async (): Promise<void> => {
    for (const child of running) {
      child.kill("SIGTERM");
      // Some let their connections end first.
      const late = setTimeout(() => child.kill("SIGKILL"), 2_000);
      await child.exited;
      clearTimeout(late);
    }
    rmSync(dir, { recursive: true, force: true });
  };
  return withCleanUp(tearDown, async () => {
    const pem = secure ? makeCertificate(dir, ["localhost", "*.bench.localhost"]) : null;
    const scheme = secure ? "https" : "http";
    const upstreams = { small: freePort(), bulk: freePort() };
    writeFileSync(join(dir, "upstream.conf"), upstreamConfig(dir, upstreams.small));
    spawn(["nginx", "-c", join(dir, "upstream.conf"), "-p", dir], quiet);
    spawn([process.execPath, join(import.meta.dir, "bulk-upstream.ts"), `${upstreams.bulk}`], quiet);
    for (const port of Object.values(upstreams)) await untilServing(port, "http");
    const setting = { dir, upstreams, secure };

    const startCroft: Stage["startCroft"] = async (...options) => {
      const port = freePort();
      const edgeDir = join(dir, `edge-${port}`);
      mkdirSync(edgeDir);
      const entry = join(import.meta.dir, "../../../src/edge/entry.ts");
      const listen = [secure ? "--listen-tls" : "--listen", `127.0.0.1:${port}`];
      const log = join(edgeDir, "log");
      const argv = [process.execPath, entry, "edge", "--dir", edgeDir, ...listen, ...options];
      const child = spawn(argv, { ...quiet, stderr: Bun.file(log) });
      const client = createEdgeClient(edgeDir);
      for (let i = 0; i < 500 && child.exitCode === null; i++) {
        if ((await client.health().catch(() => null)) !== null) break;
        await Bun.sleep(20);
      }
      if (child.exitCode !== null) throw new Error(`the edge ended: ${readFileSync(log, "utf8")}`);
      await client.putTable({ version: 1, routes: benchRoutes(upstreams) });
      if (pem !== null)
        await client.putCertificates({
          version: 1,
          fallback: "refuse",
          certificates: [{ names: pem.names, certificate: pem.certificate, key: pem.key }],
        });
      await untilServing(port, scheme);
      return { name: "croft", port, scheme, pid: child.pid, dir: edgeDir, client };
    };
    const startPeer = async (name: "haproxy" | "caddy" | "nginx", http2: boolean): Promise<Proxy> => {
      const port = freePort();
      const config = join(dir, `${name}-${port}.conf`);
      const made = { haproxy: haproxyConfig, caddy: caddyConfig, nginx: nginxConfig }[name];
      writeFileSync(config, made({ ...setting, port, http2 }));
      const argv = {
        haproxy: ["haproxy", "-db", "-f", config],
        caddy: ["caddy", "run", "--config", config, "--adapter", "caddyfile"],
        nginx: ["nginx", "-c", config, "-p", dir],
      }[name];
      const home = { HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir };
      const child = spawn(argv, { ...quiet, env: { ...process.env, ...home, GOMAXPROCS: "1" } });
      await untilServing(port, scheme);
      return { name, port, scheme, pid: child.pid };
    };
    return use({
      dir,
      pem,
      upstreams,
      start: (name, http2 = false) =>
        name === "croft" ? startCroft("--http2", http2 ? "on" : "off") : startPeer(name, http2),
      startCroft,
      startReloadable: async (sites) => {
        const port = freePort();
        const config = join(dir, "reloadable.conf");
        writeFileSync(config, reloadableConfig(dir, port, upstreams.small, sites, 0));
        const child = spawn(["nginx", "-c", config, "-p", dir], quiet);
        const untilRelease = async (release: number): Promise<void> => {
          for (let i = 0; i < 500; i++) {
            const answer = await fetch(`http://127.0.0.1:${port}/`, {
              headers: { Host: "release.bench.localhost" },
              keepalive: false,
            }).catch(() => null);
            if ((await answer?.text()) === `${release}`) return;
            await Bun.sleep(5);
          }
          throw new Error("nginx did not take its new configuration");
        };
        await untilRelease(0);
        return {
          port,
          async reload(release) {
            writeFileSync(config, reloadableConfig(dir, port, upstreams.small, sites, release));
            child.kill("SIGHUP");
            await untilRelease(release);
          },
        };
      },
      run: (argv) => spawn(argv, { stdin: "pipe", stdout: "pipe", stderr: "ignore" }),
    });
  });
};

/** Sites with limits, all of one upstream, and one of the other. */
export const benchRoutes = ({ small, bulk }: Stage["upstreams"], count = routes, release = 1): Route[] => [
  ...Array.from({ length: count }, (_, at) =>
    routeTo(`environment-${at}`, `site-${at}.bench.localhost`, `replica-${at}-${release}`, small),
  ),
  routeTo("bulk", bulkHost, "bulk-replica", bulk),
];

const routeTo = (id: string, host: string, replicaId: string, port: number): Route => ({
  id,
  hosts: [host],
  target: { kind: "replicas", replicas: [{ replicaId, address: { host: "127.0.0.1", port } }] },
  limits: { maxBodyBytes: 10 * 2 ** 30, requestsPerMinute: 4_000_000, concurrentRequests: 100_000 },
  countPaths: true,
});

export const freePort = (): number => {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop(true);
  return listener.port;
};

const untilServing = async (port: number, scheme: Proxy["scheme"]): Promise<void> => {
  for (let i = 0; i < 500; i++) {
    const answer = await fetch(`${scheme}://localhost:${port}/`, {
      headers: { Host: smallHost },
      tls: { rejectUnauthorized: false },
      keepalive: false,
    }).catch(() => null);
    await answer?.body?.cancel();
    if (answer !== null) return;
    await Bun.sleep(20);
  }
  throw new Error(`nothing serves on port ${port}`);
};
