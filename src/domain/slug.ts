import { z } from "zod";

/** Names that would collide with Croft's own hosts or paths, or invite phishing. */
const reserved = new Set(
  "croft www api admin panel git hooks static assets mail smtp imap pop ftp ns ns1 ns2 localhost edge health healthz readyz metrics status docs help support root system internal".split(
    " ",
  ),
);

const pattern = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

const label = (maxLength: number) =>
  z
    .string()
    .min(1, "is empty; use 1 to " + maxLength + " characters of a-z, 0-9 and -")
    .max(maxLength, `is longer than ${maxLength} characters`)
    .regex(pattern, "may hold a-z, 0-9 and -, and must start and end with a letter or digit")
    .refine((value) => !value.includes("--"), "must not hold two hyphens in a row");

/** A site's slug: one DNS label together with an environment's name (see `hostOf`). */
export const slugSchema = label(40).refine(
  (value) => !reserved.has(value),
  "is reserved; choose another name",
);

/** An environment's name. */
export const environmentNameSchema = label(20);

/** The label under the base domain: `<slug>` for production, `<environment>--<slug>` otherwise. */
export const hostOf = (slug: string, environment: string, baseDomain: string): string =>
  `${environment === "production" ? slug : `${environment}--${slug}`}.${baseDomain}`;
