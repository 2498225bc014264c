import { chmodSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { AppError, invalid } from "../errors.ts";
import { stderrLog } from "../domain/log.ts";
import { createEdgeClient, isHanging } from "./client.ts";
import { serveControl } from "./control-server.ts";
import { createEdge, listen, startSweep } from "./edge.ts";
import { openMeterStore } from "./meter-store.ts";
import { swapTable } from "./router.ts";
import { stopVisitors } from "./stop.ts";
import type { Edge } from "./state.ts";
import { createTableStore } from "./table-store.ts";
import { bookOf } from "./tls/certificate-set.ts";
import { type CertificateStore, createCertificateStore } from "./tls/certificate-store.ts";
import { listenTls } from "./tls/tls-listener.ts";

export interface EdgeSettings {
  /** Holds the control socket, the last table and the meters; the edge's alone. */
  dir: string;
  listen: { host: string; port: number }[];
  /** HTTPS. */
  listenTls: { host: string; port: number }[];
  /** HTTP/2 is offered over TLS. */
  http2: boolean;
  /** Trusted proxies begin each connection with a PROXY header. */
  proxyProtocol: boolean;
  version: string;
}

/**
 * Reads `--dir DIR --listen HOST:PORT [--listen …] [--listen-tls HOST:PORT …] [--http2 on|off] [--proxy-protocol on|off]`, at
 * least one address; an IPv6 address stands in brackets.
 * @throws AppError `invalid_input`
 */
export const edgeArguments = (args: readonly string[]): Omit<EdgeSettings, "version"> => {
  const { values } = parseArgs({
    args: [...args],
    options: {
      dir: { type: "string" },
      listen: { type: "string", multiple: true },
      "listen-tls": { type: "string", multiple: true },
      http2: { type: "string", default: "on" },
      "proxy-protocol": { type: "string", default: "off" },
    },
  });
  if (values.dir === undefined) throw invalid("--dir", "the edge's folder is required");
  const { listen = [], "listen-tls": listenTls = [] } = values;
  if (listen.length + listenTls.length === 0) throw invalid("--listen", "at least one host:port is required");
  return {
    http2: isOn("--http2", values.http2),
    proxyProtocol: isOn("--proxy-protocol", values["proxy-protocol"]),
    dir: resolve(values.dir),
    listen: listen.map((text) => addressOf("--listen", text)),
    listenTls: listenTls.map((text) => addressOf("--listen-tls", text)),
  };
};

const isOn = (option: string, value: string): boolean => {
  if (value !== "on" && value !== "off") throw invalid(option, `${value} is not on or off`);
  return value === "on";
};

const addressOf = (option: string, text: string): { host: string; port: number } => {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(parts?.[3]);
  if (parts === null || port > 65_535) throw invalid(option, `${text} is not host:port (0-65535)`);
  return { host: (parts[1] ?? parts[2])!, port };
};

const meterSaveMs = 1_000;

/**
 * The edge process: serves until it is told to stop (`POST /stop`, SIGTERM, SIGINT), then ends the process.
 * @throws AppError `conflict` when another edge runs on the folder, `unavailable` when an address is taken
 */
export const runEdge = async (settings: EdgeSettings): Promise<void> => {
  const { dir } = settings;
  const log = stderrLog;
  const socketPath = join(dir, "edge.sock");
  mkdirSync(dir, { recursive: true });
  await refuseSecond(dir);

  const startedAtMs = Date.now();
  const meters = openMeterStore(dir, log, startedAtMs);
  const store = createTableStore(dir, log);
  const edge = createEdge({
    log,
    meters: meters.meters,
    epoch: meters.epoch,
    proxyProtocol: settings.proxyProtocol,
  });
  const table = store.load();
  if (table !== null) swapTable(edge.router, table, edge.now(), startedAtMs);
  meters.save();
  const certificates = createCertificateStore(dir, log);
  useStored(edge, certificates);

  const listeners = settings.listen.map((address) => listen(edge, address));
  const tlsListeners = await Promise.all(
    settings.listenTls.map((address) => listenTls(edge, { ...address, http2: settings.http2 })),
  );
  edge.httpsPort = tlsListeners[0]?.port ?? null;
  const listening = [
    ...listeners.map((listener) => `${listener.hostname}:${listener.port}`),
    ...tlsListeners.map((listener) => `https://${listener.hostname}:${listener.port}`),
  ];
  const stopSweep = startSweep(edge);
  // A full disk must neither end the edge nor keep it from stopping.
  const attempt = (what: string, act: () => void): void => {
    try {
      act();
    } catch (error) {
      log.error(`${what} failed`, { error });
    }
  };
  const saveMeters = (): void => attempt("storing the meters", meters.save);
  const meterTimer = setInterval(saveMeters, meterSaveMs);

  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const stop = (): void => {
    if (edge.stopping) return;
    edge.leaving = true;
    edge.stopping = true;
    log.info("the edge stops", { active: edge.visitors.size });
    for (const listener of [...listeners, ...tlsListeners]) listener.stop();
    saveMeters();
    attempt("removing the control socket", () => rmSync(socketPath, { force: true }));
    void stopVisitors(edge).then(end);
  };
  const control = serveControl(socketPath, {
    edge,
    store,
    certificates,
    certificatesChanged: () => {
      for (const listener of tlsListeners) listener.certificatesChanged();
    },
    epoch: meters.epoch,
    health: () => ({
      pid: process.pid,
      version: settings.version,
      tableVersion: edge.router.version,
      certificateVersion: edge.certificates.version,
      startedAtMs,
      listening,
      http2: settings.http2,
      proxyProtocol: settings.proxyProtocol,
    }),
    stop,
  });
  chmodSync(socketPath, 0o660);
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  log.info("the edge serves", { listening, tableVersion: edge.router.version, version: settings.version });

  await ended;
  await Promise.all(tlsListeners.map((listener) => listener.flushed()));
  clearInterval(meterTimer);
  stopSweep();
  // Another edge may have taken over meanwhile; then the counters are its own.
  if (!existsSync(socketPath)) saveMeters();
  // The answer to `POST /stop` may still be on its way.
  for (let i = 0; i < 100 && control.pendingRequests > 0; i++) await Bun.sleep(5);
  await control.stop(true);
  process.exit(0);
};

const useStored = (edge: Edge, certificates: CertificateStore): void => {
  const set = certificates.load();
  if (set === null) return;
  const made = bookOf(set, edge.certificates);
  if ("book" in made) edge.certificates = made.book;
  else edge.log.error("the stored certificates are not used", { problem: made.problem });
};

/** A socket that answers belongs to a running edge; one that does not was left behind and is replaced. */
const refuseSecond = async (dir: string): Promise<void> => {
  const running = await createEdgeClient(dir)
    .health()
    .catch((error: unknown) => {
      if (isHanging(error)) throw error;
      return null;
    });
  if (running !== null)
    throw new AppError("conflict", `an edge (process ${running.pid}) already runs on ${dir}; stop it first`);
};
