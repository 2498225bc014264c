import { edgeOn, type Settings, readSettings } from "./config.ts";
import { type Croft, wireCroft } from "./daemon/wire.ts";
import { listen } from "./daemon/listen.ts";
import { openData } from "./daemon/open-data.ts";
import { dataPaths } from "./daemon/paths.ts";
import { programCommand } from "./daemon/program.ts";
import { unmountAside } from "./disk/unmount-aside.ts";
import { sweepImages } from "./deploy/sweep.ts";
import { systemClock } from "./domain/clock.ts";
import { stderrLog } from "./domain/log.ts";
import { edgeView } from "./edge/edge-view.ts";
import { superviseEdge } from "./edge/supervise.ts";
import { serveHookSocket } from "./git/hook-socket.ts";
import { writeHookScripts } from "./git/hook-scripts.ts";
import { ensureSetupToken } from "./identity/setup-token.ts";
import { edgeVersion } from "./edge-version.ts";
import { version } from "./version.ts";

const log = stderrLog;

/**
 * `croft serve`: runs until SIGTERM or SIGINT. The edge goes on serving without it.
 * @throws AppError when it cannot start: settings, a second daemon, the master key, an address that is taken
 */
export const serve = async (env: Record<string, string | undefined>): Promise<void> => {
  const settings = readSettings(env);
  const paths = dataPaths(settings.dataDir);
  const isRoot = process.getuid?.() === 0;
  const edgeUid = isRoot ? settings.edgeUid : null;
  // What others must reach is opened by name; everything else is this user's alone from the moment it exists.
  process.umask(0o077);
  const stopped = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => stopped.abort());

  const data = await openData(paths, { clock: systemClock, log, version });
  await unmountAside(paths.dataDir);
  const view = edgeView(paths.dataDir, edgeUid);
  const croft = wireCroft({
    settings,
    paths,
    data,
    edgePath: view.pathFor,
    clock: systemClock,
    log,
    version,
  });
  const { signal } = stopped;
  // What was started is ended in reverse order, also when a later part cannot start.
  const atEnd: (() => Promise<unknown>)[] = [];
  try {
    await writeHookScripts(paths.hooks);
    await croft.certificates.load();
    await croft
      .mendRepositories()
      .catch((error) => log.error("the repositories could not be looked through", { error }));
    // Before anything answers, since croft setup reads it as soon as something does.
    const setupToken = await ensureSetupToken(settings.dataDir, await data.store.hasUsers());
    atEnd.push(await serveHookSocket({ ...croft.hookDeps, socketPath: paths.hookSocket }));
    const server = await listen(croft.app, settings.listen, { path: paths.panelSocket, group: edgeUid });
    atEnd.push(server.stop);
    const edge = edgeOn(settings)
      ? superviseEdge({
          dir: paths.edge,
          view,
          listen: settings.http === null ? [] : [settings.http],
          listenTls: settings.https === null ? [] : [settings.https],
          http2: settings.http2,
          proxyProtocol: settings.proxyProtocol,
          processes: settings.edgeProcesses,
          drainMs: settings.drainSeconds * 1000,
          command: programCommand(),
          uid: edgeUid,
          logFile: paths.edgeLog,
          log,
          version: edgeVersion,
          signal,
          onRestart: croft.edgeRestarted,
          onTrouble: croft.edgeTrouble,
        })
      : Promise.resolve();
    const supervising = croft.supervisor.start(signal);
    const collector = new AbortController();
    const collecting = croft.collector.start(collector.signal);
    const guarding = croft.guard.start(signal);
    const queue = runQueue(croft, signal);
    const certificates = croft.certificates.start(signal);
    const runs = croft.runs.start(signal);
    atEnd.unshift(() => Promise.all([edge, supervising, guarding, queue, certificates, runs]));
    // Last: what the others still remove has last words, too.
    atEnd.unshift(() => {
      collector.abort();
      return collecting;
    });
    atEnd.push(croft.queue.stop);
    atEnd.push(croft.runs.stop);
    const jobs = croft.startJobs();
    atEnd.push(jobs.stop);
    announce(settings, setupToken);
    // The signal may have come during the start.
    if (!signal.aborted)
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

    log.info("croft stops; sites go on being served");
  } finally {
    stopped.abort();
    for (const end of atEnd.toReversed())
      await end().catch((error) => log.error("a part did not end well", { error }));
    croft.close();
    await data.close();
  }
};

/** Deployments need the engine: what was interrupted is taken up when it first answers, the rest waits while it is away. */
const runQueue = async (croft: Croft, signal: AbortSignal): Promise<void> => {
  let isOpen = false;
  let wasUp = false;
  while (!signal.aborted) {
    const { up } = croft.supervisor.engineStatus();
    try {
      if (up && !wasUp) {
        await (isOpen ? croft.queue.kick() : croft.queue.open());
        isOpen = true;
        // What could not be removed while the engine was away, or was never known to be there.
        await sweepImages(croft.deployDeps);
      }
      wasUp = up;
    } catch (error) {
      log.warn("the queue could not be looked after; it is tried again", { error });
    }
    await Bun.sleep(250);
  }
};

const announce = (settings: Settings, setupToken: string | null): void => {
  log.info("croft serves", {
    version,
    panel: settings.publicUrl,
    listen: `${settings.listen.host}:${settings.listen.port}`,
    dataDir: settings.dataDir,
  });
  if (setupToken !== null)
    process.stderr.write(
      `\nFirst run. Open ${settings.publicUrl}/setup and enter this one-time token, or use croft setup:\n\n  ${setupToken}\n\n`,
    );
};
