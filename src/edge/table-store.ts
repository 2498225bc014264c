import { isIP } from "node:net";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { isNetwork } from "../domain/edge-rules-parts.ts";
import type { Route, RouteTable } from "../domain/edge.ts";
import type { Log } from "../domain/log.ts";
import { isLogKey } from "./access-log/segments.ts";
import { readChecked, writeAtomicallyAside } from "./atomic-file.ts";
import { atOnce, inSlices } from "./slices.ts";

const host = z
  .string()
  .min(1)
  .max(253)
  .regex(/^(?:[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\])$/, "a lower-case host name without port");

const routeHost = z.union([
  host,
  z
    .string()
    .max(253)
    .regex(/^\*\.[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/, "*. and a lower-case host name, for one label"),
]);

const absolutePath = z
  .string()
  .refine((path) => isAbsolute(path) && !path.includes("\0"), "an absolute path");

const address = z.union([
  z.strictObject({
    host: z.string().refine((text) => isIP(text) !== 0 || text === "localhost", "an IP address"),
    port: z.int().min(1).max(65_535),
  }),
  z.strictObject({ unixPath: absolutePath }),
]);

const token = z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, "1 to 64 of A-Z a-z 0-9 _ . -");

const split = z.strictObject({
  cookie: token,
  maxAgeSeconds: z.int().min(1).nullable(),
  groups: z
    .array(z.strictObject({ name: token, weight: z.number().min(0), replicaIds: z.array(z.string()).min(1) }))
    .min(1)
    .refine((groups) => groups.some(({ weight }) => weight > 0), "a group with a weight above 0"),
});

export const routeTarget = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("replicas"),
    replicas: z.array(z.strictObject({ replicaId: z.string().min(1), address })),
    split: split.nullish(),
  }),
  z.strictObject({
    kind: z.literal("hold"),
    maxRequests: z.int().min(0).max(10_000),
    maxMs: z.int().min(0).max(600_000),
  }),
  z.strictObject({ kind: z.literal("static"), folder: absolutePath }),
  z.strictObject({ kind: z.literal("redirect"), host, permanent: z.boolean() }),
  z.strictObject({
    kind: z.literal("message"),
    // A page needs a status that has a body.
    status: z
      .int()
      .min(200)
      .max(599)
      .refine((status) => status !== 204 && status !== 205 && status !== 304, "a status with a body"),
    title: z.string(),
    message: z.string(),
  }),
]);

/** Nothing that could end a line. */
const fieldText = z.string().regex(/^[ -~]*$/, "printable ASCII");

const limit = z.int().min(0).nullable();

const bandwidth = z.strictObject({
  epoch: z.string(),
  // Below zero when counters of this month were lost.
  usedUpAtBytes: z.int(),
  endsAtMs: z.int(),
  bytesPerMonth: z.int().min(0),
  policy: z.enum(["throttle", "block"]),
  bytesPerSecond: z.int().min(1),
});

/** Checked where they are given; here only their shape, since a table in force must not depend on taste. */
const rules = z.strictObject({
  allow: z.array(z.string().refine(isNetwork, "an address or a network")).optional(),
  deny: z.array(z.string().refine(isNetwork, "an address or a network")).optional(),
  maintenance: z.strictObject({ retryAfterSeconds: z.int().min(1) }).nullish(),
  users: z.array(z.strictObject({ name: z.string(), passwordHash: z.string() })).optional(),
  redirects: z
    .array(
      z.strictObject({
        from: z.string().startsWith("/"),
        to: fieldText.min(1),
        status: z.literal([301, 302, 307, 308]),
        prefix: z.boolean(),
      }),
    )
    .optional(),
  responseHeaders: z
    .array(z.strictObject({ name: z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/), value: fieldText }))
    .optional(),
  pages: z
    .strictObject({
      notFound: z.string().nullish(),
      error: z.string().nullish(),
      maintenance: z.string().nullish(),
    })
    .optional(),
  spaFallback: z.boolean().optional(),
  precompressed: z.boolean().optional(),
  compression: z.boolean().optional(),
});

