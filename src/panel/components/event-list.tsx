/** @jsxImportSource hono/jsx */
import type { EventView } from "../../domain/event.ts";
import type { Tone } from "../words.ts";
import { Time } from "./time.tsx";

const toneOf = ({ severity, endedAt }: EventView): Tone =>
  endedAt !== null || severity === "info" ? "quiet" : severity === "warning" ? "amber" : "rust";

/** What happened without anybody asking, newest first. @param withSite names the site of each, where there may be several */
export const EventList = ({ items, withSite }: { items: EventView[]; withSite: boolean }) => (
  <ol class="events">
    {items.map((event) => (
      <li>
        <span class={`dot ${toneOf(event)}`} aria-hidden="true" />
        <p>
          {withSite && (event.site ? <a href={`/sites/${event.site}`}>{event.site}</a> : <b>host</b>)}{" "}
          <span class="people-text">{event.message}</span>
          {event.endedAt && event.endedAt !== event.at && (
            <span class="soft">
              {" "}
              Over since <Time at={event.endedAt} />.
            </span>
          )}
        </p>
        <Time at={event.at} />
      </li>
    ))}
  </ol>
);
