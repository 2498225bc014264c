import { z } from "zod";
import { isTerminal, triggers } from "../../domain/deployment.ts";
import { deploySchema, type Deployments, rollbackSchema } from "../../deploy/deployments.ts";
import { type ApiRoute, apiRoute } from "../api-route.ts";
import type { EventStreams } from "../event-streams.ts";
import { type SseStream, wantsEvents } from "../sse.ts";
import type { UserActor } from "../request-env.ts";

const sequence = z.coerce.number({ error: "must be a sequence number" }).int().min(0, "must not be negative");

export const deploymentRoutes = ({
  deployments,
  streams,
}: {
  deployments: Deployments;
  streams: EventStreams;
}): ApiRoute[] => [
  apiRoute({
    method: "get",
    path: "/sites/:slug/deployments",
    scope: "read",
    summary: "Deployments, newest first, by cursor",
    query: z.object({
      limit: z.coerce
        .number({ error: "must be a number" })
        .int()
        .min(1, "must be 1 to 100")
        .max(100, "must be 1 to 100")
        .default(20),
      before: z.string().optional(),
    }),
    handle: ({ actor, params, query }) =>
      deployments.list(actor, params.slug!, { limit: query.limit, before: query.before ?? null }),
  }),
  apiRoute({
    method: "post",
    path: "/sites/:slug/deployments",
    scope: "deploy",
    summary: "Deploy the head of the branch, a commit, or an image",
    body: deploySchema.extend({ trigger: z.enum(triggers).extract(["api", "cli"]).default("api") }),
    status: 202,
    handle: ({ actor, params, body: { trigger, ...input } }) =>
      deployments.deploy(actor, params.slug!, input, trigger),
  }),
  apiRoute({
    method: "post",
    path: "/sites/:slug/rollback",
    scope: "deploy",
    summary: "Bring an earlier release back, without a build",
    body: rollbackSchema,
    status: 202,
    handle: ({ actor, params, body }) => deployments.rollback(actor, params.slug!, body.to),
  }),
  apiRoute({
    method: "get",
    path: "/deployments/:id",
    scope: "read",
    summary: "One deployment with its steps and its build",
    handle: ({ actor, params }) => deployments.get(actor, params.id!),
  }),
  apiRoute({
    method: "post",
    path: "/deployments/:id/cancel",
    scope: "deploy",
    summary: "Cancel a deployment that does not serve yet",
    handle: ({ actor, params }) => deployments.cancel(actor, params.id!),
  }),
  apiRoute({
    method: "get",
    path: "/deployments/:id/logs",
    scope: "read",
    summary: "Log lines after a sequence number; live as events, resumed by Last-Event-ID",
    query: z.object({ after: sequence.default(0) }),
    handle: async ({ actor, params, query, c }) => {
      if (!wantsEvents(c)) return deployments.log(actor, params.id!, query.after);
      // Checked before the stream begins, so that a refusal is an ordinary answer.
      await deployments.get(actor, params.id!);
      const resumed = sequence.safeParse(c.req.header("last-event-id"));
      const after = resumed.success ? resumed.data : query.after;
      const check = () => deployments.get(actor, params.id!);
      return streams.respond(c, actor, check, (stream) =>
        streamDeployment(deployments, actor, params.id!, after, stream),
      );
    },
  }),
];

/** Rows first, then what is added, by sequence number. */
const streamDeployment = async (
  deployments: Deployments,
  actor: UserActor,
  id: string,
  after: number,
  stream: SseStream,
): Promise<void> => {
  let seq = after;
  let lastStatus = "";
  while (!stream.signal.aborted) {
    const { promise: changed, resolve } = Promise.withResolvers<void>();
    const unsubscribe = deployments.subscribe(id, resolve);
    const timer = setTimeout(resolve, 5000);
    stream.signal.addEventListener("abort", () => resolve(), { once: true });
    try {
      const view = await deployments.get(actor, id);
      const { items } = await deployments.log(actor, id, seq);
      for (const line of items) await stream.send({ id: line.seq, event: "log", data: line });
      seq = items.at(-1)?.seq ?? seq;
      const status = JSON.stringify(view);
      if (status !== lastStatus) await stream.send({ event: "status", data: view });
      lastStatus = status;
      if (items.length > 0) continue;
      if (isTerminal(view.status)) {
        await stream.send({ event: "end", data: { status: view.status } });
        return;
      }
      await changed;
    } finally {
      clearTimeout(timer);
      unsubscribe();
    }
  }
};
