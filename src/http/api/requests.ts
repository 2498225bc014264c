import { z } from "zod";
import { accessQuerySchema, combinedLog, followAccessLog, readAccessLog } from "../../requests/access-log.ts";
import type { RequestDeps } from "../../requests/deps.ts";
import { listTopPaths, pathsQuerySchema } from "../../requests/top-paths.ts";
import { type ApiRoute, apiRoute } from "../api-route.ts";
import type { EventStreams } from "../event-streams.ts";
import { wantsEvents } from "../sse.ts";
import { textStream } from "../text-stream.ts";

export interface RequestRoutesDeps {
  requests: RequestDeps;
  streams: EventStreams;
}

export const requestRoutes = ({ requests, streams }: RequestRoutesDeps): ApiRoute[] => [
  apiRoute({
    method: "get",
    path: "/sites/:slug/access-log",
    scope: "read",
    summary:
      "Requests to a site as the edge saw them; follows as events when asked for text/event-stream, resumed by Last-Event-ID",
    query: accessQuerySchema.extend({
      format: z.enum(["json", "combined"], { error: "must be json or combined" }).default("json"),
    }),
    handle: async ({ actor, params, query: { format, ...query }, c }) => {
      const slug = params.slug!;
      if (wantsEvents(c)) {
        // Checked before the stream begins, so that a refusal is an ordinary answer.
        const check = () => requests.reachSite(actor, slug, "deploy", query.environment);
        await check();
        const from = c.req.header("last-event-id") ?? query.after ?? null;
        return streams.respond(c, actor, check, ({ send, signal }) =>
          followAccessLog(
            requests,
            actor,
            slug,
            query,
            from,
            (event, place) =>
              send({
                id: place,
                ...(event === null
                  ? { event: "here", data: {} }
                  : "line" in event
                    ? { event: "request", data: event.line }
                    : { event: "dropped", data: event }),
              }),
            signal,
          ),
        );
      }
      if (format === "json") return readAccessLog(requests, actor, slug, query);
      const text = await combinedLog(requests, actor, slug, query);
      return new Response(textStream(text), {
        headers: {
          "Content-Type": "text/plain; charset=utf-8",
          "Content-Disposition": `attachment; filename="${encodeURIComponent(slug)}-access.log"`,
          "Cache-Control": "no-store",
          "X-Content-Type-Options": "nosniff",
        },
      });
    },
  }),
  apiRoute({
    method: "get",
    path: "/sites/:slug/paths",
    scope: "read",
    summary:
      "What visitors asked for most, by method and pattern of the path; the last 24 hours when not said",
    query: pathsQuerySchema,
    handle: ({ actor, params, query }) => listTopPaths(requests, actor, params.slug!, query),
  }),
];
