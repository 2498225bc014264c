import { expect, test } from "bun:test";
import {
  defaultEdgeRules,
  edgeRulesPatchSchema,
  type EdgeRulesView,
  edgeRulesView,
} from "../domain/edge-rules.ts";
import { readRules, typedRules } from "./rules-form.ts";

const now: EdgeRulesView = {
  ...edgeRulesView(defaultEdgeRules),
  redirects: [{ from: "/blog/", to: "/log", status: 301, prefix: true }],
  basicAuth: [{ name: "ada" }],
  maintenance: { retryAfterSeconds: 90 },
  pages: { notFound: "<p>\n lost\n", error: null, maintenance: null },
};

test("a form that is sent back as it was shown changes nothing", () => {
  const asBrowsersSend = Object.fromEntries(
    Object.entries(typedRules(now)).map(([name, text]) => [name, text.replaceAll("\n", "\r\n")]),
  );
  expect(readRules(asBrowsersSend, now)).toEqual({});
});

test("lines become rules, an unchecked box switches off, what is emptied is gone", () => {
  const { maintenance: _, ...unchecked } = typedRules(now);
  const typed = {
    ...unchecked,
    redirects: "/blog/* /log 301\r\n\r\n /a  /b \r\n",
    basicAuth: "ada\r\nlin: a long: one",
    responseHeaders: "X-Frame-Options: DENY",
    deny: "192.0.2.0/24\r\n2001:db8::1",
    pageNotFound: "",
    spaFallback: "yes",
    bandwidthThrottleBytesPerSecond: "1 MB",
  };
  const patch = edgeRulesPatchSchema.parse(readRules(typed, now));
  expect(patch).toEqual({
    maintenance: null,
    redirects: [now.redirects[0]!, { from: "/a", to: "/b", status: 308, prefix: false }],
    basicAuth: [{ name: "ada" }, { name: "lin", password: "a long: one" }],
    responseHeaders: [{ name: "X-Frame-Options", value: "DENY" }],
    deny: ["192.0.2.0/24", "2001:db8::1"],
    pages: { notFound: null, error: null, maintenance: null },
    spaFallback: true,
    bandwidthThrottleBytesPerSecond: 1_048_576,
  });
});

test("a line that is no rule is named", () => {
  const typed = { ...typedRules(now), redirects: "/only" };
  expect(() => readRules(typed, now)).toThrow("must have lines such as /old /new 301, not /only");
});
