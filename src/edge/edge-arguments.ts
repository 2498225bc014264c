import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { invalid } from "../errors.ts";

export interface Address {
  host: string;
  port: number;
}

export interface EdgeSettings {
  /** Holds the control sockets, the last table and the meters; the edge's alone. */
  dir: string;
  listen: Address[];
  /** HTTPS. */
  listenTls: Address[];
  /** HTTP/2 is offered over TLS. */
  http2: boolean;
  /** Trusted proxies begin each connection with a PROXY header. */
  proxyProtocol: boolean;
  /** How many processes share the addresses; the first starts the others. */
  processes: number;
  /** Takes the place of the edge that runs on the folder, which then drains. */
  takeOver: boolean;
  /** How long a process whose place was taken may go on with what is under way. */
  drainMs: number;
  /** Serves beside this process, which has started it; null: as the lead. */
  workerOf: string | null;
  version: string;
}

export const mostProcesses = 16;

/**
 * Reads `--dir DIR --listen HOST:PORT [--listen …] [--listen-tls HOST:PORT …]`, at least one address, an IPv6 address in
 * brackets; `[--http2 on|off] [--proxy-protocol on|off] [--processes N] [--drain-ms N] [--take-over]`, and for processes
 * that an edge starts itself `--worker-of ID`.
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
      processes: { type: "string", default: "1" },
      "drain-ms": { type: "string", default: "30000" },
      "take-over": { type: "boolean", default: false },
      "worker-of": { type: "string" },
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
    processes: numberOf("--processes", values.processes, 1, mostProcesses),
    drainMs: numberOf("--drain-ms", values["drain-ms"], 0, 86_400_000),
    takeOver: values["take-over"],
    workerOf: values["worker-of"] ?? null,
  };
};

/** The same settings as arguments, without those that say how the process begins. */
export const argumentsOf = (settings: Omit<EdgeSettings, "version" | "takeOver" | "workerOf">): string[] => [
  "--dir",
  settings.dir,
  ...settings.listen.flatMap((address) => ["--listen", textOf(address)]),
  ...settings.listenTls.flatMap((address) => ["--listen-tls", textOf(address)]),
  ...(settings.http2 ? [] : ["--http2", "off"]),
  ...(settings.proxyProtocol ? ["--proxy-protocol", "on"] : []),
  ...(settings.processes > 1 ? ["--processes", String(settings.processes)] : []),
  "--drain-ms",
  String(settings.drainMs),
];

const textOf = ({ host, port }: Address): string => `${host.includes(":") ? `[${host}]` : host}:${port}`;

const isOn = (option: string, value: string): boolean => {
  if (value !== "on" && value !== "off") throw invalid(option, `${value} is not on or off`);
  return value === "on";
};

const numberOf = (option: string, text: string, least: number, most: number): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw invalid(option, `${text} is not a whole number from ${least} to ${most}`);
  return value;
};

const addressOf = (option: string, text: string): Address => {
  const parts = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(parts?.[3]);
  if (parts === null || port > 65_535) throw invalid(option, `${text} is not host:port (0-65535)`);
  return { host: (parts[1] ?? parts[2])!, port };
};
