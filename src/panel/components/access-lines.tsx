/** @jsxImportSource hono/jsx */
import type { AccessLine } from "../../domain/access-log.ts";
import { accessRow } from "../access-words.ts";
import { Time } from "./time.tsx";

/** Requests, oldest first; islands/access-log.tsx draws the same. */
export const AccessLines = ({ lines }: { lines: AccessLine[] }) => (
  <>
    {lines.map((line) => {
      const row = accessRow(line);
      return (
        <li title={row.more}>
          <Time at={row.at} show="clock" />
          <b class={`${row.tone}-text`}>{row.status}</b>
          <span class="text">{row.request}</span>
          <span class="took">{row.took}</span>
          <span class="size">{row.size}</span>
          <span class="from">{row.from}</span>
        </li>
      );
    })}
  </>
);
