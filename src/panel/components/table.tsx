/** @jsxImportSource hono/jsx */
import type { Child, PropsWithChildren } from "hono/jsx";

// On a phone rows become cards by CSS, which takes a table's meaning away from screen readers unless the roles
// are written out.

/** @param heads column headings, in order; one without text is for acts */
export const Table = (props: PropsWithChildren<{ caption: string; heads: Child; class?: string }>) => (
  <div class="table-frame">
    <table role="table" class={props.class}>
      <caption class="unseen">{props.caption}</caption>
      <thead role="rowgroup">
        <tr role="row">{props.heads}</tr>
      </thead>
      <tbody role="rowgroup">{props.children}</tbody>
    </table>
  </div>
);

export const Head = (props: PropsWithChildren<{ num?: boolean; sort?: "ascending" | "descending" }>) => (
  <th role="columnheader" scope="col" class={props.num ? "num" : undefined} aria-sort={props.sort}>
    {props.children}
  </th>
);

export const Row = (props: PropsWithChildren<{ class?: string }>) => (
  <tr role="row" class={props.class}>
    {props.children}
  </tr>
);

/** @param label shown before the value where rows are cards */
export const Cell = (props: PropsWithChildren<{ label?: string; num?: boolean; class?: string }>) => (
  <td
    role="cell"
    class={[props.num && "num", props.class].filter(Boolean).join(" ") || undefined}
    data-label={props.label}
  >
    {props.children}
  </td>
);

/** The cell that names its row. */
export const NameCell = (props: PropsWithChildren) => (
  <th role="rowheader" scope="row" class="name">
    {props.children}
  </th>
);
