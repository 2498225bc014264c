import type { AppLogView } from "../domain/app-log.ts";

/** Beside the time of a line: what printed it unless that is `web`, and its level where it is worth a word. */
export const lineWord = ({ process, level }: Pick<AppLogView, "process" | "level">): string =>
  [process === "web" ? "" : process, level === "info" ? "" : level === "warning" ? "warn" : level]
    .filter(Boolean)
    .join(" ");

/** A line's text, with a mark where the rest of it is not kept. */
export const wholeText = ({ text, cut }: Pick<AppLogView, "text" | "cut">): string =>
  cut ? `${text} … (cut)` : text;
