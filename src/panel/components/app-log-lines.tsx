/** @jsxImportSource hono/jsx */
import type { AppLogView } from "../../domain/app-log.ts";
import { lineWord, wholeText } from "../app-log-words.ts";
import { clockTime, exactTime, longDate } from "../format.ts";
import { LogText } from "./log-lines.tsx";

/** Lines of a site's log, oldest first, with a mark where another day begins. islands/site-log.tsx adds the live ones. */
export const AppLogLines = ({ lines, nowMs }: { lines: AppLogView[]; nowMs: number }) => {
  let day = new Date(nowMs).toISOString().slice(0, 10);
  return (
    <>
      {lines.map((line) => {
        const atMs = Date.parse(line.at);
        const began = line.at.slice(0, 10) !== day;
        day = line.at.slice(0, 10);
        return (
          <>
            {began && <li class="day">{longDate(atMs)}</li>}
            <li class={line.level === "info" ? undefined : line.level}>
              <time datetime={line.at} title={exactTime(atMs)} data-show="clock">
                {clockTime(atMs)}
              </time>
              <span class="source">{lineWord(line)}</span>
              <span class="text">
                <LogText text={wholeText(line)} />
              </span>
            </li>
          </>
        );
      })}
    </>
  );
};
