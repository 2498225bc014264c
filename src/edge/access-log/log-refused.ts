import { ascii } from "../byte-classes.ts";
import { textOf } from "../fields.ts";
import type { SeenPath } from "../paths/seen-paths.ts";
import type { Visitor } from "../state.ts";
import { trafficOf } from "../traffic.ts";
import { jsonText, logRequest } from "./log-request.ts";

const mostRead = 16 * 1024;
const longestPath = 2048;

/**
 * Tells a site's log of a request that was refused before it was understood, when it names one of the site's hosts and
 * no other. A guess at what was meant, for reading; nothing else is decided by it.
 */
export const logRefused = (
  visitor: Visitor,
  input: Uint8Array,
  from: number,
  to: number,
  status: number,
  bytesOut: number,
): void => {
  const { edge } = visitor;
  const [first = "", ...lines] = textOf(input, from, Math.min(to, from + mostRead))
    .trimStart()
    .split(/\r?\n/);
  const hosts = new Set(
    lines.flatMap((line) => /^host[ \t]*:[ \t]*([^ \t:]+|\[[^\]]*\])/i.exec(line)?.[1]?.toLowerCase() ?? []),
  );
  const [host = ""] = hosts;
  const target = edge.router.byHost.get(host);
  if (hosts.size !== 1 || target === undefined) return;
  const { siteLog } = trafficOf(edge, target);
  if (siteLog === null) return;
  const [, method = "-", path = "-", minor] =
    /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,24}) +(\/[^?\s]*|\S*?)(?:\?\S*)?(?: +HTTP\/1\.([01]))?$/.exec(first) ??
    [];
  const startedAtMs = edge.now();
  const logged = path.length > longestPath ? `${path.slice(0, longestPath)}...` : path;
  const seen: SeenPath = {
    counts: null,
    key: new Uint8Array(),
    method,
    pattern: "",
    entry: null,
    words: ascii(`"method":${jsonText(method)},"path":${jsonText(logged)},"status":`),
  };
  const refused = {
    visitor,
    address: visitor.address,
    secure: visitor.secure,
    requestId: null,
    requestNumber: 0,
    status,
    bytesIn: to - from,
    bytesOut,
    startedAtMs,
    answeredAtMs: 0,
    seen,
    host,
    detail: null,
    minor: minor === "0" ? (0 as const) : (1 as const),
  };
  logRequest(edge.traffic, siteLog, refused, null, startedAtMs, false);
};
