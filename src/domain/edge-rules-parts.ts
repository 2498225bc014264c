import { isIP } from "node:net";
import { z } from "zod";

/** Pieces of `EdgeRules` with rules of their own; every message says what is allowed. */

const maxEntries = 200;
const list = <T extends z.ZodType>(item: T, what: string, most = maxEntries) =>
  z.array(item, { error: `must be a list of ${what}` }).max(most, `may hold ${most} ${what} at most`);

// Printable ASCII without what ends a header field or a URL's part.
const urlText = /^[!#-;=?-[\]_a-z~]*$/;

const redirectPath = z
  .string({ error: "must be a path such as /old" })
  .max(1000, "may have 1,000 characters at most")
  .refine(
    (path) => path.startsWith("/") && !/[?#]/.test(path) && urlText.test(path),
    "must be a path such as /old, percent-encoded, without query",
  );

const redirectGoal = z
  .string({ error: "must be a path or an address" })
  .max(2000, "may have 2,000 characters at most")
  .refine(
    (goal) =>
      urlText.test(goal) &&
      ((goal.startsWith("/") && !goal.startsWith("//")) ||
        (/^https?:\/\/[^/]/.test(goal) && URL.canParse(goal) && new URL(goal).username === "")),
    "must be a path such as /new, or an address such as https://example.org/new",
  );

const redirect = z
  .strictObject({
    from: redirectPath,
    to: redirectGoal,
    /** Permanent or not, with the method kept (308, 307) or as old clients do it (301, 302). */
    status: z.literal([301, 302, 307, 308], { error: "must be 301, 302, 307 or 308" }).default(308),
    /** All paths below, too; what follows is appended to `to`. */
    prefix: z.boolean({ error: "must be true or false" }).default(false),
  })
  .refine(({ from, to, prefix }) => !leadsToItself(from, to, prefix), {
    path: ["to"],
    message: "leads back to where it comes from",
  });

const leadsToItself = (from: string, to: string, prefix: boolean): boolean => {
  const path = to.split(/[?#]/)[0]!;
  const base = from.replace(/\/$/, "");
  return path === from || (prefix && (path === base || path.startsWith(`${base}/`)));
};

export const redirectsSchema = list(redirect, "redirects").refine(
  (all) => new Set(all.map(({ from, prefix }) => `${from} ${prefix}`)).size === all.length,
  "must not redirect the same path twice",
);

/** `192.0.2.0/24`, `2001:db8::/32`, or one address. Bits behind the prefix do not matter. */
export const isNetwork = (text: string): boolean => {
  const [address, bits, more] = text.split("/");
  const family = isIP(address!);
  if (family === 0 || more !== undefined || address!.includes("%")) return false;
  return (
    bits === undefined || (/^(?:0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
  );
};

const network = z
  .string({ error: "must be an address or a network" })
  .refine(isNetwork, "must be an address or a network such as 192.0.2.0/24 or 2001:db8::/32");

export const networksSchema = list(network, "networks");

/** The edge's own to say: framing, connection, and what the body is. */
const fixedFields = new Set(
  (
    "connection keep-alive proxy-connection proxy-authenticate proxy-authorization te trailer transfer-encoding " +
    "upgrade content-length content-encoding content-range content-type date host set-cookie etag location " +
    "last-modified accept-ranges retry-after www-authenticate strict-transport-security http2-settings"
  ).split(" "),
);

const responseHeader = z.strictObject({
  name: z
    .string({ error: "must be a field's name" })
    .max(100, "may have 100 characters at most")
    .regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, "must be a field's name such as X-Frame-Options")
    .refine(
      (name) => !fixedFields.has(name.toLowerCase()),
      "is a field that the edge or the app sets itself",
    ),
  value: z
    .string({ error: "must be text" })
    .max(4000, "may have 4,000 characters at most")
    .regex(/^(?:[!-~](?:[ -~]*[!-~])?)?$/, "must be printable ASCII without blanks around it"),
});

export const responseHeadersSchema = list(responseHeader, "response headers", 50).refine(
  (all) => new Set(all.map(({ name }) => name.toLowerCase())).size === all.length,
  "must not name a field twice",
);

const page = z
  .string({ error: "must be HTML text" })
  .refine((text) => Buffer.byteLength(text) <= 65_536, "may have 64 KB at most")
  .nullable();

/** Whole HTML documents in place of the edge's own pages; null for those. */
export const pagesSchema = z.strictObject({
  notFound: page.default(null),
  error: page.default(null),
  maintenance: page.default(null),
});

const userName = z
  .string({ error: "must be a user's name" })
  .regex(/^[!-9;-~]{1,100}$/, "must be 1 to 100 printable ASCII characters without blank and colon");

/** As given: a password that is left out stays as it is. */
export const usersSchema = list(
  z.strictObject({
    name: userName,
    password: z
      .string({ error: "must be text" })
      .min(8, "must have 8 characters at least")
      .max(200, "may have 200 characters at most")
      .optional(),
  }),
  "users",
  50,
).refine((all) => new Set(all.map(({ name }) => name)).size === all.length, "must not name a user twice");

/** As stored. */
export const storedUsersSchema = z.array(z.object({ name: userName, passwordHash: z.string() }));

export const maintenanceSchema = z
  .strictObject({
    /** Told to visitors and search engines. */
    retryAfterSeconds: z
      .number({ error: "must be a number of seconds" })
      .int("must be a whole number")
      .min(1, "must be between 1 and 604,800 (a week)")
      .max(604_800, "must be between 1 and 604,800 (a week)")
      .default(600),
  })
  .nullable();

export const hstsSchema = z
  .number({ error: "must be a number of seconds, or null" })
  .int("must be a whole number")
  .min(0, "must be between 0 and 63,072,000 (two years)")
  .max(63_072_000, "must be between 0 and 63,072,000 (two years)")
  .nullable();
