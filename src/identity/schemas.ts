import { z } from "zod";
import { commonPasswords } from "./common-passwords.ts";

export const usernameSchema = z
  .string()
  .min(2, "must be 2 to 32 characters")
  .max(32, "must be 2 to 32 characters")
  .regex(/^[a-z0-9._-]*$/, "may hold a-z, 0-9, dot, underscore and hyphen (lower case)")
  .regex(/^[a-z0-9]/, "must start with a letter or digit");

/** Looser than RFC 5321 in the domain (`admin@localhost` is fine), stricter in the local part. */
export const emailSchema = z
  .string()
  .trim()
  .max(254, "must be at most 254 characters")
  .regex(
    /^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/,
    "must be an e-mail address such as me@example.org",
  );

const passwordSchema = z
  .string()
  .min(10, "must be 10 to 200 characters")
  .max(200, "must be 10 to 200 characters")
  .refine((text) => new Set(text).size >= 4, "must hold at least 4 different characters")
  .refine(
    (text) => !commonPasswords.has(text.toLowerCase()),
    "is among the most used passwords; choose another one",
  );

/** Fields of a new account; the password is judged beside them. */
export const accountSchema = z
  .strictObject({ username: usernameSchema, email: emailSchema, password: passwordSchema })
  .superRefine(({ username, email, password }, context) => {
    const text = password.toLowerCase();
    if (text === username || text === email.toLowerCase() || text === email.toLowerCase().split("@")[0])
      context.addIssue({
        code: "custom",
        path: ["password"],
        message: "must not be the user name or the e-mail address",
      });
  });
export type AccountInput = z.input<typeof accountSchema>;

/** What an API key may be used for. `deploy` covers `read`, `write` covers `deploy`, `admin` covers all. */
export const scopes = ["read", "deploy", "write", "admin", "metrics"] as const;
export type Scope = (typeof scopes)[number];

const covers: Record<Scope, readonly Scope[]> = {
  read: ["read"],
  deploy: ["deploy", "read"],
  write: ["write", "deploy", "read"],
  admin: scopes,
  metrics: ["metrics"],
};

/** Whether one of the scopes held covers the one needed. */
export const scopeAllows = (held: readonly Scope[], needed: Scope): boolean =>
  held.some((scope) => covers[scope].includes(needed));

export const newKeySchema = z.strictObject({
  name: z
    .string()
    .trim()
    .min(1, "is empty")
    .max(100, "must be at most 100 characters")
    .regex(/^[^\x00-\x1f\x7f]*$/, "must be one line without control characters"),
  scopes: z
    .array(z.enum(scopes, { error: `must be among ${scopes.join(", ")}` }), {
      error: `must be a list of ${scopes.join(", ")}`,
    })
    .min(1, `must name at least one of ${scopes.join(", ")}`)
    .transform((list) => scopes.filter((scope) => list.includes(scope))),
  expiresInDays: z
    .number({ error: "must be a whole number of days between 1 and 3650" })
    .int("must be a whole number of days")
    .min(1, "must be between 1 and 3650")
    .max(3650, "must be between 1 and 3650")
    .nullish(),
});
export type NewKeyInput = z.input<typeof newKeySchema>;
