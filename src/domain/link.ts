import { z } from "zod";

/** A row of `links`: `environmentId` reaches `targetEnvironmentId` by `name`. */
export interface LinkRecord {
  id: string;
  environmentId: string;
  targetEnvironmentId: string;
  name: string;
  networkSlot: number;
  createdAt: number;
  createdBy: string;
  /** When it was ended; the row goes once its network is gone. */
  cutAt: number | null;
}

/** A row of `internal_environments`. */
export interface InternalRecord {
  environmentId: string;
  since: number;
}

/** A host name of one label, and with `-` as `_` the beginning of variables. */
export const linkNameSchema = z
  .string()
  .regex(
    /^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/,
    "must be up to 40 of a-z, 0-9 and -, start with a letter and end with a letter or digit",
  )
  .refine((name) => name !== "localhost", "must not be localhost");

export const addLinkSchema = z.strictObject({
  /** Slug of the site to be reached. */
  to: z.string().min(1, "is empty").max(40, "must be at most 40 characters"),
  /** The target's slug when left out. */
  name: linkNameSchema.optional(),
});
export type AddLinkInput = z.infer<typeof addLinkSchema>;

export interface LinkView {
  /** The host name under which it is reached. */
  name: string;
  /** Slug of the site that is reached. */
  to: string;
  environment: string;
  /** Null while nothing runs there that listens. */
  port: number | null;
  /** Variables that tell the app of it, from its next start on. */
  variables: string[];
  createdAt: string;
}

export interface ConnectionsView {
  /** No route leads here: only linked sites reach it. */
  internal: boolean;
  /** Sites that this one reaches. */
  links: LinkView[];
  /** Sites that reach this one, with the name they know it by. */
  linkedFrom: { site: string; environment: string; name: string }[];
}

/** What tells an app where a linked site is: `DB_HOST`, `DB_PORT`, `DB_URL`; never a secret. */
export const linkVariables = (
  name: string,
  target: { port: number | null; http: boolean } | null,
): Record<string, string> => {
  const prefix = name.toUpperCase().replaceAll("-", "_");
  const port = target?.port ?? null;
  return {
    [`${prefix}_HOST`]: name,
    ...(port !== null && {
      [`${prefix}_PORT`]: String(port),
      [`${prefix}_URL`]: `${target!.http ? "http" : "tcp"}://${name}:${port}`,
    }),
  };
};
