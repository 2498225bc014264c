import { z } from "zod";
import { type Actor, type SiteAction } from "../domain/actor.ts";
import { deploymentSummary, deploymentView, isoOf } from "../domain/deployment-view.ts";
import { isTerminal, type Trigger } from "../domain/deployment.ts";
import type {
  DeploymentLogRecord,
  DeploymentRecord,
  EnvironmentRecord,
  SiteRecord,
} from "../domain/records.ts";
import { branchSchema, imageRefSchema } from "../domain/site.ts";
import type { DeploymentSummary, DeploymentView, LogLineView } from "../domain/views.ts";
import { AppError, conflict, invalid, notFound } from "../errors.ts";
import type { DeployDeps } from "./deps.ts";
import { chooseSource, type DeploySource, enqueue } from "./enqueue.ts";
import type { Queue } from "./queue.ts";

export const deploySchema = z.strictObject({
  commit: z
    .string()
    .regex(/^[0-9a-f]{40}$/, "must be a full commit hash of 40 hexadecimal digits")
    .optional(),
  branch: branchSchema.optional(),
  image: imageRefSchema.optional(),
});
export type DeployInput = z.infer<typeof deploySchema>;

export const rollbackSchema = z.strictObject({
  /** Number of a kept release; the one before the current one when not said. */
  to: z.number({ error: "must be a release number" }).int().min(1, "must be a release number").optional(),
});

interface InReach {
  site: SiteRecord;
  environment: EnvironmentRecord;
}

export interface DeploymentsDeps extends DeployDeps {
  queue: Queue;
  reachSite(actor: Actor, slug: string, action: SiteAction, environmentName?: string): Promise<InReach>;
  reachEnvironment(actor: Actor, environmentId: string, action: SiteAction, what: string): Promise<InReach>;
}

