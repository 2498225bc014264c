import type { Actor } from "../domain/actor.ts";
import { newId } from "../domain/id.ts";
import type { RunView } from "../domain/run.ts";
import type { RunsDeps } from "./deps.ts";
import { createJobRunner } from "./job-runner.ts";
import { createJobs } from "./jobs.ts";
import { recoverRuns, sweepOneOffs } from "./recover.ts";
import { runView } from "./run-view.ts";
import { createScheduler } from "./scheduler.ts";
import { createSessions } from "./sessions.ts";

const keptMs = 90 * 24 * 3600_000;
const engineLookMs = 250;

/** Commands of people and of jobs: what the daemon has of them. */
export const createRuns = (deps: RunsDeps) => {
  const { store, clock, log } = deps;
  const sessions = createSessions(deps);
  const runner = createJobRunner(deps);
  const scheduler = createScheduler(deps, runner);
  const jobs = createJobs(deps, runner, scheduler.kick);

  return {
    sessions,
    jobs,

    /** Commands and terminals of people, newest first. */
    async history(
      actor: Actor,
      slug: string,
      page: { limit: number; before: string | null },
      environmentName?: string,
    ): Promise<{ items: RunView[]; next: string | null }> {
      const { environment } = await deps.reachSite(actor, slug, "deploy", environmentName);
      const runs = await store.runsOf(environment.id, ["exec", "terminal"], page.limit, page.before);
      const items = await Promise.all(
        runs.map(async (run) => {
          const release = run.releaseId === null ? undefined : await store.releaseById(run.releaseId);
          return runView(run, null, release?.number ?? null);
        }),
      );
      return { items, next: items.length === page.limit ? items.at(-1)!.id : null };
    },

    /** A site was deleted: nothing of it goes on. */
    async endOf(environmentIds: readonly string[]): Promise<void> {
      const ids = new Set(environmentIds);
      sessions.endAll("the site was deleted", ids);
      await runner.endAllOf(ids, "its site was deleted");
    },

    /** Takes up what an earlier daemon left once the engine answers, then starts jobs at their times, until the signal. */
    async start(signal: AbortSignal): Promise<void> {
      while (!deps.engineUp() && !signal.aborted) await Bun.sleep(engineLookMs);
      if (signal.aborted) return;
      await recoverRuns(deps, runner);
      await sweepOneOffs(deps).catch((error) => log.warn("left-over one-offs are there still", { error }));
      await scheduler.run(signal);
    },

    /** Jobs go on without a daemon; what people have open ends with it. Resolves when that is through. */
    async stop(): Promise<void> {
      runner.stop();
      sessions.endAll("Croft is being stopped");
      const deadlineMs = clock.monotonicMs() + (deps.settings.graceSeconds + 5) * 1000;
      while (sessions.openCount() > 0 && clock.monotonicMs() < deadlineMs) await Bun.sleep(20);
    },

    /** By the clock: left-over containers, and rows that are old. */
    async tidy(signal: AbortSignal): Promise<void> {
      if (deps.engineUp()) await sweepOneOffs(deps);
      const beforeId = newId("run", clock.nowMs() - keptMs);
      while (!signal.aborted && (await store.deleteRunsBefore(beforeId, 500)) === 500) await Bun.sleep(5);
    },
  };
};

export type Runs = ReturnType<typeof createRuns>;
