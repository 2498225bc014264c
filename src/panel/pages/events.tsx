/** @jsxImportSource hono/jsx */
import type { EventView } from "../../domain/event.ts";
import type { SiteView } from "../../domain/views.ts";
import { Empty } from "../components/empty.tsx";
import { EventList } from "../components/event-list.tsx";
import { SiteHeader } from "../components/site-header.tsx";

interface EventsProps {
  items: EventView[];
  next: string | null;
  /** True on the second and later pages. */
  older: boolean;
}

const List = (props: EventsProps & { path: string; withSite: boolean }) => (
  <>
    {props.items.length === 0 ? (
      <Empty title="Nothing happened">
        <p>Restarts, limits that were reached, sleep and what was done about them will stand here.</p>
      </Empty>
    ) : (
      <section class="card" aria-label="Events">
        <EventList items={props.items} withSite={props.withSite} />
      </section>
    )}
    {(props.next || props.older) && (
      <nav class="pages" aria-label="Further events">
        {props.older && <a href={props.path}>To the newest</a>}
        {props.next && <a href={`${props.path}?cursor=${encodeURIComponent(props.next)}`}>Older</a>}
      </nav>
    )}
  </>
);

/** What happened to one site. */
export const SiteEvents = ({ site, ...props }: EventsProps & { site: SiteView }) => (
  <>
    <SiteHeader site={site} tab="Overview" />
    <h2 class="page-section">What happened</h2>
    <List {...props} path={`/sites/${site.slug}/events`} withSite={false} />
  </>
);

/** What happened to all sites and the host. */
export const AllEvents = (props: EventsProps) => (
  <>
    <header class="page-head">
      <h1>What happened</h1>
    </header>
    <List {...props} path="/events" withSite />
  </>
);
