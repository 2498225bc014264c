import { z } from "zod";

/** How requests of an environment find a replica, beyond limits and rules. */

/** Requests that wait beyond this are answered 503. */
export const mostWaiting = 1000;
/** Nobody is to forget a paused site: it goes on by itself after that. */
export const longestPauseMs = 10 * 60_000;

const maxSeconds = (() => {
  const message = "must be between 1 and 300 seconds";
  return z
    .number({ error: message })
    .int("must be a whole number of seconds")
    .min(1, message)
    .max(300, message);
})();

/** How long one request waits for the site to go on. */
export const pauseSchema = z.strictObject({ maxSeconds: maxSeconds.default(30) });
export type PauseInput = z.output<typeof pauseSchema>;

export interface PauseView {
  since: string;
  /** It goes on by itself then. */
  resumesAt: string;
  /** How long one request waits. */
  maxSeconds: number;
}

const weight = (() => {
  const message = "must be between 0 and 1,000";
  return z.number({ error: message }).int("must be a whole number").min(0, message).max(1000, message);
})();

/** Releases by number, with what part of the visitors each gets; an empty list ends the split. */
export const splitSchema = z.strictObject({
  releases: z
    .array(
      z.strictObject({
        release: z.number({ error: "must be a release's number" }).int().min(1, "must be a release's number"),
        weight,
      }),
      { error: "must be a list of releases with weights" },
    )
    .max(4, "may hold 4 releases at most")
    .refine(
      (all) => new Set(all.map(({ release }) => release)).size === all.length,
      "must not name a release twice",
    )
    .refine(
      (all) => all.length === 0 || all.some((one) => one.weight > 0),
      "must give a weight to one release at least",
    ),
});
export type SplitInput = z.output<typeof splitSchema>;

/** As stored: `TrafficSplitRecord.shares`. */
export const sharesSchema = z.array(z.object({ releaseId: z.string(), weight: z.number() }));
export type Shares = z.output<typeof sharesSchema>;

/** The releases that serve beside the current one; empty when the split is not in force. */
export const sharesInForce = (stored: string | undefined, currentReleaseId: string | null): Shares => {
  const shares = stored === undefined ? [] : sharesSchema.parse(JSON.parse(stored));
  return shares.some(({ releaseId }) => releaseId === currentReleaseId) ? shares : [];
};

/** What became of a month's bandwidth. */
export const bandwidthStates = ["ok", "warn", "throttled", "blocked"] as const;
export interface BandwidthView {
  state: (typeof bandwidthStates)[number];
  /** Since when it is not ok. */
  since: string | null;
}
