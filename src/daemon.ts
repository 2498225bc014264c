import { type Settings, readSettings } from "./config.ts";
import { type Croft, wireCroft } from "./daemon/wire.ts";
import { listen } from "./daemon/listen.ts";
import { openData } from "./daemon/open-data.ts";
import { dataPaths } from "./daemon/paths.ts";
import { programCommand } from "./daemon/program.ts";
import { sweepImages } from "./deploy/sweep.ts";
import { systemClock } from "./domain/clock.ts";
import { stderrLog } from "./domain/log.ts";
import { edgeView } from "./edge/edge-view.ts";
import { superviseEdge } from "./edge/supervise.ts";
import { serveHookSocket } from "./git/hook-socket.ts";
import { writeHookScripts } from "./git/hook-scripts.ts";
import { ensureSetupToken } from "./identity/setup-token.ts";
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
  try {
    await writeHookScripts(paths.hooks);
    // Before anything answers, since croft setup reads it as soon as something does.
    const setupToken = await ensureSetupToken(settings.dataDir, await data.store.hasUsers());
    const closeHooks = await serveHookSocket({ ...croft.hookDeps, socketPath: paths.hookSocket });
    const server = await listen(croft.app, settings.listen, { path: paths.panelSocket, group: edgeUid });
    const edge = settings.http
      ? superviseEdge({
          dir: paths.edge,
          view,
          listen: [settings.http],
          command: programCommand(),
          uid: edgeUid,
          logFile: paths.edgeLog,
          log,
          version,
          signal,
          onRestart: () => croft.supervisor.kick(),
        })
      : Promise.resolve();
    const supervising = croft.supervisor.start(signal);
    const jobs = croft.startJobs();
    const recovered = recover(croft, signal);
    announce(settings, setupToken);
    // The signal may have come during the start.
    if (!signal.aborted)
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

    log.info("croft stops; sites go on being served");
    await jobs.stop();
    await croft.queue.stop();
    await server.stop();
    await closeHooks();
    await Promise.all([edge, recovered, supervising]);
  } finally {
    stopped.abort();
    croft.close();
    await data.close();
  }
};

/** Interrupted deployments first, then the queue; both need the engine. */
const recover = async (croft: Croft, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    if (croft.supervisor.engineStatus().up) {
      try {
        await croft.queue.open();
        return await sweepImages(croft.deployDeps);
      } catch (error) {
        log.warn("the queue is not open yet", { error });
      }
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
