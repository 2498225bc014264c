import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  lchownSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { AppError } from "../errors.ts";
import type { EdgeHealth } from "../domain/edge.ts";
import type { Log } from "../domain/log.ts";
import { createEdgeClient, type EdgeClient, isHanging } from "./client.ts";
import { type EdgeView, wasHanded } from "./edge-view.ts";
import { programFor } from "./program-for.ts";
import { blockingFolder } from "./reachable.ts";

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
  /** argv that starts the program, without `edge` and its options: [binary] or [bun, script]. */
  command: string[];
  /** The user to run as, with the right to bind low ports and no other; null: as the caller. Needs root. */
  uid: number | null;
  /** Gets the output of every edge, appended. */
  logFile: string;
  log: Log;
  /** An edge of another version is replaced. */
  version: string;
  /** Where a copy of the program may lie when the installation's folder is out of the user's reach. */
  copyPlaces?: readonly string[];
}

const startMs = 10_000;
const pollMs = 20;

/**
 * A running edge of this version on these addresses: adopts the one that runs on the folder, replaces it when
 * it is another, starts one when there is none. The edge outlives the caller. Cheap when one runs. Not for two
 * callers at once.
 * @throws AppError `unavailable`: an address is taken, the folder is out of the user's reach, the edge hangs or
 *   ended
 */
export const ensureEdge = async (wanted: EdgeProcess): Promise<EdgeClient> => {
  const client = createEdgeClient(wanted.dir);
  const running = await client.health().catch((error: unknown) => {
    // Another edge beside one that hangs would fight with it over files and addresses.
    if (isHanging(error)) throw error;
    return null;
  });
  if (running !== null) {
    if (
      running.version === wanted.version &&
      listensAsWanted(running, wanted) &&
      wasHanded(running.pid) === wanted.view.handed
    )
      return client;
    wanted.log.info("another edge is replaced", { pid: running.pid, version: running.version });
    await client.stop();
    // Its own task, but it may have lost the way to its folder.
    rmSync(join(wanted.dir, "edge.sock"), { force: true });
  }
  await start(wanted, client);
  return client;
};

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

const start = async (wanted: EdgeProcess, client: EdgeClient): Promise<void> => {
  const { dir, view, listen, listenTls = [], http2 = true, uid, log, version } = wanted;
  for (const address of [...listen, ...listenTls]) refuseTaken(address);
  prepareFolder(wanted);
  const options = ["edge", "--dir", view.pathFor(resolve(dir))];
  for (const address of listen) options.push("--listen", textOf(address));
  for (const address of listenTls) options.push("--listen-tls", textOf(address));
  if (!http2) options.push("--http2", "off");
  if (wanted.proxyProtocol === true) options.push("--proxy-protocol", "on");
  const { program, staged } = await programFor(wanted);
  const argv = [...program, ...options, ...(staged && program.length > 1 ? ["--as-version", version] : [])];

  const output = openSync(wanted.logFile, "a", 0o640);
  const logStart = statSync(wanted.logFile).size;
  const handed = view.handed ? [openSync(view.root, asPlace)] : [];
  let child: Bun.Subprocess;
  try {
    child = Bun.spawn(uid === null ? argv : [...unprivileged(uid), ...argv], {
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
  const endsAtMs = performance.now() + startMs;
  while (performance.now() < endsAtMs) {
    const health = await client.health().catch(() => null);
    if (health !== null) {
      log.info("the edge was started", { pid: health.pid, listening: health.listening });
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

const textOf = ({ host, port }: { host: string; port: number }): string =>
  `${host.includes(":") ? `[${host}]` : host}:${port}`;

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

/** Asks before starting, since the answer is clearer here than in the log of a process that ended. */
const refuseTaken = ({ host, port }: { host: string; port: number }): void => {
  if (port === 0) return;
  try {
    Bun.listen({ hostname: host, port, socket: { data() {} } }).stop(true);
  } catch (cause) {
    const { code } = cause as { code?: string };
    const why =
      code === "EADDRINUSE"
        ? "is taken by another program"
        : code === "EACCES"
          ? "may not be bound by this user"
          : "cannot be bound";
    throw new AppError("unavailable", `the edge's address ${host}:${port} ${why}`, { cause });
  }
};

/**
 * With a user of its own the folder stays root's, group-writable and sticky: the edge keeps its files there, but
 * cannot put anything in the place of the staged program.
 */
const prepareFolder = ({ dir, view, uid }: EdgeProcess): void => {
  mkdirSync(dir, { recursive: true, mode: 0o750 });
  if (uid === null) return;
  const blocked = blockingFolder(join(resolve(dir), "edge.sock"), uid, view.handed ? view.root : "/");
  if (blocked !== null && blocked !== resolve(dir))
    throw new AppError(
      "unavailable",
      `user ${uid}, as whom the edge runs, may not pass the folder ${blocked} on the way to ${dir}; allow it (chmod o+x) or choose another data directory`,
    );
  if (statSync(dir).gid !== uid) {
    // First use by this user, so nobody else can have put links here.
    for (const name of readdirSync(dir)) if (name !== "bin") lchownSync(join(dir, name), uid, uid);
    chownSync(dir, process.getuid!(), uid);
  }
  chmodSync(dir, 0o1770);
};

const lastLine = (path: string, from: number): string => {
  const lines = readFileSync(path).subarray(from).toString().trim().split("\n");
  const last = lines.at(-1) ?? "";
  try {
    return String((JSON.parse(last) as { message?: unknown }).message ?? last);
  } catch {
    return last === "" ? "it said nothing" : last;
  }
};
