import { z } from "zod";

/** What the authority refused, by its own words (RFC 8555 section 6.7). */
export class AcmeProblem extends Error {
  constructor(
    /** Without the common prefix: `rateLimited`, `unauthorized`, `dns`, … */
    readonly type: string,
    readonly detail: string,
    readonly status: number,
    /** From now; null when the authority named no time. */
    readonly retryAfterMs: number | null,
    /** Of a challenge that was not met: its type, and what the authority found instead, such as `http-01 connection`. */
    readonly found: string | null = null,
  ) {
    super(detail === "" ? type : detail);
    this.name = "AcmeProblem";
  }
}

const shape = z.object({
  type: z.string().default(""),
  detail: z.string().default(""),
  status: z.number().optional(),
  subproblems: z.array(z.object({ detail: z.string().default("") })).default([]),
});

export const problemType = (type: string): string => type.replace(/^urn:ietf:params:acme:error:/, "");

/** One sentence of what went wrong, from a problem document or the `error` of a challenge or an order. */
export const problemOf = (
  document: unknown,
  status: number,
  retryAfterMs: number | null = null,
): AcmeProblem => {
  const parsed = shape.safeParse(document);
  if (!parsed.success) return new AcmeProblem("", `it answered with status ${status}`, status, retryAfterMs);
  const { type, detail, subproblems } = parsed.data;
  const words = [detail, ...subproblems.map((one) => one.detail)].filter((text) => text !== "").join("; ");
  // It may quote what somebody's server answered, and ends in terminals.
  const line = words.slice(0, 1000).replace(/[\p{Cc}\p{Cf}]+/gu, " ");
  return new AcmeProblem(problemType(type), line, status, retryAfterMs);
};

/** No limit of an authority lasts longer. */
const longestWaitMs = 7 * 24 * 3_600_000;

/** @param header seconds or a date (RFC 9110 section 10.2.3) @returns a week at most */
export const retryAfterOf = (header: string | null, nowMs: number): number | null => {
  if (header === null) return null;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isFinite(ms) ? Math.min(longestWaitMs, Math.max(0, ms)) : null;
};
