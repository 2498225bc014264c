import { z } from "zod";
import { commandSchema, type RunStatus } from "./run.ts";

/** While a run of the job is under way and its time comes again: leave that out, wait, end the old one, or run both. */
export const overlapPolicies = ["skip", "queue", "replace", "allow"] as const;
export type OverlapPolicy = (typeof overlapPolicies)[number];

/** Times that went by while the daemon was away: leave them out, or make up for all of them by one run. */
export const missedPolicies = ["skip", "run"] as const;
export type MissedPolicy = (typeof missedPolicies)[number];

/** A row of `jobs`; times in UTC milliseconds. */
export interface JobRecord {
  id: string;
  environmentId: string;
  name: string;
  schedule: string;
  timeZone: string;
  /** JSON: the words of the command. */
  command: string;
  timeoutSeconds: number;
  overlap: OverlapPolicy;
  missed: MissedPolicy;
  enabled: number;
  /** Null while it is not enabled. */
  nextRunAt: number | null;
  createdAt: number;
  createdBy: string;
  updatedAt: number;
}

/** What the API answers. */
export interface JobView {
  name: string;
  schedule: string;
  timeZone: string;
  command: string[];
  timeoutSeconds: number;
  overlap: OverlapPolicy;
  missed: MissedPolicy;
  enabled: boolean;
  nextRunAt: string | null;
  /** Of the newest run; null before the first. */
  lastRun: {
    id: string;
    status: RunStatus;
    at: string;
    exitCode: number | null;
    reason: string | null;
  } | null;
  createdAt: string;
  updatedAt: string;
}

const isTimeZone = (name: string): boolean => {
  try {
    // Offsets such as +02:00 are taken too, but know nothing of summer.
    return /^[A-Z]/i.test(name) && new Intl.DateTimeFormat("en", { timeZone: name }) !== null;
  } catch {
    return false;
  }
};

const oneOf = <const T extends readonly string[]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(", ")}` });

const timeoutMessage = "must be a whole number of seconds, 1 to 86,400 (a day)";

export const jobFieldsSchema = z.strictObject({
  name: z
    .string()
    .max(40, "must be at most 40 characters")
    .regex(
      /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/,
      "may hold a-z, 0-9 and -, and must start and end with one of a-z, 0-9",
    ),
  /** Minutes are the finest. That it ever comes is checked by who knows the calendar. */
  schedule: z
    .string()
    .trim()
    .max(100, "must be at most 100 characters")
    .transform((text) => text.replace(/[ \t]+/g, " "))
    .refine(
      (text) =>
        /^@(?:hourly|daily|weekly|monthly|yearly)$/.test(text) ||
        /^[0-9A-Za-z*,/#-]+(?: [0-9A-Za-z*,/#-]+){4}$/.test(text),
      "must be five fields: minute, hour, day of month, month, day of week, such as 30 3 * * 1-5; or @hourly, @daily, @weekly, @monthly, @yearly",
    ),
  timeZone: z.string().refine(isTimeZone, "must be a time zone such as Europe/Berlin or UTC"),
  command: commandSchema,
  timeoutSeconds: z
    .number({ error: timeoutMessage })
    .int(timeoutMessage)
    .min(1, timeoutMessage)
    .max(86_400, timeoutMessage),
  overlap: oneOf(overlapPolicies),
  missed: oneOf(missedPolicies),
  enabled: z.boolean({ error: "must be true or false" }),
});

export const newJobSchema = jobFieldsSchema.extend({
  timeZone: jobFieldsSchema.shape.timeZone.default("UTC"),
  timeoutSeconds: jobFieldsSchema.shape.timeoutSeconds.default(3600),
  overlap: jobFieldsSchema.shape.overlap.default("skip"),
  missed: jobFieldsSchema.shape.missed.default("skip"),
  enabled: jobFieldsSchema.shape.enabled.default(true),
});
export type NewJob = z.output<typeof newJobSchema>;

export const jobPatchSchema = jobFieldsSchema.partial();
export type JobPatch = z.output<typeof jobPatchSchema>;
