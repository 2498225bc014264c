import type { RouteAccessLog } from "../domain/edge.ts";
import type { EdgeRules } from "../domain/edge-rules.ts";

/** What the edge is told of a site's access log; null when it keeps none. */
export const accessLogOf = (environmentId: string, rules: EdgeRules): RouteAccessLog | null =>
  rules.accessLog === "off"
    ? null
    : {
        into: environmentId,
        detail: rules.accessLog,
        maxBytes: rules.accessLogBytes,
        keptDays: rules.accessLogDays,
      };
