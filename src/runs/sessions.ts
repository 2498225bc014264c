import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import type { CommandProcess, OnOutput, TerminalSize } from "../domain/command-process.ts";
import { newId } from "../domain/id.ts";
import { webProcess } from "../domain/process.ts";
import type { EnvironmentRecord, ReleaseRecord, SiteRecord } from "../domain/records.ts";
import type { RunRecord, RunStatus } from "../domain/run.ts";
import { AppError, conflict, publicMessageOf } from "../errors.ts";
import { createBounds } from "./bounds.ts";
import type { RunsDeps } from "./deps.ts";
import { releaseToRun } from "./release-to-run.ts";
import { maskerOf } from "./secrets-of-release.ts";

type Person = Extract<Actor, { kind: "user" }>;

export interface CommandRequest {
  actor: Person;
  slug: string;
  environment: string | undefined;
  kind: "exec" | "terminal";
  argv: string[];
  terminal: TerminalSize | null;
  stdin: boolean;
  inReplica: boolean;
  /** Null: as long as anybody may. */
  timeoutSeconds: number | null;
  /** Whether the key or session that it came with still opens anything. */
  stillSignedIn(): Promise<boolean>;
}

/** How a person's command ended. */
export interface SessionEnd {
  status: RunStatus;
  exitCode: number | null;
  oomKilled: boolean;
  /** One sentence where it did not end by itself. */
  reason: string | null;
}

export interface Session {
  runId: string;
  write(bytes: Uint8Array): Promise<void>;
  endInput(): void;
  resize(size: TerminalSize): Promise<void>;
  /** The person left. Idempotent. */
  leave(): void;
  /** When it has ended, its output was handed over and its row says so. Never rejects. */
  ended: Promise<SessionEnd>;
}

