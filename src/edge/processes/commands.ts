import { z } from "zod";

/**
 * What edge processes say to each other, below `/own` of each one's socket; answered for that process alone. At a hand-over
 * they are of two builds: what is added later has to be optional.
 */

/**
 * `starting`: does not serve yet; `lead`: the daemon speaks to it; `worker`: serves beside a lead; `retired`: takes no new
 * connections, and ends when the present ones have.
 */
export type Role = "starting" | "lead" | "worker" | "retired";

/** `GET /own/state` */
export const processState = z.object({
  role: z.enum(["starting", "lead", "worker", "retired"]),
  /** Of a worker: whose. */
  lead: z.string().nullable(),
  version: z.string(),
  /** Life of the counters. */
  epoch: z.string(),
  /** As in `EdgeHealth`. */
  listening: z.array(z.string()),
  /** What was last put. */
  challenges: z.unknown().optional(),
});
export type ProcessState = z.infer<typeof processState>;

/** `POST /own/retire`; refused with 409 unless `lead` is the lead. */
export const retireRequest = z.strictObject({
  lead: z.string(),
  deadlineMs: z.number().min(0).max(86_400_000),
});

export const countsById = z.record(z.string(), z.number());
export const remaining = z.object({ remaining: z.number() });
