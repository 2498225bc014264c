import { closeSync, constants, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { AppError } from "../errors.ts";
import type { EdgeHealth } from "../domain/edge.ts";
import type { Log } from "../domain/log.ts";
import { createEdgeClient, type EdgeClient, isHanging } from "./client.ts";
import { type Address, argumentsOf } from "./edge-arguments.ts";
import { prepareFolder } from "./edge-folder.ts";
import { type EdgeView, wasHanded } from "./edge-view.ts";
import { portOf, refuseTaken } from "./listening.ts";
import { processState } from "./processes/commands.ts";
import { processesIn } from "./processes/folder.ts";
import { isLiving } from "./processes/identity.ts";
import { letConnectionsMigrate } from "./processes/migration.ts";
import { createPeers } from "./processes/peers.ts";
import { ownScope } from "./processes/systemd-scope.ts";
import { first, goFirst } from "./precedence.ts";
import { programFor } from "./program-for.ts";

export interface EdgeProcess {
  /** The edge's folder; made when it is missing. */
  dir: string;
  /** How the edge's user gets there. */
  view: EdgeView;
  listen: { host: string; port: number }[];
  /** HTTPS; none by default. */
  listenTls?: { host: string; port: number }[];
  /** Offers HTTP/2 over HTTPS; true by default. */
  http2?: boolean;
  /** Trusted proxies begin each connection with a PROXY header; false by default. */
  proxyProtocol?: boolean;
  /** How many processes serve; 1 by default. */
  processes?: number;
  /** How long a process that is replaced may go on with what is under way; 30 s by default. */
  drainMs?: number;
  /** argv that starts the program, without `edge` and its options: [binary] or [bun, script]. */
  command: string[];
  /** The user to run as, with the right to bind low ports and no other; null: as the caller. Needs root. */
  uid: number | null;
  /** Gets the output of every edge, appended. */
  logFile: string;
  log: Log;
  /** An edge of another version hands over. */
  version: string;
  /** Where a copy of the program may lie when the installation's folder is out of the user's reach. */
  copyPlaces?: readonly string[];
}

const startMs = 10_000;
const pollMs = 20;
/** Longer than an edge that is stopped goes on with what is in flight. */
const endMs = 12_000;

/**
 * A running edge of this version on these addresses: adopts the one that runs on the folder, has it hand over to a new
 * one when it is another, starts one when there is none. The edge outlives the caller. Cheap when one runs. Not for
 * two callers at once.
 * @throws AppError `unavailable`: an address is taken, the folder is out of the user's reach, the edge hangs or
 *   ended; an edge that was to hand over then goes on
 */
export const ensureEdge = async (wanted: EdgeProcess): Promise<EdgeClient> => {
  const client = createEdgeClient(wanted.dir);
  const running = await client.health().catch((error: unknown) => {
    // Another edge beside one that hangs would fight with it over files and addresses.
    if (isHanging(error)) throw error;
    return null;
  });
  if (running !== null && isAsWanted(running, wanted)) return client;
  if (running === null) await start(wanted, client, null);
  else if (mayHandOver(running, wanted)) await start(wanted, client, running);
  else {
    wanted.log.info("another edge is replaced", { pid: running.pid, version: running.version });
    const former = isOfUser(running.pid, wanted.uid) ? [] : processesIn(wanted.dir).filter(isLiving);
    await client.stop();
    // What another user's processes write at their end, the next edge could not read if it was there already.
    for (const endsAtMs = performance.now() + endMs; performance.now() < endsAtMs; await Bun.sleep(pollMs))
      if (!former.some(isLiving)) break;
    // Its own task, but it may have lost the way to its folder.
    rmSync(join(wanted.dir, "edge.sock"), { force: true });
    await start(wanted, client, null);
  }
  return client;
};

/**
 * Starts an edge that takes the place of the present one, whatever that is like; no request fails.
 * @throws as `ensureEdge` does, and `unavailable` when none runs
 */
export const handOverEdge = async (wanted: EdgeProcess): Promise<EdgeClient> => {
  const client = createEdgeClient(wanted.dir);
  await start(wanted, client, await client.health());
  return client;
};

const isAsWanted = (running: EdgeHealth, wanted: EdgeProcess): boolean =>
  running.version === wanted.version &&
  isOfUser(running.pid, wanted.uid) &&
  running.processes === (wanted.processes ?? 1) &&
  listensAsWanted(running, wanted) &&
  wasHanded(running.pid) === wanted.view.handed;

/** Both share addresses and files only as one user, and name the files alike. */
const mayHandOver = (running: EdgeHealth, { uid, view }: EdgeProcess): boolean => {
  try {
    return running.process !== "" && isOfUser(running.pid, uid) && wasHanded(running.pid) === view.handed;
  } catch {
    return false;
  }
};

/** False, too, for one that is gone. */
const isOfUser = (pid: number, uid: number | null): boolean =>
  statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid === (uid ?? process.getuid!());

const listensAsWanted = (
  running: EdgeHealth,
  { listen, listenTls = [], http2 = true, proxyProtocol = false }: EdgeProcess,
): boolean => {
  const hears = (scheme: string, { host, port }: { host: string; port: number }): boolean =>
    running.listening.some((it) =>
      port === 0 ? it.startsWith(`${scheme}${host}:`) : it === `${scheme}${host}:${port}`,
    );
  return (
    (listenTls.length === 0 || running.http2 === http2) &&
    running.proxyProtocol === proxyProtocol &&
    running.listening.length === listen.length + listenTls.length &&
    listen.every((address) => hears("", address)) &&
    listenTls.every((address) => hears("https://", address))
  );
};

/** @param before the edge whose place is taken; null when there is none */
const start = async (wanted: EdgeProcess, client: EdgeClient, before: EdgeHealth | null): Promise<void> => {
  const { dir, view, listenTls = [], http2 = true, uid, log, version } = wanted;
  const listen = wanted.listen.map((address) => portKept("", address, before));
  const secure = listenTls.map((address) => portKept("https://", address, before));
  const shared = await portsOfProcesses(dir, log);
  for (const address of [...listen, ...secure]) if (!shared.has(address.port)) await refuseTaken(address);
  prepareFolder(wanted);
  letConnectionsMigrate(log);
  const options = [
    "edge",
    ...argumentsOf({
      dir: view.pathFor(resolve(dir)),
      listen,
      listenTls: secure,
      http2,
      proxyProtocol: wanted.proxyProtocol ?? false,
      processes: wanted.processes ?? 1,
      drainMs: wanted.drainMs ?? 30_000,
    }),
    ...(before === null ? [] : ["--take-over"]),
  ];
  const { program, staged } = await programFor(wanted);
  const argv = [...program, ...options, ...(staged && program.length > 1 ? ["--as-version", version] : [])];
  const scope = await ownScope(log);

  const output = openSync(wanted.logFile, "a", 0o640);
  const logStart = statSync(wanted.logFile).size;
  const handed = view.handed ? [openSync(view.root, asPlace)] : [];
  let child: Bun.Subprocess;
  try {
    child = Bun.spawn([...scope, ...(uid === null ? argv : [...first(), ...unprivileged(uid), ...argv])], {
      // Root's own, so that nothing the edge's user writes can set Bun up (.env, bunfig.toml).
      cwd: "/",
      env: environment,
      detached: true,
      // What is handed over becomes descriptor 3, as the view names it.
      stdio: ["ignore", output, output, ...handed],
    });
  } finally {
    for (const descriptor of [output, ...handed]) closeSync(descriptor);
  }
  child.unref();
  goFirst(child.pid, log);
  const endsAtMs = performance.now() + startMs;
  while (performance.now() < endsAtMs) {
    const health = await client.health().catch(() => null);
    if (health !== null && health.process !== before?.process) {
      log.info(before === null ? "the edge was started" : "the edge has handed over to another one", {
        pid: health.pid,
        listening: health.listening,
      });
      return;
    }
    if (child.exitCode !== null || child.signalCode !== null)
      throw new AppError("unavailable", `the edge ended at once: ${lastLine(wanted.logFile, logStart)}`);
    await Bun.sleep(pollMs);
  }
  child.kill("SIGKILL");
  throw new AppError(
    "unavailable",
    `the edge did not answer within ${startMs / 1000} s; see ${wanted.logFile}`,
  );
};

/** Where an edge listens, or what is left of one whose lead has died. */
const portsOfProcesses = async (dir: string, log: Log): Promise<Set<number>> => {
  const peers = createPeers(dir, "", log);
  const states = await peers.askAll(processState, { method: "GET", path: "/state" });
  return new Set([...states.values()].flatMap(({ listening }) => listening.map(portOf)));
};

/** Port 0 is any, but not another one than before. */
const portKept = (scheme: string, address: Address, before: EdgeHealth | null): Address => {
  const text = before?.listening.find((it) => it.startsWith(`${scheme}${address.host}:`));
  return address.port === 0 && text !== undefined ? { ...address, port: portOf(text) } : address;
};

/** O_PATH (open(2)), which Bun has no name for: to get to what lies below, but not to list the folder. */
const asPlace = 0o10000000 | constants.O_DIRECTORY;

/** Nothing of the caller's own: its environment holds secrets. */
const environment = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  LANG: "C.UTF-8",
  // The user has no home to keep compiled files in.
  BUN_RUNTIME_TRANSPILER_CACHE_PATH: "0",
};

/** Another user, no groups, no capability but the one to bind ports below 1024, none to be had by exec. */
const unprivileged = (uid: number): string[] => [
  "setpriv",
  `--reuid=${uid}`,
  `--regid=${uid}`,
  "--clear-groups",
  "--inh-caps=-all,+net_bind_service",
  "--ambient-caps=-all,+net_bind_service",
  "--bounding-set=-all,+net_bind_service",
  "--no-new-privs",
];

const lastLine = (path: string, from: number): string => {
  const lines = readFileSync(path).subarray(from).toString().trim().split("\n");
  const last = lines.at(-1) ?? "";
  try {
    return String((JSON.parse(last) as { message?: unknown }).message ?? last);
  } catch {
    return last === "" ? "it said nothing" : last;
  }
};
