import { chmodSync, existsSync, mkdirSync } from "node:fs";
import { stderrLog } from "../domain/log.ts";
import { serveControl } from "./control-server.ts";
import type { EdgeSettings } from "./edge-arguments.ts";
import { createEdge, startSweep } from "./edge.ts";
import { useTable } from "./in-force.ts";
import { type Listening, listenOn } from "./listening.ts";
import { openMeterStore } from "./meter-store.ts";
import { processState, type Role } from "./processes/commands.ts";
import { isLead, leadOf, leaveFolder, leaveLead, socketOf, takeLead } from "./processes/folder.ts";
import { isLiving, type ProcessId, processIdOf } from "./processes/identity.ts";
import { createLeadership } from "./processes/leadership.ts";
import { createPeers } from "./processes/peers.ts";
import { whoIsThere } from "./processes/who-is-there.ts";
import { startWorkers, type Workers } from "./processes/workers.ts";
import { leaveAddress } from "./retire.ts";
import { bucketKey } from "./shared/rate-bucket.ts";
import { freeColumns, keepCells, openShared, setClock } from "./shared/memory.ts";
import { shareCounts } from "./shared/share.ts";
import { stopVisitors } from "./stop.ts";
import type { Edge } from "./state.ts";
import { createTableStore } from "./table-store.ts";
import { tellWanted } from "./wake-calls.ts";
import { keepTraffic } from "./traffic-keeper.ts";
import { bookOf } from "./tls/certificate-set.ts";
import { type CertificateStore, createCertificateStore } from "./tls/certificate-store.ts";

export { edgeArguments, type EdgeSettings } from "./edge-arguments.ts";

const lookMs = 1_000;

/**
 * An edge process: serves until it is told to stop (`POST /stop`, SIGTERM, SIGINT) or another takes its place, then ends
 * the process.
 * @throws AppError `conflict` when another edge runs on the folder, `unavailable` when an address is taken
 */
