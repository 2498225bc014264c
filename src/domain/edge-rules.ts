import { z } from "zod";
import {
  hstsSchema,
  maintenanceSchema,
  networksSchema,
  pagesSchema,
  redirectsSchema,
  responseHeadersSchema,
  storedUsersSchema,
  usersSchema,
} from "./edge-rules-parts.ts";
import { formatBytes, GB, KB, MB } from "./size.ts";

/** What happens once a month's bandwidth is used up. */
export const bandwidthPolicies = ["throttle", "block", "warn"] as const;
export type BandwidthPolicy = (typeof bandwidthPolicies)[number];

const rate = (() => {
  const message = `must be between ${formatBytes(KB)} and ${formatBytes(10 * GB)} a second`;
  return z
    .number({ error: message })
    .int("must be a whole number")
    .min(KB, message)
    .max(10 * GB, message);
})();

const perClient = (() => {
  const message = "must be between 1 and 10,000,000, or null for no limit";
  return z
    .number({ error: message })
    .int("must be a whole number")
    .min(1, message)
    .max(10_000_000, message)
    .nullable();
})();

/** What a site's access log tells of visitors. */
export const accessLogDetails = ["off", "anonymous", "full"] as const;

const between = (least: number, most: number, text: string) => {
  const message = `must be between ${text}`;
  return z.number({ error: message }).int("must be a whole number").min(least, message).max(most, message);
};

const toggle = z.boolean({ error: "must be true or false" });

/** Each field as it may be given; names as in the API. */
const fields = {
  /** Per address of a visitor (IPv6 by /64), beside the limit of the site; null for none. */
  clientRequestsPerMinute: perClient,
  /** Once the month's bandwidth is used up: slow down, refuse with 509, or only say so. */
  bandwidthPolicy: z.enum(bandwidthPolicies, { error: `must be one of ${bandwidthPolicies.join(", ")}` }),
  /** All visitors of the site together, in and out, with policy `throttle`. */
  bandwidthThrottleBytesPerSecond: rate,
  /** Of one WebSocket message that a visitor sends; longer ones close it with 1009. */
  webSocketMessageBytes: between(KB, GB, "1 KB and 1 GB"),
  /** Every request is answered 503; null when the site serves. */
  maintenance: maintenanceSchema,
  /** Whole paths, and with `prefix` all below; the longest one decides. */
  redirects: redirectsSchema,
  /** When not empty, only visitors from these are served. */
  allow: networksSchema,
  /** Not served, whatever `allow` says. */
  deny: networksSchema,
  /** In place of the app's own of the same name. */
  responseHeaders: responseHeadersSchema,
  pages: pagesSchema,
  /** `Strict-Transport-Security` on answers over HTTPS, in place of the app's own. */
  hstsSeconds: hstsSchema,
  /** Static sites: a path without a file is answered with `/index.html`, for apps that route in the browser. */
  spaFallback: toggle,
  /** Static sites: `app.js.zst`, `.br` or `.gz` beside `app.js` is sent to who accepts it. */
  precompressed: toggle,
  /** Apps: answers of compressible types go out as gzip or zstd; not with credentials on requests of other sites. */
  compression: toggle,
  /** `anonymous`: no addresses, queries, user agents; of referrers the origin. `full`: all of them. */
  accessLog: z.enum(accessLogDetails, { error: `must be one of ${accessLogDetails.join(", ")}` }),
  /** Older lines go when there is no room, */
  accessLogBytes: between(MB, GB, `${formatBytes(MB)} and ${formatBytes(GB)}`),
  /** and when they are older than that. */
  accessLogDays: between(1, 90, "1 and 90 days"),
};

/** Only what is to change; a field that is given replaces the whole field. */
export const edgeRulesPatchSchema = z.strictObject({ ...fields, basicAuth: usersSchema }).partial();
export type EdgeRulesPatch = z.output<typeof edgeRulesPatchSchema>;

const storedSchema = z.object({ ...fields, basicAuth: storedUsersSchema });

/** As it holds, with every field. */
export type EdgeRules = z.output<typeof storedSchema>;

/** As it may be seen: users without their passwords. */
export type EdgeRulesView = Omit<EdgeRules, "basicAuth"> & { basicAuth: { name: string }[] };

export const edgeRulesView = (rules: EdgeRules): EdgeRulesView => ({
  ...rules,
  basicAuth: rules.basicAuth.map(({ name }) => ({ name })),
});

export const defaultEdgeRules: EdgeRules = {
  clientRequestsPerMinute: null,
  bandwidthPolicy: "throttle",
  bandwidthThrottleBytesPerSecond: 256 * KB,
  webSocketMessageBytes: 16 * MB,
  maintenance: null,
  redirects: [],
  allow: [],
  deny: [],
  responseHeaders: [],
  pages: { notFound: null, error: null, maintenance: null },
  hstsSeconds: null,
  spaFallback: false,
  precompressed: false,
  compression: false,
  accessLog: "anonymous",
  accessLogBytes: 8 * MB,
  accessLogDays: 7,
  basicAuth: [],
};

/** Reads stored rules; what is missing has its default. */
export const readEdgeRules = (stored: string | undefined): EdgeRules =>
  stored === undefined
    ? defaultEdgeRules
    : { ...defaultEdgeRules, ...storedSchema.partial().parse(JSON.parse(stored)) };

/** What is stored: only what differs from the defaults, so that a changed default reaches who never chose. */
export const writeEdgeRules = (rules: EdgeRules): string =>
  JSON.stringify(
    Object.fromEntries(
      Object.entries(rules).filter(
        ([name, value]) =>
          JSON.stringify(value) !== JSON.stringify(defaultEdgeRules[name as keyof EdgeRules]),
      ),
    ),
  );