/** What one-off commands and terminals of people need while they are open. */
export const createSessions = (deps: RunsDeps) => {
  const { store, engine, clock, log, settings } = deps;
  const bounds = createBounds(settings, clock.monotonicMs);
  const open = new Map<string, { environmentId: string; end(status: RunStatus, reason: string): void }>();

  const replicaOf = async (environment: EnvironmentRecord): Promise<string> => {
    await deps.wake(environment.id);
    const replicas = (await store.liveReplicasOf(environment.id)).filter(
      (one) => one.state === "running" && one.releaseId === environment.currentReleaseId,
    );
    const running = replicas.find((one) => one.process === webProcess) ?? replicas[0];
    if (!running) throw conflict("no replica runs now; run the command in a container of its own");
    return running.id;
  };

  const begin = async (
    request: CommandRequest,
    site: SiteRecord,
    environment: EnvironmentRecord,
    release: ReleaseRecord,
  ): Promise<RunRecord> => {
    const { actor, kind, argv, inReplica } = request;
    const nowMs = clock.nowMs();
    const mask = await maskerOf(deps, release);
    const run: RunRecord = {
      id: newId("run", nowMs),
      environmentId: environment.id,
      kind,
      jobId: null,
      dueAt: null,
      command: JSON.stringify(argv.map(mask)),
      timeoutSeconds: Math.min(request.timeoutSeconds ?? settings.maxSeconds, settings.maxSeconds),
      releaseId: release.id,
      replicaId: inReplica ? await replicaOf(environment) : null,
      status: "running",
      askedBy: actor.username,
      reason: null,
      exitCode: null,
      oomKilled: 0,
      output: null,
      createdAt: nowMs,
      startedAt: nowMs,
      endedAt: null,
    };
    await store.transaction(async (queries) => {
      await queries.insertRun(run);
      const after = { run: run.id, command: argv.map(mask), inReplica, release: release.number };
      await queries.insertAudit(auditEntry(actor, `${kind}.begin`, objectOf(site), { after }, nowMs));
    });
    return run;
  };

  const finish = async (actor: Actor, siteId: string, run: RunRecord, end: SessionEnd): Promise<void> => {
    const endedAt = clock.nowMs();
    const { status, exitCode, reason } = end;
    await store.transaction(async (queries) => {
      const patch = { status, exitCode, reason, endedAt, oomKilled: end.oomKilled ? 1 : 0 };
      if (!(await queries.moveRun(run.id, "running", patch))) return;
      const durationMs = endedAt - (run.startedAt ?? endedAt);
      const after = { run: run.id, status, exitCode, durationMs, ...(reason !== null && { reason }) };
      await queries.insertAudit(
        auditEntry(actor, `${run.kind}.end`, { type: "site", id: siteId }, { after }, endedAt),
      );
    });
  };

  const startOf = async (
    run: RunRecord,
    request: CommandRequest,
    onOutput: OnOutput,
  ): Promise<CommandProcess> => {
    const { argv, terminal, stdin } = request;
    const spec = { runId: run.id, argv, terminal, stdin };
    if (run.replicaId !== null) return engine.execInReplica(run.replicaId, spec, onOutput);
    const base = await deps.specOf(run.environmentId, run.releaseId!);
    return engine.startOneOff({ ...spec, base, group: run.environmentId, keepOutput: false }, onOutput);
  };

  /** Follows a started command to its end, whoever brings that about. */
  const follow = (
    run: RunRecord,
    site: SiteRecord,
    environment: EnvironmentRecord,
    request: CommandRequest,
    running: CommandProcess,
    lastActiveMs: () => number,
    release: () => void,
  ): Session => {
    let early: { status: RunStatus; reason: string } | null = null;
    const end = (status: RunStatus, reason: string): void => {
      if (early) return;
      early = { status, reason };
      // At a terminal nobody is left to ask; a command may put things in order.
      const grace = request.terminal ? 0 : settings.graceSeconds;
      running.kill(grace).catch((error) => log.warn("a command could not be ended", { run: run.id, error }));
    };
    const mayStill = async (): Promise<void> => {
      if (!(await request.stillSignedIn())) throw new AppError("unauthenticated", "signed out meanwhile");
      await deps.reachSite(request.actor, site.slug, "deploy", environment.name);
    };
    const check = setInterval(() => {
      mayStill().catch((error) =>
        end("cancelled", error instanceof AppError ? error.publicMessage : "it could not be checked"),
      );
      if (run.kind === "terminal" && clock.monotonicMs() - lastActiveMs() > settings.idleMs)
        end("cancelled", `nothing happened for ${Math.round(settings.idleMs / 60_000)} minutes`);
    }, settings.checkMs);
    const timer = setTimeout(
      () => end("timed_out", `it took longer than ${run.timeoutSeconds} s`),
      run.timeoutSeconds * 1000,
    );
    open.set(run.id, { environmentId: environment.id, end });

    const ended = running.ended.then(async ({ exitCode, oomKilled }): Promise<SessionEnd> => {
      clearInterval(check);
      clearTimeout(timer);
      const result: SessionEnd =
        early !== null
          ? { ...early, exitCode, oomKilled }
          : exitCode === null
            ? { status: "lost", exitCode, oomKilled, reason: "its container was removed" }
            : {
                status: exitCode === 0 || run.kind === "terminal" ? "succeeded" : "failed",
                exitCode,
                oomKilled,
                reason: oomKilled ? "it used more memory than it may" : null,
              };
      // What is not written or removed now is when the daemon starts next.
      await finish(request.actor, site.id, run, result).catch((error) =>
        log.error("the end of a command could not be noted", { run: run.id, error }),
      );
      await engine
        .removeOneOff(run.id)
        .catch((error) => log.warn("a one-off could not be removed", { run: run.id, error }));
      open.delete(run.id);
      release();
      return result;
    });
    return {
      runId: run.id,
      write: running.write,
      endInput: running.endInput,
      resize: running.resize,
      leave: () => end("cancelled", "the connection was closed"),
      ended,
    };
  };

  return {
    /** Whether somebody may at all, before anything is begun. @throws AppError `not_found`, `forbidden` */
    mayOpen: (actor: Actor, slug: string, environment: string | undefined) =>
      deps.reachSite(actor, slug, "deploy", environment),

    /**
     * Runs a command for a person, with an audit row when it begins and when it ends.
     * @param onOutput nothing more is read before what it returns has resolved
     * @throws AppError `not_found`, `forbidden`, `conflict`, `rate_limited`, `deploy_failed`, `engine_unavailable`
     */
    async open(request: CommandRequest, onOutput: OnOutput): Promise<Session> {
      const { site, environment } = await deps.reachSite(
        request.actor,
        request.slug,
        "deploy",
        request.environment,
      );
      const release = await releaseToRun(deps, site, environment);
      const leave = bounds.enter(request.actor.userId, environment.id);
      try {
        const run = await begin(request, site, environment, release);
        let lastActiveMs = clock.monotonicMs();
        const active = (): void => {
          lastActiveMs = clock.monotonicMs();
        };
        try {
          const running = await startOf(run, request, (name, bytes) => {
            active();
            return onOutput(name, bytes);
          });
          const session = follow(run, site, environment, request, running, () => lastActiveMs, leave);
          return {
            ...session,
            write: (bytes) => {
              active();
              return session.write(bytes);
            },
          };
        } catch (error) {
          const reason = (await maskerOf(deps, release))(publicMessageOf(error));
          await finish(request.actor, site.id, run, {
            status: "failed",
            exitCode: null,
            oomKilled: false,
            reason,
          });
          throw error;
        }
      } catch (error) {
        leave();
        throw error;
      }
    },

    /** Ends all of these environments, or simply all. Returns at once. */
    endAll(reason: string, environmentIds?: ReadonlySet<string>): void {
      for (const { environmentId, end } of open.values())
        if (environmentIds === undefined || environmentIds.has(environmentId)) end("cancelled", reason);
    },
    openCount: () => open.size,
  };
};

const objectOf = (site: SiteRecord) => ({ type: "site", id: site.id });

export type Sessions = ReturnType<typeof createSessions>;
