import { z } from "zod";
import { type AppLogView, logStreams } from "../domain/app-log.ts";
import type { Actor, SiteAction } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import type { Clock } from "../domain/clock.ts";
import { type LogLevel, logLevels } from "../domain/deployment.ts";
import { pointInTime } from "../domain/point-in-time.ts";
import type { AuditEntryRecord, EnvironmentRecord } from "../domain/records.ts";
import { invalid, invalidFields } from "../errors.ts";
import type { Collector } from "./collector.ts";
import { compileFilter, type LogFilter } from "./filter.ts";
import type { LogStore } from "./log-store.ts";
import { type LogPage, logView, readAfter, readAll, readPage } from "./query.ts";
import type { SearchLimit } from "./search-limit.ts";
import { parsePlace } from "./segment.ts";
import type { UnstoredLogs } from "./unstored.ts";

export interface SiteLogsDeps {
  reachSite(
    actor: Actor,
    slug: string,
    action: SiteAction,
    environment?: string,
  ): Promise<{ environment: EnvironmentRecord }>;
  store: LogStore;
  collector: Collector;
  /** For engines whose output is not collected. */
  unstored: UnstoredLogs;
  limit: SearchLimit;
  insertAudit(entry: AuditEntryRecord): Promise<void>;
  clock: Clock;
}

export const mostLines = 2000;
const count = z.coerce
  .number({ error: "must be a number" })
  .int("must be a whole number")
  .min(1, "must be 1 to 2,000")
  .max(mostLines, "must be 1 to 2,000");

/** Loggers' own short forms are taken, too. */
const levelNames: Record<string, LogLevel> = {
  warn: "warning",
  err: "error",
  crit: "critical",
  fatal: "critical",
};
const level = z
  .string()
  .transform((text) => levelNames[text] ?? text)
  .pipe(z.enum(logLevels, { error: `must be one of ${logLevels.join(", ")}` }));

const filterShape = {
  /** ISO 8601, UTC milliseconds, or a span back from now such as `90m`. */
  since: z.string().optional(),
  until: z.string().optional(),
  search: z.string().max(500, "must not be longer than 500 characters").optional(),
  case: z.enum(["any", "exact"], { error: "must be any or exact" }).default("any"),
  level: level.optional(),
  stream: z.enum(logStreams, { error: `must be one of ${logStreams.join(", ")}` }).optional(),
  process: z.string().max(64, "must not be longer than 64 characters").optional(),
  replica: z.string().max(64, "must not be longer than 64 characters").optional(),
  release: z.coerce.number({ error: "must be a release's number" }).int().min(1).optional(),
  environment: z.string().default("production"),
};
const place = z.string().refine((text) => parsePlace(text) !== null, "must be a cursor that an answer held");

export const logQuerySchema = z.object({
  ...filterShape,
  lines: count.optional(),
  limit: count.optional(),
  order: z.enum(["newest", "oldest"], { error: "must be newest or oldest" }).default("newest"),
  cursor: place.optional(),
});
export type LogQuery = z.input<typeof logQuerySchema>;

export const downloadQuerySchema = z.object({
  ...filterShape,
  format: z.enum(["text", "ndjson"], { error: "must be text or ndjson" }).default("text"),
  gzip: z.enum(["true", "false"], { error: "must be true or false" }).default("false"),
});
export type DownloadQuery = z.input<typeof downloadQuerySchema>;

const filterOf = (
  query: Pick<z.output<typeof logQuerySchema>, keyof typeof filterShape>,
  nowMs: number,
): LogFilter => {
  const { since, until, search, level, stream, process, replica, release } = query;
  const sinceMs = since === undefined ? undefined : pointInTime("since", since, nowMs);
  const untilMs = until === undefined ? undefined : pointInTime("until", until, nowMs);
  if (sinceMs !== undefined && untilMs !== undefined && untilMs < sinceMs)
    throw invalid("until", "must not be before since");
  return {
    sinceMs,
    untilMs,
    search,
    caseSensitive: query.case === "exact",
    level,
    stream,
    process,
    replica,
    release,
  };
};

/** What sites print: looking at it is for those who may deploy. */
const reach = async (deps: SiteLogsDeps, actor: Actor, slug: string, environment: string): Promise<string> =>
  (await deps.reachSite(actor, slug, "deploy", environment)).environment.id;

export interface SiteLogPage extends LogPage {
  /** False where the engine's files cannot be read: then only what it still holds of running containers is shown. */
  stored: boolean;
}

/**
 * A page of what a site printed, oldest first.
 * @throws AppError `not_found`, `forbidden`, `invalid_input` naming the field
 */
