import {
  downloadQuerySchema,
  downloadSiteLog,
  followSiteLog,
  logQuerySchema,
  readSiteLog,
  type SiteLogsDeps,
} from "../../logs/site-logs.ts";
import { type ApiRoute, apiRoute } from "../api-route.ts";
import type { EventStreams } from "../event-streams.ts";
import { wantsEvents } from "../sse.ts";
import { textStream } from "../text-stream.ts";

export interface LogRoutesDeps {
  siteLogs: SiteLogsDeps;
  streams: EventStreams;
}

/** What sites print. */
export const logRoutes = ({ siteLogs, streams }: LogRoutesDeps): ApiRoute[] => [
  apiRoute({
    method: "get",
    path: "/sites/:slug/logs",
    scope: "read",
    summary:
      "What the site printed, live and of before: `items` are the lines' texts, `entries` the same lines with all that is known of them; follows as events when asked for text/event-stream, resumed by Last-Event-ID",
    query: logQuerySchema,
    handle: async ({ actor, params, query, c }) => {
      const slug = params.slug!;
      if (!wantsEvents(c)) {
        const { items, ...page } = await readSiteLog(siteLogs, actor, slug, query);
        return { items: items.map((line) => line.text), entries: items, ...page };
      }
      // Checked before the stream begins, so that a refusal is an ordinary answer.
      const check = () => siteLogs.reachSite(actor, slug, "deploy", query.environment);
      await check();
      const from = c.req.header("last-event-id") ?? query.cursor ?? null;
      return streams.respond(c, actor, check, ({ send, signal }) =>
        followSiteLog(
          siteLogs,
          actor,
          slug,
          query,
          from,
          ({ text, cursor, ...line }) =>
            send({ id: cursor ?? undefined, event: "log", data: { line: text, ...line } }),
          signal,
        ),
      );
    },
  }),
  apiRoute({
    method: "get",
    path: "/sites/:slug/logs/download",
    scope: "read",
    summary: "All of what the site printed that is kept, or what of it matches, as a file",
    query: downloadQuerySchema,
    handle: async ({ actor, params, query }) => {
      const slug = params.slug!;
      const text = textStream(await downloadSiteLog(siteLogs, actor, slug, query));
      const zipped = query.gzip === "true";
      const name = `${slug}${query.format === "ndjson" ? ".ndjson" : ".log"}${zipped ? ".gz" : ""}`;
      const type = query.format === "ndjson" ? "application/x-ndjson" : "text/plain; charset=utf-8";
      const zip = new CompressionStream("gzip") as unknown as TransformStream<Uint8Array, Uint8Array>;
      return new Response(zipped ? text.pipeThrough(zip) : text, {
        headers: {
          "Content-Type": zipped ? "application/gzip" : type,
          "Content-Disposition": `attachment; filename="${encodeURIComponent(name)}"`,
          "Cache-Control": "no-store",
          "X-Content-Type-Options": "nosniff",
        },
      });
    },
  }),
];
