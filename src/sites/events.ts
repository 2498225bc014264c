import { z } from "zod";
import type { Actor } from "../domain/actor.ts";
import { isoOf, isoOrNull } from "../domain/deployment-view.ts";
import type { EventRecord, EventView } from "../domain/event.ts";
import { invalidFields } from "../errors.ts";
import { reachSite } from "./access.ts";
import type { SiteDeps } from "./deps.ts";

const mostEvents = 200;
const limitMessage = `must be 1 to ${mostEvents}`;

export const eventsQuerySchema = z.object({
  limit: z.coerce
    .number({ error: "must be a number" })
    .int("must be a whole number")
    .min(1, limitMessage)
    .max(mostEvents, limitMessage)
    .default(50),
  /** The `next` of the page before. */
  cursor: z
    .string()
    .regex(/^evt_[0-9a-z]{26}$/, "must be the next of an earlier answer")
    .optional(),
});
export type EventsQuery = z.output<typeof eventsQuerySchema>;

/** @throws AppError `invalid_input` naming the field */
export const eventsQuery = (query: z.input<typeof eventsQuerySchema>): EventsQuery => {
  const parsed = eventsQuerySchema.safeParse(query);
  if (!parsed.success) throw invalidFields(parsed.error.issues);
  return parsed.data;
};

export interface EventPage {
  /** Newest first. */
  items: EventView[];
  /** The cursor of what is older; null when there is nothing. */
  next: string | null;
}

/**
 * What happened to a site without anybody asking for it, newest first.
 * @throws AppError `not_found`
 */
export const listSiteEvents = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  query: EventsQuery,
  environmentName?: string,
): Promise<EventPage> => {
  const { site, environment } = await reachSite(deps, actor, slug, "read", environmentName);
  const events = await deps.store.eventsOf([environment.id], query.limit + 1, query.cursor);
  const names = new Map([[environment.id, { site: site.slug, environment: environment.name }]]);
  return pageOf(events, query.limit, names);
};

/** Of all sites that the actor may see; an operator sees those of the host, too. */
export const listEvents = async (deps: SiteDeps, actor: Actor, query: EventsQuery): Promise<EventPage> => {
  const seesAll = actor.kind === "system" || actor.isAdmin;
  const sites = await deps.store.listSites(seesAll ? null : actor.userId);
  const slugs = new Map(sites.map(({ id, slug }) => [id, slug]));
  const names = new Map(
    (await deps.store.environmentsOfSites([...slugs.keys()])).map(({ id, siteId, name }) => [
      id,
      { site: slugs.get(siteId) ?? "", environment: name },
    ]),
  );
  const events = seesAll
    ? await deps.store.allEvents(query.limit + 1, query.cursor)
    : await deps.store.eventsOf([...names.keys()], query.limit + 1, query.cursor);
  return pageOf(events, query.limit, names);
};

type Names = ReadonlyMap<string, { site: string; environment: string }>;

/** @param events one more than the page holds, where there are more */
const pageOf = (events: EventRecord[], limit: number, names: Names): EventPage => {
  const items = events.slice(0, limit);
  return {
    items: items.map((event) => eventView(event, names)),
    next: events.length > limit ? (items.at(-1)?.id ?? null) : null,
  };
};

const eventView = (event: EventRecord, names: Names): EventView => {
  // A site that was deleted has no name any more.
  const of = event.environmentId === null ? undefined : names.get(event.environmentId);
  return {
    id: event.id,
    at: isoOf(event.at),
    kind: event.kind,
    severity: event.severity,
    site: of?.site ?? null,
    environment: of?.environment ?? null,
    message: event.message,
    details: JSON.parse(event.details) as Record<string, unknown>,
    endedAt: isoOrNull(event.endedAt),
  };
};