/** The verbs around deployments, for API, panel, hooks and the git remote. */
export const createDeployments = (deps: DeploymentsDeps) => {
  const reach = async (actor: Actor, id: string, action: SiteAction) => {
    const deployment = await deps.store.deploymentById(id);
    if (!deployment) throw notFound(`deployment ${id}`);
    return {
      deployment,
      ...(await deps.reachEnvironment(actor, deployment.environmentId, action, `deployment ${id}`)),
    };
  };

  /** Its own, or that of the one it waits behind. */
  const errorOf = async (deployment: DeploymentRecord) => {
    if (deployment.status !== "pending")
      return { errorCode: deployment.errorCode, errorMessage: deployment.errorMessage };
    const { errorCode = null, errorMessage = null } =
      (await deps.store.openDeployments()).find(
        (one) => one.environmentId === deployment.environmentId && one.errorMessage !== null,
      ) ?? {};
    return {
      errorCode,
      errorMessage: errorMessage === null ? null : `waits for the deployment before it: ${errorMessage}`,
    };
  };

  const summaryOf = async (deployment: DeploymentRecord, { site, environment }: InReach) => {
    const release = deployment.releaseId ? await deps.store.releaseById(deployment.releaseId) : undefined;
    return deploymentSummary(
      { ...deployment, ...(await errorOf(deployment)) },
      { slug: site.slug, environment: environment.name },
      release?.number ?? null,
    );
  };

  const viewOf = async (deployment: DeploymentRecord, inReach: InReach): Promise<DeploymentView> => {
    const previous = deployment.previousReleaseId
      ? await deps.store.releaseById(deployment.previousReleaseId)
      : undefined;
    return deploymentView(await summaryOf(deployment, inReach), {
      steps: await deps.store.stepsOf(deployment.id, deployment.attempts),
      build: await deps.store.buildOf(deployment.id),
      replaces: previous?.number ?? null,
    });
  };

  /** Whoever follows the log would otherwise see nothing at all. */
  const sayThatItWaits = async ({ id }: DeploymentRecord): Promise<void> => {
    const message = "waiting for Docker to answer; this deployment begins when it does";
    const line = {
      seq: 1,
      at: deps.clock.nowMs(),
      level: "warning",
      source: "orchestrator",
      message,
    } as const;
    // Refused when the queue was quicker: then the log has begun already.
    await deps.store.insertLogLines([{ deploymentId: id, ...line }]).catch(() => {});
    deps.notifier.notify(id);
  };

  /** For callers that have checked who may do this: hooks, the git remote. */
  const start = async (
    actor: Actor,
    environment: EnvironmentRecord,
    trigger: Trigger,
    source: DeploySource,
  ): Promise<DeploymentRecord> => {
    const deployment = await enqueue(deps, actor, environment, trigger, source);
    if (!deps.engineUp()) await sayThatItWaits(deployment);
    deps.queue.kick();
    return deployment;
  };

  return {
    start,

    /** @throws AppError `not_found`, `forbidden`, `conflict` (nothing to deploy), `invalid_input` */
    deploy: async (
      actor: Actor,
      slug: string,
      input: DeployInput,
      trigger: Trigger,
    ): Promise<DeploymentView> => {
      const inReach = await deps.reachSite(actor, slug, "deploy");
      const source = await chooseSource(deps, inReach.site, inReach.environment, input);
      return viewOf(await start(actor, inReach.environment, trigger, source), inReach);
    },

    /**
     * Brings an earlier release back without a build. A running deployment that has not switched yet is
     * cancelled, and the rollback goes first.
     * @throws AppError `conflict` when there is no kept release to go back to
     */
    rollback: async (actor: Actor, slug: string, to: number | undefined): Promise<DeploymentView> => {
      const inReach = await deps.reachSite(actor, slug, "deploy");
      const { environment } = inReach;
      const releases = await deps.store.releasesOf(environment.id);
      const current = releases.find((release) => release.id === environment.currentReleaseId);
      const kept = releases.filter((release) => release.retiredAt === null && release.id !== current?.id);
      const target =
        to === undefined
          ? kept.find((release) => current === undefined || release.number < current.number)
          : releases.find((release) => release.number === to);
      if (to !== undefined && (!target || target.retiredAt !== null))
        throw invalid(
          "to",
          `release ${to} is not kept; there is ${kept.map((release) => release.number).join(", ") || "none"}`,
        );
      if (!target) throw conflict("there is no earlier release to roll back to");
      for (const open of await deps.store.openDeployments())
        if (open.environmentId === environment.id && open.switchedAt === null)
          await deps.queue.cancel(open.id);
      return viewOf(
        await start(actor, environment, "rollback", { source: "release", releaseId: target.id }),
        inReach,
      );
    },

    /** @throws AppError `conflict` when it has switched or ended */
    cancel: async (actor: Actor, id: string): Promise<DeploymentView> => {
      const { deployment, ...inReach } = await reach(actor, id, "deploy");
      if (!(await deps.queue.cancel(id)))
        throw conflict(
          isTerminal(deployment.status)
            ? `deployment ${id} has ended already: ${deployment.status}`
            : `deployment ${id} serves already; roll back instead`,
        );
      return viewOf((await deps.store.deploymentById(id)) ?? deployment, inReach);
    },

    /** Newest first. `next` is the cursor of the page that follows. */
    list: async (
      actor: Actor,
      slug: string,
      page: { limit: number; before: string | null },
    ): Promise<{ items: DeploymentSummary[]; next: string | null }> => {
      const inReach = await deps.reachSite(actor, slug, "read");
      const rows = await deps.store.deploymentsOf(inReach.environment.id, page.limit + 1, page.before);
      const shown = rows.slice(0, page.limit);
      return {
        items: await Promise.all(shown.map((row) => summaryOf(row, inReach))),
        next: rows.length > page.limit ? (shown.at(-1)?.id ?? null) : null,
      };
    },

    get: async (actor: Actor, id: string): Promise<DeploymentView> => {
      const { deployment, ...inReach } = await reach(actor, id, "read");
      return viewOf(deployment, inReach);
    },

    /** Lines after a sequence number. `done` says that none will follow. */
    log: async (
      actor: Actor,
      id: string,
      afterSeq: number,
      limit = 1000,
    ): Promise<{ items: LogLineView[]; done: boolean }> => {
      const { deployment } = await reach(actor, id, "read");
      const rows = await deps.store.logAfter(id, afterSeq, limit);
      return {
        items: rows.map(lineView),
        done: isTerminal(deployment.status) && rows.length < limit,
      };
    },

    /** The newest lines, oldest first. */
    logTail: async (actor: Actor, id: string, lines: number): Promise<LogLineView[]> => {
      await reach(actor, id, "read");
      return (await deps.store.logTail(id, lines)).map(lineView);
    },

    /**
     * Follows a deployment to its end: every line once, in order. Resolves with how it ended, or with what holds it
     * up when that may last.
     * @throws AppError `unavailable` when the signal aborts first
     */
    follow: async (
      id: string,
      onLine: (line: LogLineView) => void,
      signal: AbortSignal,
    ): Promise<{ ok: boolean; heldUp: boolean; message: string }> => {
      let afterSeq = 0;
      for (;;) {
        const changed = nextChange(deps, id, signal);
        const deployment = await deps.store.deploymentById(id);
        const rows = await deps.store.logAfter(id, afterSeq, 1000);
        for (const row of rows) onLine(lineView(row));
        afterSeq = rows.at(-1)?.seq ?? afterSeq;
        if (deployment && isTerminal(deployment.status) && rows.length < 1000)
          return {
            ok: deployment.status === "success",
            heldUp: false,
            message: deployment.errorMessage ?? deployment.status,
          };
        const held = deployment && rows.length < 1000 ? (await errorOf(deployment)).errorMessage : null;
        if (held !== null) return { ok: false, heldUp: true, message: held };
        if (rows.length < 1000) await changed;
        if (signal.aborted) throw new AppError("unavailable", "no longer followed");
      }
    },

    subscribe: deps.notifier.subscribe,
  };
};

export type Deployments = ReturnType<typeof createDeployments>;

const lineView = ({ seq, at, level, source, message }: DeploymentLogRecord): LogLineView => ({
  seq,
  at: isoOf(at),
  level,
  source,
  message,
});

/** Resolves at the next change of a deployment, when the signal aborts, or after a while (a lost wake-up costs little). */
const nextChange = (deps: Pick<DeployDeps, "notifier">, id: string, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      unsubscribe();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, 5000);
    const unsubscribe = deps.notifier.subscribe(id, end);
    signal.addEventListener("abort", end, { once: true });
  });
