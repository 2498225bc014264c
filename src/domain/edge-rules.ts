import { z } from "zod";
import { formatBytes, GB, KB } from "./size.ts";

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

/** The part of each site's rules that a person gives; names as in the API. A field that is given replaces the whole field. */
export const edgeRulesSchema = z.strictObject({
  /** Per address of a visitor (IPv6 by /64), beside the limit of the site; null for none. */
  clientRequestsPerMinute: perClient.default(null),
  /** Once the month's bandwidth is used up: slow down, refuse with 509, or only say so. */
  bandwidthPolicy: z
    .enum(bandwidthPolicies, { error: `must be one of ${bandwidthPolicies.join(", ")}` })
    .default("throttle"),
  /** All visitors of the site together, in and out, with policy `throttle`. */
  bandwidthThrottleBytesPerSecond: rate.default(256 * KB),
});

/** As asked for, with every field. */
export type EdgeRules = z.output<typeof edgeRulesSchema>;

export const defaultEdgeRules: EdgeRules = edgeRulesSchema.parse({});

const { shape } = edgeRulesSchema;

/** Only what is to change. Without the defaults, which would reset what is not given. */
export const edgeRulesPatchSchema = z.strictObject({
  clientRequestsPerMinute: shape.clientRequestsPerMinute.unwrap().optional(),
  bandwidthPolicy: shape.bandwidthPolicy.unwrap().optional(),
  bandwidthThrottleBytesPerSecond: shape.bandwidthThrottleBytesPerSecond.unwrap().optional(),
});
export type EdgeRulesPatch = z.output<typeof edgeRulesPatchSchema>;

/** Reads stored rules: fields of a later version are left out, missing ones have their defaults. */
export const readEdgeRules = (stored: string | undefined): EdgeRules =>
  stored === undefined ? defaultEdgeRules : z.object(shape).parse(JSON.parse(stored));

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