export const readSiteLog = async (
  deps: SiteLogsDeps,
  actor: Actor,
  slug: string,
  input: LogQuery,
): Promise<SiteLogPage> => {
  const parsed = logQuerySchema.safeParse(input);
  if (!parsed.success) throw invalidFields(parsed.error.issues);
  const query = parsed.data;
  const filter = filterOf(query, deps.clock.nowMs());
  const environmentId = await reach(deps, actor, slug, query.environment);
  const limit = query.limit ?? query.lines ?? 200;
  if (deps.collector.isOn()) {
    const { order, cursor } = query;
    const wanted = { ...filter, order, limit, cursor };
    const page = await deps.limit(actor, () => readPage(deps.store, environmentId, wanted));
    return { ...page, stored: true };
  }
  const { matches } = compileFilter(filter);
  const lines = (await deps.unstored.tail(environmentId, mostLines)).filter(matches);
  const items = lines.slice(-limit).map((line) => logView(line, null));
  return { items, next: null, whole: true, end: "0.0", stored: false };
};

const idleMs = 5000;

/**
 * Follows what a site prints, with the lines of before that the query asks for, or from a place on. Rights are for
 * the caller to ask again.
 */
export const followSiteLog = async (
  deps: SiteLogsDeps,
  actor: Actor,
  slug: string,
  input: LogQuery,
  from: string | null,
  onLine: (line: AppLogView) => Promise<void>,
  signal: AbortSignal,
): Promise<void> => {
  const page = from === null || !deps.collector.isOn() ? await readSiteLog(deps, actor, slug, input) : null;
  const query = logQuerySchema.parse(input);
  const filter = filterOf(query, deps.clock.nowMs());
  const environmentId = await reach(deps, actor, slug, query.environment);
  for (const line of page?.items ?? []) await onLine(line);
  if (!deps.collector.isOn()) {
    const { matches } = compileFilter(filter);
    return deps.unstored.follow(
      environmentId,
      async (line) => (matches(line) ? onLine(logView(line, null)) : undefined),
      signal,
    );
  }
  const unwatch = deps.collector.watch(environmentId);
  try {
    for (let next = page?.end ?? from!; !signal.aborted;) {
      // Before reading, so that what comes meanwhile is not waited past.
      const changed = deps.collector.changed(environmentId, idleMs, signal);
      for await (const { line, place } of readAfter(deps.store, environmentId, next, filter)) {
        if (signal.aborted) return;
        next = place;
        if (line) await onLine(logView(line, parsePlace(place)));
      }
      await changed;
    }
  } finally {
    unwatch();
  }
};

/** Lets a caller see whether its client is still there. */
const stepChars = 64 * 1024;
/** Terminals obey what stands in a file that is printed to them. */
const controls = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;

/**
 * All of a site's log, or what of it matches, oldest first, made as it is taken; written down in the audit log. An empty
 * piece says that nothing was found for a while.
 */
export const downloadSiteLog = async (
  deps: SiteLogsDeps,
  actor: Actor,
  slug: string,
  input: DownloadQuery,
): Promise<AsyncGenerator<string>> => {
  const parsed = downloadQuerySchema.safeParse(input);
  if (!parsed.success) throw invalidFields(parsed.error.issues);
  const query = parsed.data;
  const nowMs = deps.clock.nowMs();
  const filter = filterOf(query, nowMs);
  const { environment } = await deps.reachSite(actor, slug, "deploy", query.environment);
  const { since, until, search, format } = query;
  await deps.insertAudit(
    auditEntry(
      actor,
      "logs.download",
      { type: "site", id: environment.siteId },
      { after: { environment: environment.name, since, until, search, format } },
      nowMs,
    ),
  );
  const shown = (line: AppLogView): string =>
    format === "ndjson"
      ? `${JSON.stringify(line)}\n`
      : `${line.at} ${line.process} ${line.level.padEnd(8)} ${line.text.replace(controls, "")}${line.cut ? " … (cut)" : ""}\n`;
  return (async function* () {
    let text = "";
    let passed = 0;
    if (!deps.collector.isOn()) {
      const { matches } = compileFilter(filter);
      for (const line of await deps.unstored.tail(environment.id, mostLines))
        if (matches(line)) text += shown(logView(line, null));
      yield text;
      return;
    }
    for await (const line of readAll(deps.store, environment.id, filter)) {
      if (line) text += shown(logView(line, null));
      if (text.length < stepChars && ++passed % 1000 !== 0) continue;
      yield text;
      text = "";
    }
    yield text;
  })();
};
