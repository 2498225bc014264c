import { z } from "zod";
import {
  type AccessFilter,
  type AccessLine,
  accessMatcher,
  combinedLine,
  isStatusFilter,
} from "../domain/access-log.ts";
import type { Actor } from "../domain/actor.ts";
import { pointInTime } from "../domain/point-in-time.ts";
import { invalidFields } from "../errors.ts";
import type { LogEntry, RequestDeps } from "./deps.ts";

export const mostLines = 5_000;

/** As it may be asked for; times as ISO 8601, UTC milliseconds, or a span back from now such as `90m`. */
export const accessQuerySchema = z.object({
  limit: z.coerce
    .number({ error: "must be a number" })
    .int("must be a whole number")
    .min(1, `must be 1 to ${mostLines}`)
    .max(mostLines, `must be 1 to ${mostLines}`)
    .optional(),
  status: z
    .string()
    .refine(isStatusFilter, "must be a status such as 404, or a class such as 5xx")
    .optional(),
  path: z.string().max(2048, "must not be longer than 2,048 characters").optional(),
  since: z.string().optional(),
  /** A place in the log, as events have it for their id: following goes on behind it. */
  after: z
    .string()
    .regex(/^[\w.-]{0,64}$/, "must be the id of an event")
    .optional(),
  environment: z.string().default("production"),
});
export type AccessQuery = z.input<typeof accessQuerySchema>;

/** How far back a search looks: what is rare is not worth reading a gigabyte for. */
const mostRead = 200_000;
/** Processes write in turns; lines may stand this far out of order. */
const disorderMs = 5_000;

const readQuery = (deps: RequestDeps, query: AccessQuery) => {
  const parsed = accessQuerySchema.safeParse(query);
  if (!parsed.success) throw invalidFields(parsed.error.issues);
  const { since, status, path, limit, environment } = parsed.data;
  const sinceMs = since === undefined ? undefined : pointInTime("since", since, deps.clock.nowMs());
  const filter: AccessFilter = { status, path, sinceMs };
  return { matches: accessMatcher(filter), sinceMs, limit, environment };
};

/** Logs show what visitors do: looking is for those who may deploy. */
const reach = async (deps: RequestDeps, actor: Actor, slug: string, environment: string): Promise<string> =>
  (await deps.reachSite(actor, slug, "deploy", environment)).environment.id;

export interface AccessPage {
  /** Oldest first. */
  items: AccessLine[];
  /** How many lines within what was read could not be written when they should have been. */
  dropped: number;
  /** False when the search ended before it had seen all of the log, and found less than was asked for. */
  whole: boolean;
}

/**
 * The newest lines of a site's log that match, oldest first.
 * @throws AppError `not_found`, `forbidden`, `invalid_input` naming the field
 */
export const readAccessLog = async (
  deps: RequestDeps,
  actor: Actor,
  slug: string,
  query: AccessQuery,
): Promise<AccessPage> => {
  const { matches, sinceMs, limit = 100, environment } = readQuery(deps, query);
  const environmentId = await reach(deps, actor, slug, environment);
  const items: AccessLine[] = [];
  let dropped = 0;
  let read = 0;
  const earliest = sinceMs === undefined ? "" : new Date(Math.max(0, sinceMs - disorderMs)).toISOString();
  for await (const entry of deps.logs.backwards(environmentId)) {
    if (items.length >= limit || ++read > mostRead) break;
    if ("dropped" in entry) dropped += entry.dropped;
    else if (entry.line.time < earliest) break;
    else if (matches(entry.line)) items.push(entry.line);
  }
  items.reverse().sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0));
  return { items, dropped, whole: read <= mostRead };
};

/** After so many lines a search lets its caller see whether the client is still there. */
const searchStep = 2_000;

/**
 * All of a site's log, or what of it matches, in the Combined Log Format, oldest first; rights are checked at once. An
 * empty piece says that nothing was found for a while.
 */
export const combinedLog = async (
  deps: RequestDeps,
  actor: Actor,
  slug: string,
  query: AccessQuery,
): Promise<AsyncGenerator<string>> => {
  const { limit } = readQuery(deps, query);
  if (limit !== undefined) {
    const { items } = await readAccessLog(deps, actor, slug, query);
    return (async function* () {
      yield items.map((line) => `${combinedLine(line)}\n`).join("");
    })();
  }
  const { matches, environment } = readQuery(deps, query);
  const environmentId = await reach(deps, actor, slug, environment);
  return (async function* () {
    let text = "";
    let read = 0;
    for await (const entry of deps.logs.forwards(environmentId)) {
      if ("line" in entry && matches(entry.line)) text += `${combinedLine(entry.line)}\n`;
      if (++read % searchStep !== 0 && text.length < 64 * 1024) continue;
      yield text;
      text = "";
    }
    yield text;
  })();
};

const pollMs = 500;
/** Between two readings of a site that is busier than anybody can watch: some thousand lines a second. */
const breathMs = 50;

/**
 * Follows a site's log from a place on, or from its end with `limit` lines of before: what is new, every half second,
 * with the place behind it. Rights are for the caller to ask again.
 * @param onEvent null: nothing yet, but here is where it goes on
 */
export const followAccessLog = async (
  deps: RequestDeps,
  actor: Actor,
  slug: string,
  query: AccessQuery,
  from: string | null,
  onEvent: (event: LogEntry | null, place: string) => Promise<void>,
  signal: AbortSignal,
): Promise<void> => {
  const { matches, limit, environment } = readQuery(deps, query);
  const environmentId = await reach(deps, actor, slug, environment);
  let place = from ?? (await deps.logs.end(environmentId));
  // What comes between the two readings is in both of them.
  const told = new Set<string>();
  if (from === null && limit !== undefined)
    for (const line of (await readAccessLog(deps, actor, slug, query)).items) {
      told.add(line.id);
      await onEvent({ line }, place);
    }
  await onEvent(null, place);
  while (!signal.aborted) {
    const { entries, place: next } = await deps.logs.after(environmentId, place);
    for (const { entry, place: behind } of entries)
      if ("dropped" in entry || (matches(entry.line) && !told.delete(entry.line.id)))
        await onEvent(entry, behind);
    const idle = next === place;
    place = next;
    await pause(idle ? pollMs : breathMs, signal);
  }
};

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
    signal.addEventListener("abort", done, { once: true });
  });