const accessLog = z.strictObject({
  into: z.string().refine(isLogKey, "an id"),
  detail: z.enum(["anonymous", "full"]),
  maxBytes: z.int().min(256 * 1024),
  keptDays: z.int().min(1),
});

const route = z.strictObject({
  id: z.string().min(1),
  countAs: z.string().min(1).optional(),
  hosts: z.array(routeHost),
  target: routeTarget,
  limits: z.strictObject({
    maxBodyBytes: z.int().min(0),
    requestsPerMinute: limit,
    concurrentRequests: limit,
    clientRequestsPerMinute: limit.optional(),
    webSocketMessageBytes: z.int().min(1).optional(),
    bandwidth: bandwidth.nullish(),
  }),
  rules: rules.nullish(),
  accessLog: accessLog.nullish(),
  countPaths: z.boolean().optional(),
  https: z.strictObject({ redirect: z.boolean(), hstsSeconds: z.int().min(0).nullable() }).nullish(),
});

const frame = z.strictObject({
  version: z.int().min(1),
  trustedProxies: z.array(z.string().refine(isNetwork, "an address or a network")).optional(),
  routes: z.array(z.unknown()),
});

type Parsed = { table: RouteTable } | { problem: string };

const mostProblems = 20;

/** Route by route: a thousand at once would hold up everybody for as long as it takes. */
function* parsing(value: unknown): Generator<void, Parsed> {
  const outside = frame.safeParse(value);
  if (!outside.success) return { problem: z.prettifyError(outside.error) };
  const issues: z.core.$ZodIssue[] = [];
  const note = (message: string): void =>
    void issues.push({ code: "custom", path: [], message, input: value });
  const ids = new Set<string>();
  const owners = new Map<string, string>();
  const routes: Route[] = [];
  for (const [at, given] of outside.data.routes.entries()) {
    if (issues.length >= mostProblems) break;
    const parsed = route.safeParse(given);
    if (parsed.success) {
      const { id, hosts } = parsed.data;
      if (ids.has(id)) note(`route ${id} is given twice`);
      ids.add(id);
      for (const name of hosts) {
        const owner = owners.get(name);
        if (owner !== undefined) note(`host ${name} belongs to both ${owner} and ${id}`);
        owners.set(name, id);
      }
      routes.push(parsed.data);
    } else
      for (const issue of parsed.error.issues) issues.push({ ...issue, path: ["routes", at, ...issue.path] });
    yield;
  }
  if (issues.length > 0) return { problem: z.prettifyError(new z.ZodError(issues)) };
  return { table: { ...outside.data, routes } };
}

/** @returns the table, or what is wrong with it in words */
export const parseTable = (value: unknown): Parsed => atOnce(parsing(value));

/** The same, while others go on. */
export const parseTableGently = (value: unknown): Promise<Parsed> => inSlices(parsing(value));

/** The last table on disk, from which an edge starts by itself. */
export interface TableStore {
  /** Null when there is none, or none that is whole. */
  load(): RouteTable | null;
  /** Returns once the table is on the disk; not for two at once. */
  save(table: RouteTable): Promise<void>;
}

export const createTableStore = (dir: string, log: Log): TableStore => {
  const path = join(dir, "table.json");
  return {
    load() {
      const read = readChecked(path);
      if (read.found === "no") return null;
      if (read.found === "torn") {
        log.error("the stored route table is damaged and is not used; the daemon will send a new one", {
          path,
        });
        return null;
      }
      const parsed = parseTable(JSON.parse(read.text));
      if ("table" in parsed) return parsed.table;
      log.error("the stored route table is not understood and is not used", {
        path,
        problem: parsed.problem,
      });
      return null;
    },
    save: (table) => writeAtomicallyAside(path, JSON.stringify(table), true),
  };
};
