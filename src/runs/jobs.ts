import type { Actor } from "../domain/actor.ts";
import { actorLabel } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { newId } from "../domain/id.ts";
import type { JobPatch, JobRecord, JobView, NewJob } from "../domain/job.ts";
import type { RunView } from "../domain/run.ts";
import { conflict, invalid, notFound } from "../errors.ts";
import type { RunsDeps } from "./deps.ts";
import type { JobRunner } from "./job-runner.ts";
import { runView } from "./run-view.ts";

const iso = (atMs: number): string => new Date(atMs).toISOString();

const fieldsOf = (job: JobRecord) => ({
  name: job.name,
  schedule: job.schedule,
  timeZone: job.timeZone,
  command: JSON.parse(job.command) as string[],
  timeoutSeconds: job.timeoutSeconds,
  overlap: job.overlap,
  missed: job.missed,
  enabled: job.enabled === 1,
});

/** The verbs of scheduled jobs. */
export const createJobs = (deps: RunsDeps, runner: JobRunner, changed: () => void) => {
  const { store, clock } = deps;

  const find = async (
    actor: Actor,
    slug: string,
    name: string,
    action: "read" | "deploy" | "change",
    environmentName?: string,
  ) => {
    const { site, environment } = await deps.reachSite(actor, slug, action, environmentName);
    const job = await store.jobByName(environment.id, name);
    if (!job) throw notFound(`job ${name} of site ${slug}`);
    return { site, job };
  };

  const view = async (job: JobRecord): Promise<JobView> => {
    const [last] = await store.runsOfJob(job.id, 1, null);
    return {
      ...fieldsOf(job),
      nextRunAt: job.nextRunAt === null ? null : iso(job.nextRunAt),
      lastRun: last
        ? {
            id: last.id,
            status: last.status,
            at: iso(last.startedAt ?? last.createdAt),
            exitCode: last.exitCode,
            reason: last.reason,
          }
        : null,
      createdAt: iso(job.createdAt),
      updatedAt: iso(job.updatedAt),
    };
  };

  const viewRuns = async (job: JobRecord, limit: number, beforeId: string | null): Promise<RunView[]> => {
    const runs = await store.runsOfJob(job.id, limit, beforeId);
    const numbers = new Map<string, number | null>();
    for (const { releaseId } of runs)
      if (releaseId !== null && !numbers.has(releaseId))
        numbers.set(releaseId, (await store.releaseById(releaseId))?.number ?? null);
    return runs.map((run) =>
      runView(run, job.name, numbers.get(run.releaseId ?? "") ?? null, runner.outputOf(run.id) ?? run.output),
    );
  };

  /** @throws AppError `invalid_input` for a time that never comes */
  const nextOf = (fields: { schedule: string; timeZone: string; enabled: boolean }): number | null => {
    const next = deps.nextTime(fields.schedule, fields.timeZone, clock.nowMs());
    if (next === null) throw invalid("schedule", "never comes: no such day is in the calendar");
    return fields.enabled ? next : null;
  };

  return {
    async list(actor: Actor, slug: string, environmentName?: string): Promise<JobView[]> {
      const { environment } = await deps.reachSite(actor, slug, "read", environmentName);
      return Promise.all((await store.jobsOf(environment.id)).map(view));
    },

    show: async (actor: Actor, slug: string, name: string, environmentName?: string): Promise<JobView> =>
      view((await find(actor, slug, name, "read", environmentName)).job),

    /** @throws AppError `conflict` when the name is taken, there are too many, or nothing could run it */
    async add(actor: Actor, slug: string, input: NewJob, environmentName?: string): Promise<JobView> {
      const { site, environment } = await deps.reachSite(actor, slug, "change", environmentName);
      if (site.type === "static")
        throw conflict(`${slug} is a static site: it has no image that a job could run in`);
      const nowMs = clock.nowMs();
      const job: JobRecord = {
        ...input,
        id: newId("job", nowMs),
        environmentId: environment.id,
        command: JSON.stringify(input.command),
        enabled: input.enabled ? 1 : 0,
        nextRunAt: nextOf(input),
        createdAt: nowMs,
        createdBy: actorLabel(actor),
        updatedAt: nowMs,
      };
      await store.transaction(async (queries) => {
        const present = await queries.jobsOf(environment.id);
        if (present.some((one) => one.name === job.name)) throw conflict(`name: ${job.name} is taken`);
        if (present.length >= deps.settings.jobsPerSite)
          throw conflict(`a site can have at most ${deps.settings.jobsPerSite} jobs`);
        await queries.insertJob(job);
        const object = { type: "site", id: site.id };
        await queries.insertAudit(auditEntry(actor, "job.add", object, { after: fieldsOf(job) }, nowMs));
      });
      changed();
      return view(job);
    },

    async change(
      actor: Actor,
      slug: string,
      name: string,
      patch: JobPatch,
      environmentName?: string,
    ): Promise<JobView> {
      const { site, job } = await find(actor, slug, name, "change", environmentName);
      const fields = { ...fieldsOf(job), ...patch };
      const nowMs = clock.nowMs();
      const timeChanged =
        fields.schedule !== job.schedule ||
        fields.timeZone !== job.timeZone ||
        fields.enabled !== (job.enabled === 1);
      const after: JobRecord = {
        ...job,
        ...fields,
        command: JSON.stringify(fields.command),
        enabled: fields.enabled ? 1 : 0,
        // A time that is about to come is not put off by a change of something else.
        nextRunAt: timeChanged ? nextOf(fields) : job.nextRunAt,
        updatedAt: nowMs,
      };
      await store.transaction(async (queries) => {
        const taken = fields.name !== name && (await queries.jobByName(job.environmentId, fields.name));
        if (taken) throw conflict(`name: ${fields.name} is taken`);
        const { id, nextRunAt, ...rest } = after;
        if (!(await queries.updateJob(id, timeChanged ? { ...rest, nextRunAt } : rest)))
          throw notFound(`job ${name} of site ${slug}`);
        const change = { before: fieldsOf(job), after: fieldsOf(after) };
        await queries.insertAudit(
          auditEntry(actor, "job.change", { type: "site", id: site.id }, change, nowMs),
        );
      });
      changed();
      return view((await store.jobById(job.id)) ?? after);
    },

    /** Its history goes with it; a run that is under way is ended first. */
    async remove(actor: Actor, slug: string, name: string, environmentName?: string): Promise<void> {
      const { site, job } = await find(actor, slug, name, "change", environmentName);
      await store.updateJob(job.id, { nextRunAt: null, enabled: 0 });
      await runner.endOfJob(job.id, "its job was removed");
      const nowMs = clock.nowMs();
      await store.transaction(async (queries) => {
        if (!(await queries.deleteJob(job.id))) throw notFound(`job ${name} of site ${slug}`);
        const object = { type: "site", id: site.id };
        await queries.insertAudit(auditEntry(actor, "job.remove", object, { before: fieldsOf(job) }, nowMs));
      });
    },

    /** Runs it now, whether it is enabled or not; its overlap policy holds. */
    async runNow(actor: Actor, slug: string, name: string, environmentName?: string): Promise<RunView> {
      const { site, job } = await find(actor, slug, name, "deploy", environmentName);
      const run = await runner.begin(job, null, actorLabel(actor));
      const after = { job: job.name, run: run.id };
      await store.insertAudit(
        auditEntry(actor, "job.run", { type: "site", id: site.id }, { after }, clock.nowMs()),
      );
      return runView(run, job.name, null);
    },

    /** Ends what of it waits or is under way. @throws AppError `conflict` when nothing is */
    async stop(actor: Actor, slug: string, name: string, environmentName?: string): Promise<void> {
      const { site, job } = await find(actor, slug, name, "deploy", environmentName);
      const ended = await runner.endOfJob(job.id, `${actorLabel(actor)} ended it`, false);
      if (ended === 0) throw conflict(`no run of ${name} is under way`);
      const after = { job: job.name };
      await store.insertAudit(
        auditEntry(actor, "job.stop", { type: "site", id: site.id }, { after }, clock.nowMs()),
      );
    },

    /** Newest first. What they printed is for those who may deploy. */
    async runs(
      actor: Actor,
      slug: string,
      name: string,
      page: { limit: number; before: string | null },
      environmentName?: string,
    ): Promise<{ items: RunView[]; next: string | null }> {
      const { job } = await find(actor, slug, name, "deploy", environmentName);
      const items = await viewRuns(job, page.limit, page.before);
      return { items, next: items.length === page.limit ? items.at(-1)!.id : null };
    },
  };
};

export type Jobs = ReturnType<typeof createJobs>;
