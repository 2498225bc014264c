import type { CommandEnd, CommandProcess } from "../domain/command-process.ts";
import { newId } from "../domain/id.ts";
import type { JobRecord } from "../domain/job.ts";
import { isOpen, type RunRecord, type RunStatus } from "../domain/run.ts";
import { publicMessageOf } from "../errors.ts";
import type { RunsDeps } from "./deps.ts";
import { createOutputTail, type OutputTail } from "./output-tail.ts";
import { releaseToRun } from "./release-to-run.ts";
import { maskerOf } from "./secrets-of-release.ts";

interface Active {
  run: RunRecord;
  output: OutputTail;
  end(status: RunStatus, reason: string): void;
}

/** Runs of jobs, each in a container of its own: they go on while the daemon is away, and are taken up again. */
export const createJobRunner = (deps: RunsDeps) => {
  const { store, engine, clock, log, settings } = deps;
  const active = new Map<string, Active>();
  let stopped = false;
  let pumping: Promise<void> = Promise.resolve();

  const newRun = (job: JobRecord, dueAt: number | null, askedBy: string): RunRecord => {
    const nowMs = clock.nowMs();
    return {
      id: newId("run", nowMs),
      environmentId: job.environmentId,
      kind: "job",
      jobId: job.id,
      dueAt,
      command: job.command,
      timeoutSeconds: job.timeoutSeconds,
      releaseId: null,
      replicaId: null,
      status: "queued",
      askedBy,
      reason: null,
      exitCode: null,
      oomKilled: 0,
      output: null,
      createdAt: nowMs,
      startedAt: null,
      endedAt: null,
    };
  };

  /** Notes that a time was left out, and why. */
  const skip = async (job: JobRecord, dueAt: number | null, reason: string, askedBy = "schedule") => {
    const run: RunRecord = {
      ...newRun(job, dueAt, askedBy),
      status: "skipped",
      reason,
      endedAt: clock.nowMs(),
    };
    await store.insertRun(run);
    await store.pruneRunsOfJob(job.id, settings.keptRuns);
    return run;
  };

  /** Moves a run to its end; one that went wrong is an event. */
  const close = async (
    run: RunRecord,
    from: RunStatus,
    end: { status: RunStatus; reason: string | null } & Partial<CommandEnd>,
    output: string | null,
  ): Promise<void> => {
    const nowMs = clock.nowMs();
    const endedAt = end.endedAtMs ?? nowMs;
    const { status, reason, exitCode = null, oomKilled = false } = end;
    const job = run.jobId === null ? undefined : await store.jobById(run.jobId);
    await store.transaction(async (queries) => {
      const patch = { status, reason, exitCode, oomKilled: oomKilled ? 1 : 0, endedAt, output };
      if (!(await queries.moveRun(run.id, from, patch))) return;
      if (!job || !["failed", "timed_out", "lost"].includes(status)) return;
      const why = reason ?? `it ended with exit code ${exitCode}`;
      await queries.insertEvent({
        id: newId("evt", nowMs),
        at: nowMs,
        kind: "job.failed",
        severity: "warning",
        environmentId: run.environmentId,
        message: `The job ${job.name} failed: ${why}.`,
        details: JSON.stringify({ job: job.name, run: run.id, status, exitCode, oomKilled }),
        endedAt: nowMs,
      });
    });
    if (job) await store.pruneRunsOfJob(job.id, settings.keptRuns);
  };

  const outcome = ({ exitCode, oomKilled }: CommandEnd): { status: RunStatus; reason: string | null } => {
    if (exitCode === null)
      return { status: "lost", reason: "its container was gone before its end was seen" };
    if (exitCode === 0) return { status: "succeeded", reason: null };
    return { status: "failed", reason: oomKilled ? "it used more memory than it may" : null };
  };

  /** Follows a run to its end, beside everything else. */
  const track = (run: RunRecord, output: OutputTail, running: CommandProcess): void => {
    let early: { status: RunStatus; reason: string } | null = null;
    const end = (status: RunStatus, reason: string): void => {
      if (early) return;
      early = { status, reason };
      running
        .kill(settings.graceSeconds)
        .catch((error) => log.warn("a job could not be ended", { run: run.id, error }));
    };
    const leftMs = (run.startedAt ?? clock.nowMs()) + run.timeoutSeconds * 1000 - clock.nowMs();
    const timer = setTimeout(
      () => end("timed_out", `it took longer than ${run.timeoutSeconds} s`),
      Math.max(0, leftMs),
    );
    active.set(run.id, { run, output, end });
    void running.ended
      .then(async (result) => {
        clearTimeout(timer);
        // A daemon that stops leaves it as it is; the next one goes on.
        if (stopped) return;
        await close(run, "running", { ...result, ...(early ?? outcome(result)) }, output.text());
        active.delete(run.id);
        await engine.removeOneOff(run.id);
      })
      .catch((error) => log.error("the end of a job's run could not be noted", { run: run.id, error }))
      .finally(() => {
        active.delete(run.id);
        void pump();
      });
  };

  const outputOf = async (releaseId: string | null): Promise<OutputTail> => {
    const release = releaseId === null ? undefined : await store.releaseById(releaseId);
    return createOutputTail(
      { lines: settings.outputLines, chars: settings.outputChars },
      release && (await maskerOf(deps, release)),
    );
  };

  const start = async (queued: RunRecord): Promise<void> => {
    const environment = await store.environmentById(queued.environmentId);
    const site = environment && (await store.siteById(environment.siteId));
    if (!environment || !site || site.deletedAt !== null)
      return close(queued, "queued", { status: "cancelled", reason: "its site was deleted" }, null);
    if (environment.stoppedReason !== null)
      return close(queued, "queued", { status: "skipped", reason: "the site is stopped" }, null);
    let run = queued;
    try {
      const release = await releaseToRun(deps, site, environment);
      run = { ...queued, status: "running", releaseId: release.id, startedAt: clock.nowMs() };
      const { status, releaseId, startedAt } = run;
      if (!(await store.moveRun(run.id, "queued", { status, releaseId, startedAt }))) return;
      const output = await outputOf(release.id);
      // Who wants it ended while it starts is heard as soon as it can be.
      let asked: [RunStatus, string] | null = null;
      active.set(run.id, { run, output, end: (...end) => (asked ??= end) });
      const running = await engine.startOneOff(
        {
          runId: run.id,
          base: await deps.specOf(environment.id, release.id),
          group: environment.id,
          argv: JSON.parse(run.command) as string[],
          terminal: null,
          stdin: false,
          keepOutput: true,
        },
        output.add,
      );
      track(run, output, running);
      if (asked !== null) active.get(run.id)?.end(...(asked as [RunStatus, string]));
    } catch (error) {
      active.delete(run.id);
      log.warn("a job could not be started", { run: run.id, error });
      await close(run, run.status, { status: "failed", reason: publicMessageOf(error) }, null);
      await engine.removeOneOff(run.id).catch(() => {}); // found at the next start of the daemon
    }
  };

  const ownerOf = async (environmentId: string): Promise<string | null> => {
    const environment = await store.environmentById(environmentId);
    const site = environment && (await store.siteById(environment.siteId));
    return site?.ownerUserId ?? site?.ownerOrganizationId ?? null;
  };

  const pumpOnce = async (): Promise<void> => {
    if (stopped || !deps.engineUp()) return;
    const open = await store.openRuns();
    const running = open.filter((run) => run.kind === "job" && run.status === "running");
    const owners: (string | null)[] = [];
    for (const run of running) owners.push(await ownerOf(run.environmentId));
    for (const run of open) {
      if (run.status !== "queued" || run.jobId === null) continue;
      const job = await store.jobById(run.jobId);
      const ofEnvironment = running.filter((one) => one.environmentId === run.environmentId);
      if (running.length >= settings.jobsOnHost) return;
      if (ofEnvironment.length >= settings.jobsPerEnvironment) continue;
      if (job?.overlap !== "allow" && running.some((one) => one.jobId === run.jobId)) continue;
      const owner = await ownerOf(run.environmentId);
      if (owners.filter((one) => one === owner).length >= settings.jobsPerOwner) continue;
      owners.push(owner);
      running.push(run);
      await start(run);
    }
  };

  /** Starts what waits and has room; never beside itself. */
  const pump = (): Promise<void> =>
    (pumping = pumping
      .then(pumpOnce)
      .catch((error) => log.error("jobs that wait could not be started; they are tried again", { error })));

  return {
    pump,
    skip,

    /** A run of the job, now or as soon as there is room, or a row that says why not. @returns that row */
    async begin(job: JobRecord, dueAt: number | null, askedBy: string): Promise<RunRecord> {
      const open = (await store.openRuns()).filter((run) => run.jobId === job.id);
      const waiting = open.filter((run) => run.status === "queued");
      const refuse = (reason: string) => skip(job, dueAt, reason, askedBy);
      if (open.length > 0)
        switch (job.overlap) {
          case "skip":
            return refuse("the run before was still under way");
          case "queue":
            if (waiting.length > 0) return refuse("another run was waiting already");
            break;
          case "replace":
            for (const run of open) await this.end(run.id, "its next run took its place");
            break;
          case "allow":
            if (open.length >= settings.openPerJob)
              return refuse(`${open.length} runs of it were under way already`);
            break;
        }
      const run = newRun(job, dueAt, askedBy);
      await store.insertRun(run);
      void pump();
      return run;
    },

    /** Ends a run that waits or is under way. @returns false when it had ended */
    async end(runId: string, reason: string): Promise<boolean> {
      const present = active.get(runId);
      if (present) {
        present.end("cancelled", reason);
        return true;
      }
      return store.moveRun(runId, "queued", { status: "cancelled", reason, endedAt: clock.nowMs() });
    },

    /** @param wait until they have ended and their rows say so, within a deadline. @returns how many there were */
    async endOfJob(jobId: string, reason: string, wait = true): Promise<number> {
      const open = (await store.openRuns()).filter((run) => run.jobId === jobId);
      for (const run of open) await this.end(run.id, reason);
      const deadlineMs = clock.monotonicMs() + (settings.graceSeconds + 30) * 1000;
      while (wait && open.some((run) => active.has(run.id)) && clock.monotonicMs() < deadlineMs)
        await Bun.sleep(50);
      return open.length;
    },

    async endAllOf(environmentIds: ReadonlySet<string>, reason: string): Promise<void> {
      for (const run of await store.openRuns())
        if (run.jobId !== null && environmentIds.has(run.environmentId)) await this.end(run.id, reason);
    },

    /** What a run that is under way printed so far; null when it is not. */
    outputOf: (runId: string): string | null => active.get(runId)?.output.text() ?? null,

    /** Goes on with a run that an earlier daemon started. */
    async adopt(run: RunRecord): Promise<void> {
      if (active.has(run.id) || !isOpen(run.status)) return;
      const output = await outputOf(run.releaseId);
      const running = await engine.followOneOff(run.id, output.add);
      if (running) return track(run, output, running);
      const reason = "its container was gone when Croft started again";
      await close(run, "running", { status: "lost", reason }, null);
    },

    /** From here on runs are left to the next daemon. */
    stop(): void {
      stopped = true;
    },
  };
};

export type JobRunner = ReturnType<typeof createJobRunner>;