export const runEdge = async (settings: EdgeSettings): Promise<void> => {
  const { dir, workerOf } = settings;
  const log = stderrLog;
  mkdirSync(dir, { recursive: true });
  const own = processIdOf("self")!;
  const peers = createPeers(dir, own, log);
  const before = await whoIsThere(settings, peers);

  let role: Role = "starting";
  let listening: Listening | null = null;
  let workers: Workers | null = null;
  const startedAtMs = Date.now();
  const meters = openMeterStore(dir, own, log, startedAtMs, before?.epoch ?? null);
  if (workerOf === null && before?.role !== "lead") meters.fold();
  // Nobody else counts in it.
  const alone = workerOf === null && peers.ids().length === 0;
  const shared = openShared(dir, own, log, alone);
  const store = createTableStore(dir, log);
  const edge = createEdge({
    log,
    meters: meters.meters,
    epoch: meters.epoch,
    proxyProtocol: settings.proxyProtocol,
    dir,
    shared,
  });
  // A full disk must neither end the edge nor keep it from stopping.
  const attempt = (what: string, act: () => void): void => {
    try {
      act();
    } catch (error) {
      log.error(`${what} failed`, { error });
    }
  };
  const saveMeters = (): void => attempt("storing the meters", meters.save);

  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const stop = async (): Promise<void> => {
    if (edge.stopping) return;
    log.info("the edge stops", { active: edge.visitors.size });
    const wasLead = role === "lead";
    role = "retired";
    edge.leaving = true;
    edge.stopping = true;
    callTheLead();
    workers?.release();
    listening?.stop();
    saveMeters();
    const mine = wasLead && isLead(dir, own);
    attempt("removing the control socket", () => leaveLead(dir, own));
    if (mine) await peers.tellAll({ method: "POST", path: "/stop" });
    void stopVisitors(edge)
      .then(() => listening?.flushed())
      .then(end);
  };
  const retire = (lead: ProcessId, deadlineMs: number): boolean => {
    const present = leadOf(dir);
    // Nor for one that has died since it asked.
    if (present.kind !== "process" || present.id !== lead || lead === own || !present.living) return false;
    if (role === "retired") return true;
    log.info("another process has taken over", { lead, active: edge.visitors.size });
    role = "retired";
    callTheLead();
    workers?.release();
    if (listening === null) end();
    else void leaveAddress(edge, listening, deadlineMs).then(end);
    return true;
  };
  /** From now on calls of requests that begin to wait go to the present lead. */
  const callTheLead = (): void => {
    edge.wakeCalls.passOn = (route) => void tellWanted(dir, route);
    edge.wakeCalls.release();
  };
  callTheLead();
  const useStored = (): void => {
    const table = store.load();
    if (table !== null) useTable(edge, table);
    useStoredCertificates(edge, createCertificateStore(dir, log));
    listening?.certificatesChanged();
  };

  const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
  const healthNow = () => ({
    pid: process.pid,
    process: own,
    version: settings.version,
    tableVersion: edge.router.version,
    certificateVersion: edge.certificates.version,
    startedAtMs,
    listening: listening?.texts ?? [],
    http2: settings.http2,
    proxyProtocol: settings.proxyProtocol,
    processes: settings.processes,
    retired: peers.ids().filter((id) => !workers?.has(id)).length,
  });
  const control = serveControl(socketOf(dir, own), {
    edge,
    store,
    certificates: createCertificateStore(dir, log),
    certificatesChanged: () => listening?.certificatesChanged(),
    meters,
    peers,
    health: async () => {
      await settled;
      return healthNow();
    },
    state: () => ({
      role,
      lead: workerOf,
      version: settings.version,
      epoch: meters.epoch,
      listening: listening?.texts ?? [],
    }),
    isLead: () => role === "lead",
    stop,
    retire,
  });
  chmodSync(socketOf(dir, own), 0o660);
  process.on("SIGTERM", () => void stop());
  process.on("SIGINT", () => void stop());

  // Only now that commands are heard: what is put from here on comes by command, and what was before is on the disk, or
  // with whoever was there.
  useStored();
  if (before !== undefined) {
    const present = await peers.ask(before.id, processState, { method: "GET", path: "/state" });
    control.offerChallenges((present ?? before).challenges);
  }
  if (alone) keepCells(shared.bucketKeys, bucketKeys(edge));
  saveMeters();
  try {
    listening = await listenOn(edge, settings);
  } catch (error) {
    leaveFolder(dir, own);
    throw error;
  }
  const stopSweep = startSweep(edge);
  const stopTraffic = keepTraffic(edge, own);
  const leadership = createLeadership({
    dir,
    own,
    drainMs: settings.drainMs,
    peers,
    log,
    isMine: (id) => workers?.has(id) ?? false,
    takeStock: () => {
      if (control.reading()) return;
      meters.fold();
      // The others see these counts in this process's column before they vanish from those of the dead.
      shareCounts(edge);
      freeColumns(shared, [own, ...peers.ids()]);
    },
  });
  if (workerOf === null) {
    const bound = { ...settings, listen: listening.plain, listenTls: listening.secure };
    if (settings.processes > 1) {
      workers = startWorkers(settings.processes - 1, { settings: bound, own, peers, log });
      await workers.ready();
    }
    if (!edge.stopping && role === "starting") {
      takeLead(dir, own);
      role = "lead";
      edge.wakeCalls.passOn = null;
      useStored();
      await leadership.retireOthers();
      settle();
    }
  } else {
    role = "worker";
    settle();
  }
  log.info("the edge serves", {
    listening: listening.texts,
    tableVersion: edge.router.version,
    version: settings.version,
    role,
  });
  const timer = setInterval(() => {
    void meters.saveGently().catch((error) => log.error("storing the meters failed", { error }));
    setClock(shared);
    if (role === "lead") leadership.look();
    // Whatever it belonged to is gone.
    if (role === "worker" && !isLiving(workerOf!) && !existsSync(dir)) process.exit(0);
  }, lookMs);

  await ended;
  stopSweep();
  await stopTraffic();
  // The answers to `POST /stop` or `POST /drain` may still be on their way.
  for (let i = 0; i < 100 && control.server.pendingRequests > 0; i++) await Bun.sleep(5);
  clearInterval(timer);
  saveMeters();
  leaveFolder(dir, own);
  await control.server.stop(true);
  process.exit(0);
};

const bucketKeys = ({ router }: Edge): string[] =>
  [...router.byId.values()].flatMap(({ route, bucket }) =>
    bucket === null ? [] : [bucketKey(route.id, bucket.perMinute)],
  );

const useStoredCertificates = (edge: Edge, certificates: CertificateStore): void => {
  const set = certificates.load();
  if (set === null || set.version <= edge.certificates.version) return;
  const made = bookOf(set, edge.certificates);
  if ("book" in made) edge.certificates = made.book;
  else edge.log.error("the stored certificates are not used", { problem: made.problem });
};
