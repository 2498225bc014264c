import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createEdgeClient } from "../../src/edge/client.ts";
import {
  benchRoutes,
  freePort,
  host,
  load,
  type Proxy,
  quiet,
  routes,
  type Sample,
  startNginx,
  untilServing,
} from "./edge.ts";
import { median, type Row, row } from "./row.ts";

/**
 * TLS 1.3 at the edge beside HAProxy and Caddy, one thread each, in front of the same upstream, with the same
 * P-256 certificate: small answers over kept connections, and a full handshake for every request. Rounds are
 * interleaved and medians compared. Run alone: `bun scripts/benches/edge-tls.ts [rounds] [seconds]`.
 */
export const edgeTlsBench = async (rounds = 5, seconds = 4): Promise<Row[]> => {
  const dir = mkdtempSync(join(tmpdir(), "croft-bench-tls-"));
  const running: Bun.Subprocess[] = [];
  try {
    const pem = makeCertificate(dir);
    const upstreamPort = freePort();
    running.push(startNginx(dir, upstreamPort));
    const proxies = [
      await startCroft(dir, upstreamPort, pem),
      startHaproxy(dir, upstreamPort),
      startCaddy(dir, upstreamPort),
    ];
    running.push(...proxies.map((proxy) => proxy.process));
    for (const { port } of proxies) await untilServing(port, "https");

    const rows: Row[] = [];
    const add = (
      name: string,
      unit: string,
      samples: Map<string, Sample[]>,
      of: (it: Sample) => number,
    ): void => {
      const figure = (proxy: string): number => median(samples.get(proxy)!.map(of));
      for (const peer of ["haproxy", "caddy"])
        rows.push(
          row(name, {
            value: figure("croft"),
            unit,
            peer,
            peerValue: figure(peer),
            note: `64 connections, median of ${rounds} × ${seconds} s, ${routes} routes, TLS 1.3, P-256`,
          }),
        );
    };
    const kept = await measure(proxies, rounds, seconds, []);
    add("edge/tls", "requests/s", kept, (sample) => sample.perSecond);
    add("edge/tls-p99", "ms", kept, (sample) => sample.p99Ms);
    const once = await measure(proxies, rounds, seconds, ["Connection: close"]);
    add("edge/tls-handshakes", "handshakes/s", once, (sample) => sample.perSecond);
    return rows;
  } finally {
    for (const child of running) {
      child.kill("SIGTERM");
      await child.exited;
    }
    rmSync(dir, { recursive: true, force: true });
  }
};

const measure = async (
  proxies: readonly Proxy[],
  rounds: number,
  seconds: number,
  fields: readonly string[],
): Promise<Map<string, Sample[]>> => {
  const samples = new Map<string, Sample[]>(proxies.map(({ name }) => [name, []]));
  for (const { port } of proxies) await load(port, 1, "https", fields);
  for (let round = 0; round < rounds; round++)
    for (const { name, port } of proxies) samples.get(name)!.push(await load(port, seconds, "https", fields));
  return samples;
};

/** `localhost`, since the load generator takes the name in the handshake from the address it connects to. */
const names = ["localhost", `*.${host.slice(host.indexOf(".") + 1)}`];

export const makeCertificate = (dir: string): { certificate: string; key: string } => {
  const [certificate, key, both] = ["site.crt", "site.key", "site.pem"].map((name) => join(dir, name));
  const made = Bun.spawnSync([
    ..."openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=bench".split(
      " ",
    ),
    "-addext",
    `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}`,
    "-keyout",
    key!,
    "-out",
    certificate!,
  ]);
  if (made.exitCode !== 0) throw new Error(`openssl: ${made.stderr}`);
  const pem = { certificate: readFileSync(certificate!, "utf8"), key: readFileSync(key!, "utf8") };
  writeFileSync(both!, pem.certificate + pem.key);
  return pem;
};

export const startCroft = async (
  dir: string,
  upstreamPort: number,
  pem: { certificate: string; key: string },
  ...options: string[]
): Promise<Proxy> => {
  const port = freePort();
  const edgeDir = join(dir, "edge");
  mkdirSync(edgeDir);
  const entry = join(import.meta.dir, "../../src/edge/entry.ts");
  const child = Bun.spawn(
    [process.execPath, entry, "edge", "--dir", edgeDir, "--listen-tls", `127.0.0.1:${port}`, ...options],
    quiet,
  );
  const client = createEdgeClient(edgeDir);
  for (let i = 0; i < 500; i++) {
    if ((await client.health().catch(() => null)) !== null) break;
    await Bun.sleep(20);
  }
  await client.putTable({ version: 1, routes: benchRoutes(upstreamPort) });
  await client.putCertificates({ version: 1, fallback: "refuse", certificates: [{ names, ...pem }] });
  return { name: "croft", port, process: child };
};

export const startHaproxy = (dir: string, upstreamPort: number, alpn = "http/1.1"): Proxy => {
  const port = freePort();
  const config = join(dir, "haproxy.cfg");
  writeFileSync(
    config,
    `global
  nbthread 1
  maxconn 4096
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option forwardfor
frontend f
  bind 127.0.0.1:${port} ssl crt ${dir}/site.pem alpn ${alpn}
  default_backend b
backend b
  http-reuse always
  server s 127.0.0.1:${upstreamPort}
`,
  );
  return { name: "haproxy", port, process: Bun.spawn(["haproxy", "-db", "-f", config], quiet) };
};

export const startCaddy = (dir: string, upstreamPort: number, protocols = "h1"): Proxy => {
  const port = freePort();
  const config = join(dir, "Caddyfile");
  writeFileSync(
    config,
    `{
  admin off
  auto_https off
  servers {
    protocols ${protocols}
  }
}
https://:${port} {
  bind 127.0.0.1
  tls ${dir}/site.crt ${dir}/site.key
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

if (import.meta.main) {
  const [rounds, seconds] = process.argv.slice(2).map(Number);
  process.stdout.write(`${JSON.stringify(await edgeTlsBench(rounds, seconds), null, 2)}\n`);
}
