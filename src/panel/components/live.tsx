/** @jsxImportSource hono/jsx */
import type { PropsWithChildren } from "hono/jsx";

/**
 * A part of a page that is brought up to date while the page stands open (islands/live.ts), for as long as
 * something is on its way. What has changed is announced by its `data-say`.
 */
export const Live = (props: PropsWithChildren<{ id: string; everySeconds: number | null }>) => (
  <>
    <div id={props.id} data-live data-every={props.everySeconds ?? undefined}>
      {props.children}
    </div>
    {props.everySeconds !== null && <p class="unseen" role="status" id={`${props.id}-said`} />}
  </>
);
