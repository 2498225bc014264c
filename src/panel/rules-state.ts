import type { EdgeRulesView } from "../domain/edge-rules.ts";
import { formatBytes } from "../domain/size.ts";
import { duration, plural } from "./format.ts";
import type { Word } from "./words.ts";

const off = (text: string): Word => ({ text, tone: "quiet" });
const on = (text: string): Word => ({ text, tone: "moss" });

/** What holds in each section of the rules, in a word or two. */
export const rulesState = (rules: EdgeRulesView) => {
  const { pages } = rules;
  const own = [pages.notFound, pages.error].filter((page) => page !== null).length;
  const networks = [
    ...(rules.allow.length > 0 ? [`only ${plural(rules.allow.length, "network")}`] : []),
    ...(rules.deny.length > 0 ? [`${plural(rules.deny.length, "network")} not`] : []),
  ].join(", ");
  return {
    maintenance: rules.maintenance === null ? off("Off") : ({ text: "On", tone: "amber" } as Word),
    users: rules.basicAuth.length === 0 ? off("Not asked for") : on(plural(rules.basicAuth.length, "user")),
    networks: networks === "" ? off("Everybody") : on(networks.charAt(0).toUpperCase() + networks.slice(1)),
    redirects: rules.redirects.length === 0 ? off("None") : on(plural(rules.redirects.length, "redirect")),
    headers:
      rules.responseHeaders.length === 0 ? off("None") : on(plural(rules.responseHeaders.length, "field")),
    hsts: rules.hstsSeconds === null ? off("Off") : on(hstsText(rules.hstsSeconds)),
    files:
      rules.spaFallback || rules.precompressed
        ? on(
            [rules.spaFallback ? "Fallback" : null, rules.precompressed ? "Compressed files" : null]
              .filter((part) => part !== null)
              .join(", "),
          )
        : off("As they are"),
    compression: rules.compression ? on("On") : off("Off"),
    pages: own === 0 ? off("The edge's own") : on(plural(own, "page")),
    excess:
      rules.bandwidthPolicy === "block"
        ? off("509 at the end")
        : rules.bandwidthPolicy === "warn"
          ? off("Only shown")
          : off(`Slowed to ${formatBytes(rules.bandwidthThrottleBytesPerSecond)}/s`),
  } satisfies Record<string, Word>;
};

const day = 86_400;
/** Spans that are chosen in practice; two years is what preload lists ask for. */
export const hstsSpans = [
  { seconds: day, text: "1 day, to try it" },
  { seconds: 30 * day, text: "30 days" },
  { seconds: 182 * day, text: "6 months" },
  { seconds: 365 * day, text: "1 year" },
  { seconds: 730 * day, text: "2 years" },
];

export const hstsText = (seconds: number): string =>
  seconds === 0
    ? "Being forgotten"
    : (hstsSpans.find((span) => span.seconds === seconds)?.text.split(",")[0] ?? duration(seconds * 1000));
