import { z } from "zod";
import { jobPatchSchema, newJobSchema } from "../../domain/job.ts";
import type { Log } from "../../domain/log.ts";
import { commandSchema } from "../../domain/run.ts";
import { AppError } from "../../errors.ts";
import type { Runs } from "../../runs/runs.ts";
import { type ApiRoute, apiRoute, environmentQuery } from "../api-route.ts";
import { checkUpgradeOrigin } from "../csrf.ts";
import { execStream } from "../exec-stream.ts";
import { terminalProtocol, terminalSocket } from "../terminal-socket.ts";

export interface RunRoutesDeps {
  log: Log;
  runs: Runs;
}

const seconds = (() => {
  const message = "must be a whole number of seconds, 1 to 14,400 (four hours)";
  return z.number({ error: message }).int(message).min(1, message).max(14_400, message);
})();

const execSchema = z.strictObject({
  command: commandSchema,
  /** Its standard input, which is empty otherwise. */
  stdin: z.string({ error: "must be a text" }).optional(),
  inReplica: z.boolean({ error: "must be true or false" }).default(false),
  timeoutSeconds: seconds.default(3600),
});

const limitMessage = "must be a whole number from 1 to 100";
const pageQuery = environmentQuery.extend({
  limit: z.coerce
    .number({ error: limitMessage })
    .int(limitMessage)
    .min(1, limitMessage)
    .max(100, limitMessage)
    .default(20),
  before: z.string().optional(),
});

/** One-off commands, the terminal and scheduled jobs. */
export const runRoutes = ({ log, runs }: RunRoutesDeps): ApiRoute[] => {
  const { jobs, sessions } = runs;
  return [
    apiRoute({
      method: "post",
      path: "/sites/:slug/exec",
      scope: "deploy",
      summary:
        "Run a command in a container of its own, or with inReplica beside the app; lines of JSON tell what it prints and at last how it ended",
      body: execSchema,
      query: environmentQuery,
      handle: async ({ actor, params, body, query, c }) =>
        execStream(c, async (onOutput) => {
          const session = await sessions.open(
            {
              actor,
              slug: params.slug!,
              environment: query.environment,
              kind: "exec",
              argv: body.command,
              terminal: null,
              stdin: body.stdin !== undefined,
              inReplica: body.inReplica,
              timeoutSeconds: body.timeoutSeconds,
              stillSignedIn: c.get("stillSignedIn"),
            },
            onOutput,
          );
          if (body.stdin !== undefined)
            // Not waited for: it may print more than its input before it takes that.
            void session.write(new TextEncoder().encode(body.stdin)).then(session.endInput);
          return session;
        }),
    }),
    apiRoute({
      method: "get",
      path: "/sites/:slug/terminal",
      scope: "deploy",
      summary: `A terminal, or a command with its input, over a WebSocket of the sub-protocol ${terminalProtocol}`,
      query: environmentQuery,
      handle: async ({ actor, params, query, c }) => {
        checkUpgradeOrigin(c);
        await sessions.mayOpen(actor, params.slug!, query.environment);
        const offered = (c.req.header("sec-websocket-protocol") ?? "").split(/ *, */);
        if (!offered.includes(terminalProtocol))
          throw new AppError(
            "invalid_input",
            `this is a WebSocket of the sub-protocol ${terminalProtocol}: connect with one`,
          );
        const handler = terminalSocket({
          log,
          sessions,
          who: {
            actor,
            slug: params.slug!,
            environment: query.environment,
            stillSignedIn: c.get("stillSignedIn"),
          },
        });
        if (!c.env.upgrade?.(handler, { "Sec-WebSocket-Protocol": terminalProtocol }))
          throw new AppError("invalid_input", "this is a WebSocket: connect with one");
        // The connection is the handler's; nothing reads this answer any more.
        return new Response(null);
      },
    }),
    apiRoute({
      method: "get",
      path: "/sites/:slug/runs",
      scope: "read",
      summary: "Commands and terminals of people, newest first: who, when, how long, how they ended",
      query: pageQuery,
      handle: ({ actor, params, query }) =>
        runs.history(
          actor,
          params.slug!,
          { limit: query.limit, before: query.before ?? null },
          query.environment,
        ),
    }),
    apiRoute({
      method: "get",
      path: "/sites/:slug/jobs",
      scope: "read",
      summary: "Scheduled jobs, with their next time and how the newest run went",
      query: environmentQuery,
      handle: async ({ actor, params, query }) => ({
        items: await jobs.list(actor, params.slug!, query.environment),
      }),
    }),
    apiRoute({
      method: "post",
      path: "/sites/:slug/jobs",
      scope: "write",
      summary:
        "Add a scheduled job: a command that runs in a container of its own, of the release that is current then",
      body: newJobSchema,
      query: environmentQuery,
      status: 201,
      handle: ({ actor, params, body, query }) => jobs.add(actor, params.slug!, body, query.environment),
    }),
    apiRoute({
      method: "get",
      path: "/sites/:slug/jobs/:name",
      scope: "read",
      summary: "One scheduled job",
      query: environmentQuery,
      handle: ({ actor, params, query }) => jobs.show(actor, params.slug!, params.name!, query.environment),
    }),
    apiRoute({
      method: "patch",
      path: "/sites/:slug/jobs/:name",
      scope: "write",
      summary: "Change some fields of a scheduled job",
      body: jobPatchSchema,
      query: environmentQuery,
      handle: ({ actor, params, body, query }) =>
        jobs.change(actor, params.slug!, params.name!, body, query.environment),
    }),
    apiRoute({
      method: "delete",
      path: "/sites/:slug/jobs/:name",
      scope: "write",
      summary: "Remove a scheduled job and its history; a run that is under way is ended",
      query: environmentQuery,
      handle: async ({ actor, params, query }) => {
        await jobs.remove(actor, params.slug!, params.name!, query.environment);
        return {};
      },
    }),
    apiRoute({
      method: "post",
      path: "/sites/:slug/jobs/:name/run",
      scope: "deploy",
      summary: "Run a job now, as its overlap policy allows",
      query: environmentQuery,
      status: 202,
      handle: ({ actor, params, query }) => jobs.runNow(actor, params.slug!, params.name!, query.environment),
    }),
    apiRoute({
      method: "post",
      path: "/sites/:slug/jobs/:name/stop",
      scope: "deploy",
      summary: "End the runs of a job that wait or are under way",
      query: environmentQuery,
      handle: async ({ actor, params, query }) => {
        await jobs.stop(actor, params.slug!, params.name!, query.environment);
        return {};
      },
    }),
    apiRoute({
      method: "get",
      path: "/sites/:slug/jobs/:name/runs",
      scope: "read",
      summary: "Runs of a job, newest first, with the last lines of what each printed",
      query: pageQuery,
      handle: ({ actor, params, query }) =>
        jobs.runs(
          actor,
          params.slug!,
          params.name!,
          { limit: query.limit, before: query.before ?? null },
          query.environment,
        ),
    }),
  ];
};
