import { z } from "zod";

const text = z.string().max(32_768);
const time = z.iso.datetime({ precision: 3 });
const whole = z.number().int().min(0);

/**
 * A request as the site's log has it; the time is that of its end. What the site's setting does not allow is not in
 * the file either. Bytes count heads and bodies.
 */
export const accessLineSchema = z.object({
  time,
  /** As the app reads it in `X-Request-Id`. */
  id: text,
  /** With `anonymous` the network: IPv4 by /24, IPv6 by /48. */
  address: text,
  method: text,
  /** As received, without the query. */
  path: text,
  /** 101 for a WebSocket, told at its end; 499 when the visitor left before an answer. */
  status: whole.max(999),
  bytesIn: whole,
  bytesOut: whole,
  /** From the end of the request's head to the end of the answer. */
  ms: z.number().min(0),
  /** Until the replica's answer began; absent when the edge answered by itself. */
  upstreamMs: z.number().min(0).optional(),
  replica: text.optional(),
  protocol: text,
  tls: z.boolean(),
  host: text,
  /** Only with `full`. */
  query: text.optional(),
  /** With `anonymous` only scheme and host. */
  referer: text.optional(),
  /** Only with `full`. */
  userAgent: text.optional(),
  /** The answer broke off: the visitor left, or the site failed in the middle. */
  aborted: z.boolean().optional(),
});
export type AccessLine = z.output<typeof accessLineSchema>;

/** Stands in the file where lines are missing, since the disk could not take them. */
export const droppedSchema = z.object({ time, dropped: whole });

/** Which lines are wanted; what is absent allows all. */
export interface AccessFilter {
  /** `5xx`, `404`. */
  status?: string | undefined;
  /** A path begins so; with `*` in it, any text stands there. */
  path?: string | undefined;
  sinceMs?: number | undefined;
}

export const isStatusFilter = (value: string): boolean => /^[1-5](?:xx|\d\d)$/i.test(value);

/** Ready to be asked for each of many lines. */
export const accessMatcher = ({ status, path, sinceMs }: AccessFilter): ((line: AccessLine) => boolean) => {
  const [least, most] = statusRange(status);
  const matchesPath = pathMatcher(path);
  const since = sinceMs === undefined ? "" : new Date(sinceMs).toISOString();
  return (line) =>
    line.status >= least && line.status <= most && line.time >= since && matchesPath(line.path);
};

const statusRange = (status: string | undefined): [number, number] => {
  if (status === undefined) return [0, 999];
  const least = Number(status.replace(/x/gi, "0"));
  return [least, /x/i.test(status) ? least + 99 : least];
};

const pathMatcher = (path: string | undefined): ((text: string) => boolean) => {
  if (path === undefined || path === "") return () => true;
  const parts = path.split("*");
  if (parts.length === 1) return (text) => text.startsWith(path);
  const [first, ...rest] = parts as [string, ...string[]];
  const last = rest.pop()!;
  return (text) => {
    if (!text.startsWith(first)) return false;
    let at = first.length;
    for (const part of rest) {
      const found = text.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return text.length - last.length >= at && text.endsWith(last);
  };
};

const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** `20/Nov/2026:12:34:56 +0000` */
const commonTime = (iso: string): string => {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return "01/Jan/1970:00:00:00 +0000";
  const two = (n: number): string => String(n).padStart(2, "0");
  return `${two(date.getUTCDate())}/${months[date.getUTCMonth()]}/${date.getUTCFullYear()}:${iso.slice(11, 19)} +0000`;
};

/** As Apache's mod_log_config writes what a visitor sent: no byte of it ends a field or a line. */
const quoted = (value: string): string =>
  `"${value.replace(/["\\]/g, "\\$&").replace(/[^\x20-\x7e]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`)}"`;

/** The Combined Log Format of Apache httpd. Users are never named; the size is that of head and body. */
export const combinedLine = (line: AccessLine): string => {
  const target = line.query === undefined ? line.path : `${line.path}?${line.query}`;
  const address = line.address.replace(/[^0-9A-Za-z:.]/g, "") || "-";
  return (
    `${address} - - [${commonTime(line.time)}] ${quoted(`${line.method} ${target} ${line.protocol}`)} ` +
    `${line.status} ${line.bytesOut} ${quoted(line.referer ?? "-")} ${quoted(line.userAgent ?? "-")}`
  );
};
