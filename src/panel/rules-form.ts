import type { EdgeRulesView } from "../domain/edge-rules.ts";
import { readRedirectLine, redirectLine } from "../domain/redirect-line.ts";
import { formatBytes, parseBytes } from "../domain/size.ts";
import { AppError, type FieldError } from "../errors.ts";
import { given, type Typed } from "./form.ts";

/** How lists are typed: one entry a line. */
const linesOf = (text: string | undefined): string[] =>
  (text ?? "")
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "");

const readHeader = (line: string) => {
  const colon = line.indexOf(":");
  return colon < 1 ? null : { name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() };
};

/** What the form shows of the rules that hold now. */
export const typedRules = (rules: EdgeRulesView): Typed => ({
  maintenance: rules.maintenance === null ? "" : "yes",
  retryAfterSeconds: String(rules.maintenance?.retryAfterSeconds ?? 600),
  redirects: rules.redirects.map(redirectLine).join("\n"),
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
  webSocketMessageBytes: formatBytes(rules.webSocketMessageBytes),
});

const numberOf = (text: string | undefined): number | null =>
  text === undefined ? null : Number(text.replace(/[,_ ]/g, ""));

/** Each section of the page is a form of its own, with these fields. */
export const ruleSections = {
  maintenance: ["maintenance", "retryAfterSeconds", "pageMaintenance"],
  networks: ["allow", "deny"],
  redirects: ["redirects"],
  headers: ["responseHeaders"],
  hsts: ["hstsSeconds"],
  files: ["spaFallback", "precompressed"],
  compression: ["compression"],
  pages: ["pageNotFound", "pageError"],
  excess: [
    "clientRequestsPerMinute",
    "webSocketMessageBytes",
    "bandwidthPolicy",
    "bandwidthThrottleBytesPerSecond",
  ],
} satisfies Record<string, string[]>;
export type RuleSection = keyof typeof ruleSections;

export const isRuleSection = (text: string): text is RuleSection => Object.hasOwn(ruleSections, text);

/** Which rule a typed field belongs to. */
const ruleOf: Record<string, keyof EdgeRulesView> = {
  retryAfterSeconds: "maintenance",
  pageMaintenance: "pages",
  pageNotFound: "pages",
  pageError: "pages",
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

/**
 * What was typed in a section, for the schema to judge; only what differs from what was shown, unchecked boxes
 * included.
 */
export const readRules = (
  section: RuleSection,
  typed: Typed,
  now: EdgeRulesView,
): Record<string, unknown> => {
  const shown = typedRules(now);
  const normal = (text: string | undefined): string => (text ?? "").replaceAll("\r\n", "\n").trimEnd();
  const names: string[] = ruleSections[section];
  const pageOf = (name: string, present: string | null): string | null =>
    names.includes(name) ? (given(typed, name) ?? null) : present;
  const all: Partial<Record<keyof EdgeRulesView, () => unknown>> = {
    maintenance: () =>
      typed.maintenance === "yes"
        ? { retryAfterSeconds: numberOf(given(typed, "retryAfterSeconds")) ?? undefined }
        : null,
    redirects: () => readLines(typed, "redirects", readRedirectLine, "/old /new 301"),
    allow: () => linesOf(typed.allow),
    deny: () => linesOf(typed.deny),
    responseHeaders: () => readLines(typed, "responseHeaders", readHeader, "X-Frame-Options: DENY"),
    hstsSeconds: () => numberOf(given(typed, "hstsSeconds")),
    pages: () => ({
      notFound: pageOf("pageNotFound", now.pages.notFound),
      error: pageOf("pageError", now.pages.error),
      maintenance: pageOf("pageMaintenance", now.pages.maintenance),
    }),
    spaFallback: () => typed.spaFallback === "yes",
    precompressed: () => typed.precompressed === "yes",
    compression: () => typed.compression === "yes",
    clientRequestsPerMinute: () => numberOf(given(typed, "clientRequestsPerMinute")),
    webSocketMessageBytes: () => parseBytes(typed.webSocketMessageBytes ?? ""),
    bandwidthPolicy: () => typed.bandwidthPolicy,
    bandwidthThrottleBytesPerSecond: () => parseBytes(typed.bandwidthThrottleBytesPerSecond ?? ""),
  };
  const changed = new Set(
    names
      .filter((name) => normal(typed[name]) !== normal(shown[name]))
      .map((name) => ruleOf[name] ?? (name as keyof EdgeRulesView)),
  );
  return Object.fromEntries([...changed].map((rule) => [rule, all[rule]!()]));
};

const fieldNames: Record<string, string> = {
  "pages.notFound": "pageNotFound",
  "pages.error": "pageError",
  "pages.maintenance": "pageMaintenance",
  "maintenance.retryAfterSeconds": "retryAfterSeconds",
};

/** `redirects.2.from must …` belongs to the third line of one text, `basicAuth.0.password` to a field of one user. */
export const ruleField = ({ path, message }: FieldError): FieldError => {
  const [field, line, part] = path.split(".");
  if (field === "basicAuth") return { path: part === "name" ? "userName" : "userPassword", message };
  if (fieldNames[path] !== undefined) return { path: fieldNames[path], message };
  if (line === undefined || !/^\d+$/.test(line)) return { path, message };
  return {
    path: field!,
    message: `line ${Number(line) + 1}${part === undefined ? "" : `: ${part}`} ${message}`,
  };
};
