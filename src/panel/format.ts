import { formatBytes } from "../domain/size.ts";

// Figures for people. Everything here is pure; times are UTC milliseconds.

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `now`, `5 min ago`, `2 h ago`, `12 d ago`, then the date; `in 5 min` for what is to come. */
export const relativeTime = (atMs: number, nowMs: number): string => {
  const age = nowMs - atMs;
  const size = Math.abs(age);
  if (size < 45_000) return "now";
  let text: string;
  if (size < 90 * minute) text = `${Math.max(1, Math.round(size / minute))} min`;
  else if (size < 36 * hour) text = `${Math.round(size / hour)} h`;
  else if (size < 60 * day) text = `${Math.round(size / day)} d`;
  else {
    const date = new Date(atMs);
    return `${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  }
  return age > 0 ? `${text} ago` : `in ${text}`;
};

/** `2026-11-20 09:12:33 UTC` */
export const exactTime = (atMs: number): string =>
  `${new Date(atMs).toISOString().slice(0, 19).replace("T", " ")} UTC`;

/** `20 Nov 2026`, in UTC. */
export const longDate = (atMs: number): string => {
  const date = new Date(atMs);
  return `${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
};

/** `09:12:33` in UTC. */
export const clockTime = (atMs: number): string => new Date(atMs).toISOString().slice(11, 19);

/** `40 ms`, `0.6 s`, `31 s`, `2 min 5 s`, `1 h 4 min`. */
export const duration = (ms: number): string => {
  if (ms < 100) return `${Math.max(0, Math.round(ms))} ms`;
  const tenths = Math.max(0, Math.round(ms / 100));
  if (tenths < 100) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const wholeMinutes = Math.floor(seconds / 60);
  if (wholeMinutes < 60)
    return seconds % 60 ? `${wholeMinutes} min ${seconds % 60} s` : `${wholeMinutes} min`;
  const rest = wholeMinutes % 60;
  return rest ? `${Math.floor(wholeMinutes / 60)} h ${rest} min` : `${Math.floor(wholeMinutes / 60)} h`;
};

/** `3`, `640`, `1.2k`, `5.8M`. */
export const shortCount = (n: number): string => {
  if (n < 1000) return String(Math.round(n));
  if (n < 999_500) return `${trim(n / 1000)}k`;
  return `${trim(n / 1_000_000)}M`;
};
const trim = (n: number) => (n >= 100 ? n.toFixed(0) : n.toFixed(1).replace(/\.0$/, ""));

/** `12,400` */
export const count = (n: number): string => Math.round(n).toLocaleString("en");

/** `1 release`, `3 releases`. */
export const plural = (n: number, one: string, many = `${one}s`): string =>
  `${count(n)} ${n === 1 ? one : many}`;

/** `0.17`, `0.5`, `2` cores from thousandths; `<0.01` for what is more than nothing. */
export const cores = (millicores: number): string =>
  millicores > 0 && millicores < 5 ? "<0.01" : String(Number((millicores / 1000).toFixed(2)));

/** `12 ms`, `0.4 ms`, `1.3 s`. */
export const millis = (ms: number): string =>
  ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${ms >= 10 ? Math.round(ms) : Number(ms.toFixed(1))} ms`;

/** The unit is written once where both are in the same: `82 of 128 MB`, `410 MB of 1 GB`. */
export const bytesOf = (used: number, limit: number): string => {
  const [usedText, limitText] = [formatBytes(used), formatBytes(limit)];
  const unit = limitText.split(" ")[1];
  return `${usedText.endsWith(` ${unit}`) ? usedText.split(" ")[0] : usedText} of ${limitText}`;
};

/** Whole percent, at least 1 when there is any, and 100 only when it is reached. */
export const percent = (used: number, limit: number): number => {
  if (limit <= 0 || used <= 0) return 0;
  const share = (used / limit) * 100;
  if (share < 1) return 1;
  return share < 100 ? Math.min(99, Math.round(share)) : Math.round(share);
};

/** `54 %`, `<1 %` for what is more than nothing, `>99 %` for what is not quite all. */
export const share = (part: number, whole: number): string => {
  const exact = (part / whole) * 100;
  if (whole <= 0 || part <= 0) return "0 %";
  if (exact < 1) return "<1 %";
  return exact > 99 && part < whole ? ">99 %" : `${Math.round(exact)} %`;
};

/** The first seven digits, as git shows them. */
export const shortHash = (hash: string): string => hash.slice(0, 7);

/** First line only; the rest belongs to the deployment's page. */
export const firstLine = (text: string): string => text.split("\n", 1)[0]!.trim();

/** Error texts begin small and without a full stop, so that they fit behind a colon. */
export const sentence = (text: string): string =>
  `${text.replace(/^[a-z]+(?=[\s,;.]|: |$)/, (word) => word.charAt(0).toUpperCase() + word.slice(1))}${/[.!?]$/.test(text) ? "" : "."}`;
