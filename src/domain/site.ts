import { z } from "zod";

/** `auto` means: look at the source at each deploy and decide. It is the default when nothing is chosen. */
export const siteTypes = ["auto", "static", "app", "dockerfile", "image"] as const;
export type SiteType = (typeof siteTypes)[number];

export const siteStatuses = ["running", "sleeping", "stopped", "deploying", "failed", "archived"] as const;
export type SiteStatus = (typeof siteStatuses)[number];

export const healthCheckSchema = z.strictObject({
  type: z.enum(["http", "tcp"], { error: "must be http or tcp" }).default("http"),
  path: z
    .string()
    .max(500, "must be at most 500 characters")
    .regex(/^\/[^\s\x00-\x1f\x7f]*$/, "must start with / and hold no spaces or control characters")
    .default("/"),
  intervalSeconds: z.number().int().min(1, "must be 1 to 60").max(60, "must be 1 to 60").default(1),
  /** How long a new replica may take until it answers. */
  deadlineSeconds: z.number().int().min(1, "must be 1 to 600").max(600, "must be 1 to 600").default(60),
  timeoutSeconds: z.number().int().min(1, "must be 1 to 60").max(60, "must be 1 to 60").default(5),
});
export type HealthCheck = z.infer<typeof healthCheckSchema>;

/** No control characters and bounded: commands run inside the container only, but appear in logs and Dockerfiles. */
const oneLine = (max: number) =>
  z
    .string()
    .max(max, `must be at most ${max} characters`)
    .regex(/^[^\x00-\x1f\x7f]*$/, "must be one line without control characters");

/**
 * A branch name that git itself would accept (git-check-ref-format(1)), less a leading `-`.
 * Legal names can hold `$(…)` and quotes: they only ever travel as single argv entries.
 */
export const branchSchema = z
  .string()
  .min(1, "is empty")
  .max(200, "must be at most 200 characters")
  .refine(
    (name) =>
      !/[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)|^[-./]|[./]$/.test(name) && name !== "@",
    "is not a valid branch name",
  );

/** Relative folder inside the repository; "" is its root. */
export const rootDirectorySchema = oneLine(300).refine(
  (path) => !path.startsWith("/") && !path.split("/").includes(".."),
  "must be a folder inside the repository, without ..",
);

export const repositoryUrlSchema = z
  .string()
  .max(500, "must be at most 500 characters")
  .refine((text) => {
    if (!/^https:\/\/[^\s\x00-\x1f\x7f]+$/.test(text)) return false;
    const url = URL.parse(text);
    return url !== null && url.hostname !== "" && url.username === "" && url.password === "";
  }, "must be an https:// address without user name and password");

/** Docker's reference grammar, shortened: [host[:port]/]path[:tag][@sha256:…]; ids and digests alone are no names. */
export const imageRefSchema = z
  .string()
  .max(300, "must be at most 300 characters")
  .regex(
    /^(?:[a-z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+|\/)[a-z0-9]+)*(?::[\w][\w.-]{0,127})?(?:@sha256:[a-f0-9]{64})?$/i,
    "is not an image reference such as nginx:1.27 or registry.example.org/team/app:2",
  );

export const portSchema = z
  .number({ error: "must be a number between 1 and 65535" })
  .int("must be a whole number")
  .min(1, "must be between 1 and 65535")
  .max(65535, "must be between 1 and 65535");

/** Environment variables an app can have; the length bound keeps `docker inspect` and `execve` well within theirs. */
export const envKeySchema = z
  .string()
  .max(200, "must be at most 200 characters")
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "may hold letters, digits and _, and must not start with a digit");
export const envValueSchema = z
  .string()
  .max(32_768, "must be at most 32,768 characters")
  .refine((value) => !value.includes("\0"), "must not hold a NUL character");

/** The fields of a site that its members may set; all optional on change. */
export const siteFieldsSchema = z.strictObject({
  name: oneLine(100).optional(),
  description: z.string().max(2000, "must be at most 2,000 characters").optional(),
  type: z.enum(siteTypes, { error: `must be one of ${siteTypes.join(", ")}` }).optional(),
  repositoryUrl: repositoryUrlSchema.nullable().optional(),
  branch: branchSchema.optional(),
  rootDirectory: rootDirectorySchema.optional(),
  buildCommand: oneLine(1000).nullable().optional(),
  startCommand: oneLine(1000).nullable().optional(),
  port: portSchema.nullable().optional(),
  image: imageRefSchema.nullable().optional(),
  replicas: z.number().int().min(1, "must be 1 to 10").max(10, "must be 1 to 10").optional(),
  autoDeploy: z.boolean().optional(),
  /** How important it is when all sites have to come back, after a restart of engine or host: the highest first. */
  restorePriority: z
    .number({ error: "must be a number from 0 to 100" })
    .int("must be a whole number")
    .min(0, "must be 0 to 100")
    .max(100, "must be 0 to 100")
    .optional(),
  /** Whether its containers may begin connections to the world outside. */
  egress: z.boolean({ error: "must be true or false" }).optional(),
  /** Whether its containers are kept from writing outside of volumes and /tmp. */
  readOnlyRoot: z.boolean({ error: "must be true or false" }).optional(),
  /** No address: linked sites alone reach it, by name. */
  internal: z.boolean({ error: "must be true or false" }).optional(),
  healthCheck: healthCheckSchema.optional(),
});
export type SiteFields = z.infer<typeof siteFieldsSchema>;
