import { relativeTime } from "../format.ts";

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
const clock = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hourCycle: "h23",
});
const short = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const hourMinute = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** `14:02:11` in the reader's zone. */
export const localClock = (atMs: number): string => clock.format(atMs);
export const localExact = (atMs: number): string => exact.format(atMs);
export const localHour = (atMs: number): string => hourMinute.format(atMs);
export const localShort = (atMs: number): string => short.format(atMs);
export const localDay = (atMs: number): string => day.format(atMs);

/** Writes every time below `root` in the reader's own zone, and relative ones anew. */
export const localTimes = (root: ParentNode): void => {
  for (const element of root.querySelectorAll<HTMLTimeElement>("time[data-show]")) {
    const atMs = Date.parse(element.dateTime);
    if (Number.isNaN(atMs)) continue;
    const show = element.dataset.show;
    const text =
      show === "clock"
        ? clock.format(atMs)
        : show === "exact"
          ? short.format(atMs)
          : relativeTime(atMs, Date.now());
    if (element.textContent !== text) element.textContent = text;
    const title = exact.format(atMs);
    if (element.title !== title) element.title = title;
  }
  for (const label of root.querySelectorAll<SVGTextElement>("text[data-at]")) {
    const atMs = Number(label.dataset.at);
    label.textContent = label.dataset.by === "day" ? day.format(atMs) : hourMinute.format(atMs);
  }
};
