import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Route } from "../../src/domain/edge.ts";
import { createEdgeClient } from "../../src/edge/client.ts";
import { median, type Row, row } from "./row.ts";

/**
 * Small answers over kept connections: the edge beside HAProxy and Caddy, one thread each, in front of the same
 * upstream. Rounds are interleaved and medians compared, so that a busy moment of the machine meets all alike.
 * Run alone: `bun scripts/benches/edge.ts [rounds] [seconds]`.
 */

const connections = 64;
export const routes = 200;
export const host = `site-${routes - 1}.bench.localhost`;

export interface Proxy {
  name: string;
  port: number;
  process: Bun.Subprocess;
}

export interface Sample {
  perSecond: number;
  p99Ms: number;
}

export const edgeBench = async (rounds = 5, seconds = 4): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), "croft-bench-edge-"));
  const running: Bun.Subprocess[] = [];
  try {
    const upstreamPort = freePort();
    running.push(startNginx(dir, upstreamPort));
    const proxies = [
      await startCroft(dir, upstreamPort),
      startHaproxy(dir, upstreamPort),
      startCaddy(dir, upstreamPort),
    ];
    running.push(...proxies.map((proxy) => proxy.process));
    for (const { port } of [...proxies, { port: upstreamPort }]) await untilServing(port);

    const samples = new Map<string, Sample[]>(proxies.map(({ name }) => [name, []]));
    for (const { port } of proxies) await load(port, 1);
    for (let round = 0; round < rounds; round++)
      for (const { name, port } of proxies) samples.get(name)!.push(await load(port, seconds));
    return rowsOf(
      samples,
      `${connections} connections, median of ${rounds} × ${seconds} s, ${routes} routes`,
    );
  } finally {
    for (const child of running) {
      child.kill("SIGTERM");
      await child.exited;
    }
    rmSync(dir, { recursive: true, force: true });
  }
};

const rowsOf = (samples: Map<string, Sample[]>, note: string): Row[] => {
  const figure = (name: string, of: (sample: Sample) => number): number => median(samples.get(name)!.map(of));
  const rows: Row[] = [];
  for (const [name, unit, of] of [
    ["edge/h1-small", "requests/s", (sample: Sample) => sample.perSecond],
    ["edge/h1-p99", "ms", (sample: Sample) => sample.p99Ms],
  ] as const)
    for (const peer of ["haproxy", "caddy"]) {
      const value = figure("croft", of);
      const peerValue = figure(peer, of);
      rows.push(row(name, { value, unit, peer, peerValue, note }));
    }
  return rows;
};

export const freePort = (): number => {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop(true);
  return listener.port;
};

export const quiet = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;

export const startNginx = (dir: string, port: number): Bun.Subprocess => {
  const config = join(dir, "nginx.conf");
  writeFileSync(
    config,
    `daemon off; worker_processes 1; pid ${dir}/nginx.pid; error_log /dev/null;
events { worker_connections 4096; }
http { access_log off; keepalive_requests 100000000; keepalive_timeout 300s;
  server { listen 127.0.0.1:${port}; location / { default_type text/plain; return 200 "hello, this is a small answer here\\n"; } } }`,
  );
  return Bun.spawn(["nginx", "-c", config, "-p", dir], quiet);
};

const startCroft = async (dir: string, upstreamPort: number): Promise<Proxy> => {
  const port = freePort();
  const edgeDir = join(dir, "edge");
  mkdirSync(edgeDir);
  const entry = join(import.meta.dir, "../../src/edge/entry.ts");
  const child = Bun.spawn(
    [process.execPath, entry, "edge", "--dir", edgeDir, "--listen", `127.0.0.1:${port}`],
    quiet,
  );
  await untilServing(port);
  const table = benchRoutes(upstreamPort);
  await createEdgeClient(edgeDir).putTable({ version: 1, routes: table });
  return { name: "croft", port, process: child };
};

/** Two hundred sites with limits, all of one upstream. */
export const benchRoutes = (upstreamPort: number): Route[] =>
  Array.from({ length: routes }, (_, at) => ({
    id: `environment-${at}`,
    hosts: [`site-${at}.bench.localhost`],
    target: {
      kind: "replicas",
      replicas: [{ replicaId: `replica-${at}`, address: { host: "127.0.0.1", port: upstreamPort } }],
    },
    limits: { maxBodyBytes: 100_000_000, requestsPerMinute: 1_000_000_000, concurrentRequests: 10_000 },
  }));

const startHaproxy = (dir: string, upstreamPort: number): Proxy => {
  const port = freePort();
  const config = join(dir, "haproxy.cfg");
  writeFileSync(
    config,
    `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option forwardfor
frontend f
  bind 127.0.0.1:${port}
  default_backend b
backend b
  http-reuse always
  server s 127.0.0.1:${upstreamPort}
`,
  );
  return { name: "haproxy", port, process: Bun.spawn(["haproxy", "-db", "-f", config], quiet) };
};

const startCaddy = (dir: string, upstreamPort: number): Proxy => {
  const port = freePort();
  const config = join(dir, "Caddyfile");
  writeFileSync(
    config,
    `{
  admin off
  auto_https off
}
http://:${port} {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:${upstreamPort} {
    transport http {
      keepalive_idle_conns_per_host 256
    }
  }
}
`,
  );
  const child = Bun.spawn(["caddy", "run", "--config", config, "--adapter", "caddyfile"], {
    ...quiet,
    env: { ...process.env, GOMAXPROCS: "1", HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir },
  });
  return { name: "caddy", port, process: child };
};

export const untilServing = async (port: number, scheme: "http" | "https" = "http"): Promise<void> => {
  for (let i = 0; i < 500; i++) {
    const answer = await fetch(`${scheme}://localhost:${port}/`, {
      headers: { Host: host },
      tls: { rejectUnauthorized: false },
    }).catch(() => null);
    await answer?.body?.cancel();
    if (answer !== null) return;
    await Bun.sleep(20);
  }
  throw new Error(`nothing serves on port ${port}`);
};

/** One run of wrk; fails when any answer was not 2xx or a socket broke. */
export const load = async (
  port: number,
  seconds: number,
  scheme: "http" | "https" = "http",
  fields: readonly string[] = [],
): Promise<Sample> => {
  const argv = ["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "--latency"];
  for (const field of [`Host: ${host}`, ...fields]) argv.push("-H", field);
  const child = Bun.spawn([...argv, `${scheme}://localhost:${port}/`], { stdin: "ignore", stdout: "pipe" });
  const said = await new Response(child.stdout).text();
  if (/Non-2xx|Socket errors/.test(said)) throw new Error(`wrk on port ${port}: ${said}`);
  const perSecond = Number(/Requests\/sec:\s+([\d.]+)/.exec(said)?.[1]);
  const p99 = /99%\s+([\d.]+)(us|ms|s)/.exec(said);
  if (Number.isNaN(perSecond) || p99 === null) throw new Error(`wrk was not understood: ${said}`);
  const unitMs = { us: 0.001, ms: 1, s: 1000 }[p99[2] as "us" | "ms" | "s"];
  return { perSecond, p99Ms: Number(p99[1]) * unitMs };
};

if (import.meta.main) {
  const [rounds, seconds] = process.argv.slice(2).map(Number);
  process.stdout.write(`${JSON.stringify(await edgeBench(rounds, seconds), null, 2)}\n`);
}
