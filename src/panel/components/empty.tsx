/** @jsxImportSource hono/jsx */
import type { PropsWithChildren } from "hono/jsx";

/** What an empty list says: the next step. */
export const Empty = (props: PropsWithChildren<{ title: string }>) => (
  <section class="empty">
    <h2>{props.title}</h2>
    {props.children}
  </section>
);
