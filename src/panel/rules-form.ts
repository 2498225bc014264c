import type { EdgeRulesView } from "../domain/edge-rules.ts";
import { formatBytes, parseBytes } from "../domain/size.ts";
import { AppError, type FieldError } from "../errors.ts";
import { given, type Typed } from "./form.ts";

/** How lists are typed: one entry a line. */
const linesOf = (text: string | undefined): string[] =>
  (text ?? "")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");

/** `/old /new 301`; a star at the end of the path is for all below. */
const redirectText = ({ from, to, status, prefix }: EdgeRulesView["redirects"][number]): string =>
  `${from}${prefix ? "*" : ""} ${to} ${status}`;

const readRedirect = (line: string) => {
  const [from = "", to, status, ...more] = line.split(/\s+/);
  if (to === undefined || more.length > 0) return null;
  const prefix = from.endsWith("*");
  return {
    from: prefix ? from.slice(0, -1) : from,
    to,
    prefix,
    ...(status !== undefined && { status: Number(status) }),
  };
};

const readHeader = (line: string) => {
  const colon = line.indexOf(":");
  return colon < 1 ? null : { name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() };
};

/** `ada` stays as she is, `ada: password` is new or has a new one. */
const readUser = (line: string) => {
  const colon = line.indexOf(":");
  return colon < 0
    ? { name: line }
    : { name: line.slice(0, colon).trim(), password: line.slice(colon + 1).trim() };
};

/** What the form shows of the rules that hold now. */
export const typedRules = (rules: EdgeRulesView): Typed => ({
  maintenance: rules.maintenance === null ? "" : "yes",
  retryAfterSeconds: String(rules.maintenance?.retryAfterSeconds ?? 600),
  redirects: rules.redirects.map(redirectText).join("\n"),
  basicAuth: rules.basicAuth.map(({ name }) => name).join("\n"),
  allow: rules.allow.join("\n"),
  deny: rules.deny.join("\n"),
  responseHeaders: rules.responseHeaders.map(({ name, value }) => `${name}: ${value}`).join("\n"),
  hstsSeconds: rules.hstsSeconds?.toString() ?? "",
  pageNotFound: rules.pages.notFound ?? "",
  pageError: rules.pages.error ?? "",
  pageMaintenance: rules.pages.maintenance ?? "",
  spaFallback: rules.spaFallback ? "yes" : "",
  precompressed: rules.precompressed ? "yes" : "",
  compression: rules.compression ? "yes" : "",
  clientRequestsPerMinute: rules.clientRequestsPerMinute?.toString() ?? "",
  bandwidthPolicy: rules.bandwidthPolicy,
  bandwidthThrottleBytesPerSecond: formatBytes(rules.bandwidthThrottleBytesPerSecond),
});

const numberOf = (text: string | undefined): number | null =>
  text === undefined ? null : Number(text.replace(/[,_ ]/g, ""));

/** Which typed fields make up a rule. */
const sources: Record<keyof EdgeRulesView, string[]> = {
  maintenance: ["maintenance", "retryAfterSeconds"],
  redirects: ["redirects"],
  basicAuth: ["basicAuth"],
  allow: ["allow"],
  deny: ["deny"],
  responseHeaders: ["responseHeaders"],
  hstsSeconds: ["hstsSeconds"],
  pages: ["pageNotFound", "pageError", "pageMaintenance"],
  spaFallback: ["spaFallback"],
  precompressed: ["precompressed"],
  compression: ["compression"],
  clientRequestsPerMinute: ["clientRequestsPerMinute"],
  bandwidthPolicy: ["bandwidthPolicy"],
  bandwidthThrottleBytesPerSecond: ["bandwidthThrottleBytesPerSecond"],
};

/** @throws AppError `invalid_input` naming the lines that are not of the form */
const readLines = <T>(typed: Typed, name: string, read: (line: string) => T | null, form: string): T[] => {
  const wrong: FieldError[] = [];
  const entries = linesOf(typed[name]).flatMap((line) => {
    const entry = read(line);
    if (entry === null) wrong.push({ path: name, message: `must have lines such as ${form}, not ${line}` });
    return entry === null ? [] : [entry];
  });
  if (wrong.length > 0) throw new AppError("invalid_input", wrong[0]!.message, { fields: wrong });
  return entries;
};

/** What was typed, for the schema to judge; only what differs from what was shown, unchecked boxes included. */
export const readRules = (typed: Typed, now: EdgeRulesView): Record<string, unknown> => {
  const shown = typedRules(now);
  const normal = (text: string | undefined): string => (text ?? "").replaceAll("\r\n", "\n").trimEnd();
  const all: Record<keyof EdgeRulesView, () => unknown> = {
    maintenance: () =>
      typed.maintenance === "yes"
        ? { retryAfterSeconds: numberOf(given(typed, "retryAfterSeconds")) ?? undefined }
        : null,
    redirects: () => readLines(typed, "redirects", readRedirect, "/old /new 301"),
    basicAuth: () => linesOf(typed.basicAuth).map(readUser),
    allow: () => linesOf(typed.allow),
    deny: () => linesOf(typed.deny),
    responseHeaders: () => readLines(typed, "responseHeaders", readHeader, "X-Frame-Options: DENY"),
    hstsSeconds: () => numberOf(given(typed, "hstsSeconds")),
    pages: () => ({
      notFound: given(typed, "pageNotFound") ?? null,
      error: given(typed, "pageError") ?? null,
      maintenance: given(typed, "pageMaintenance") ?? null,
    }),
    spaFallback: () => typed.spaFallback === "yes",
    precompressed: () => typed.precompressed === "yes",
    compression: () => typed.compression === "yes",
    clientRequestsPerMinute: () => numberOf(given(typed, "clientRequestsPerMinute")),
    bandwidthPolicy: () => typed.bandwidthPolicy,
    bandwidthThrottleBytesPerSecond: () => parseBytes(typed.bandwidthThrottleBytesPerSecond ?? ""),
  };
  const changed = Object.entries(sources).filter(([, names]) =>
    names.some((name) => normal(typed[name]) !== normal(shown[name])),
  );
  return Object.fromEntries(changed.map(([rule]) => [rule, all[rule as keyof EdgeRulesView]()]));
};
