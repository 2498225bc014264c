import type { EdgeRulesView } from "../domain/edge-rules.ts";
import { readRedirectLine } from "../domain/redirect-line.ts";
import { sizeFlag, wholeFlag } from "./numbers.ts";
import { UsageError } from "./usage-error.ts";

const text = { type: "string" } as const;
const texts = { type: "string", multiple: true } as const;

/** Options of `site rules` that each change one rule. */
export const ruleOptions = {
  maintenance: text,
  allow: text,
  deny: text,
  redirect: texts,
  "remove-redirect": texts,
  header: texts,
  "remove-header": texts,
  page: texts,
  hsts: text,
  spa: text,
  precompressed: text,
  compression: text,
  "client-rpm": text,
  "bandwidth-policy": text,
  throttle: text,
  "websocket-message": text,
  "access-log": text,
  "access-log-size": text,
  "access-log-days": text,
} as const;

type Options = typeof ruleOptions;
export type RuleFlags = {
  [Name in keyof Options]?: Options[Name] extends { multiple: true } ? string[] : string;
};

interface Sources {
  /** The rules that hold, for options that add to a list. */
  present(): Promise<EdgeRulesView>;
  readText(path: string): Promise<string>;
}

/** What the options ask for, as a patch for the API to judge. @throws UsageError for what has no such form */
export const readRuleFlags = async (flags: RuleFlags, sources: Sources): Promise<Record<string, unknown>> => {
  const asked: Record<string, unknown> = {
    maintenance: flags.maintenance && maintenance(flags.maintenance),
    allow: flags.allow && networks(flags.allow),
    deny: flags.deny && networks(flags.deny),
    hstsSeconds: flags.hsts && hsts(flags.hsts),
    spaFallback: toggle("spa", flags.spa),
    precompressed: toggle("precompressed", flags.precompressed),
    compression: toggle("compression", flags.compression),
    clientRequestsPerMinute:
      flags["client-rpm"] === "none" ? null : wholeFlag("client-rpm", flags["client-rpm"]),
    bandwidthPolicy: flags["bandwidth-policy"],
    bandwidthThrottleBytesPerSecond: sizeFlag("throttle", flags.throttle),
    webSocketMessageBytes: sizeFlag("websocket-message", flags["websocket-message"]),
    accessLog: flags["access-log"],
    accessLogBytes: sizeFlag("access-log-size", flags["access-log-size"]),
    accessLogDays: wholeFlag("access-log-days", flags["access-log-days"]),
    ...(await lists(flags, sources)),
  };
  return Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
};

/** A redirect or field of the same path or name takes the place of the one that is there. */
const lists = async (flags: RuleFlags, { present, readText }: Sources) => {
  const { redirect = [], header = [], page = [] } = flags;
  const goneRedirects = new Set((flags["remove-redirect"] ?? []).map((path) => path.replace(/\*$/, "")));
  const goneHeaders = new Set((flags["remove-header"] ?? []).map((name) => name.toLowerCase()));
  const redirects = redirect.map(redirectOf);
  const headers = header.map(headerOf);
  const pages = await Promise.all(page.map((one) => pageOf(one, readText)));
  const changes = redirects.length + headers.length + pages.length + goneRedirects.size + goneHeaders.size;
  if (changes === 0) return {};
  const now = await present();
  for (const { from } of redirects) goneRedirects.add(from);
  for (const { name } of headers) goneHeaders.add(name.toLowerCase());
  return {
    redirects:
      goneRedirects.size === 0
        ? undefined
        : [...now.redirects.filter(({ from }) => !goneRedirects.has(from)), ...redirects],
    responseHeaders:
      goneHeaders.size === 0
        ? undefined
        : [...now.responseHeaders.filter(({ name }) => !goneHeaders.has(name.toLowerCase())), ...headers],
    pages: pages.length === 0 ? undefined : { ...now.pages, ...Object.fromEntries(pages) },
  };
};

const maintenance = (value: string): { retryAfterSeconds?: number } | null => {
  if (value === "off") return null;
  return value === "on" ? {} : { retryAfterSeconds: wholeFlag("maintenance", value) };
};

const networks = (value: string): string[] =>
  value === "none" ? [] : value.split(",").map((one) => one.trim());

/** `86400`, `365d` or `off`. */
const hsts = (value: string): number | null => {
  if (value === "off") return null;
  const [, amount, days] = /^(\d+)(d?)$/.exec(value) ?? [];
  if (amount === undefined)
    throw new UsageError(`--hsts takes days such as 365d, seconds, or off, not ${JSON.stringify(value)}`);
  return days === "" ? Number(amount) : Number(amount) * 86_400;
};

const toggle = (name: string, value: string | undefined): boolean | undefined => {
  if (value === undefined) return undefined;
  if (value !== "on" && value !== "off") throw new UsageError(`--${name} must be on or off, not ${value}`);
  return value === "on";
};

const redirectOf = (value: string) => {
  const redirect = readRedirectLine(value);
  if (redirect === null) throw new UsageError(`--redirect must be such as "/old /new 301", not ${value}`);
  return redirect;
};

const headerOf = (value: string): { name: string; value: string } => {
  const colon = value.indexOf(":");
  if (colon < 1) throw new UsageError(`--header must be such as "X-Frame-Options: DENY", not ${value}`);
  return { name: value.slice(0, colon).trim(), value: value.slice(colon + 1).trim() };
};

/** `notFound=lost.html`, or `notFound=none`. */
const pageOf = async (value: string, readText: Sources["readText"]): Promise<[string, string | null]> => {
  const [, name, file] = /^(notFound|error|maintenance)=(.+)$/.exec(value) ?? [];
  if (name === undefined || file === undefined)
    throw new UsageError(`--page must be notFound, error or maintenance with =FILE or =none, not ${value}`);
  try {
    return [name, file === "none" ? null : await readText(file)];
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`);
  }
};
