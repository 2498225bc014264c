import { expect, test } from "bun:test";
import {
  defaultEdgeRules,
  edgeRulesPatchSchema,
  type EdgeRulesView,
  edgeRulesView,
} from "../domain/edge-rules.ts";
import { readRules, ruleField, type RuleSection, ruleSections, typedRules } from "./rules-form.ts";

const now: EdgeRulesView = {
  ...edgeRulesView(defaultEdgeRules),
  redirects: [{ from: "/blog/", to: "/log", status: 301, prefix: true }],
  basicAuth: [{ name: "ada" }],
  maintenance: { retryAfterSeconds: 90 },
  pages: { notFound: "<p>\n lost\n", error: null, maintenance: null },
};

const sections = Object.keys(ruleSections) as RuleSection[];

test("a section that is sent back as it was shown changes nothing", () => {
  const asBrowsersSend = Object.fromEntries(
    Object.entries(typedRules(now)).map(([name, text]) => [name, text.replaceAll("\n", "\r\n")]),
  );
  for (const section of sections) expect(readRules(section, asBrowsersSend, now), section).toEqual({});
});

test("lines become rules, an unchecked box switches off, what is emptied is gone", () => {
  const { maintenance: _, ...unchecked } = typedRules(now);
  const typed = {
    ...unchecked,
    redirects: "/blog/* /log 301\r\n\r\n /a  /b \r\n",
    responseHeaders: "X-Frame-Options: DENY",
    deny: "192.0.2.0/24\r\n2001:db8::1",
    pageNotFound: "",
    pageMaintenance: "<p>soon",
    spaFallback: "yes",
    bandwidthThrottleBytesPerSecond: "1 MB",
  };
  const read = (section: RuleSection) => edgeRulesPatchSchema.parse(readRules(section, typed, now));
  expect(read("maintenance")).toEqual({ maintenance: null, pages: { ...now.pages, maintenance: "<p>soon" } });
  expect(read("redirects")).toEqual({
    redirects: [now.redirects[0]!, { from: "/a", to: "/b", status: 308, prefix: false }],
  });
  expect(read("headers")).toEqual({ responseHeaders: [{ name: "X-Frame-Options", value: "DENY" }] });
  expect(read("networks")).toEqual({ deny: ["192.0.2.0/24", "2001:db8::1"] });
  expect(read("pages")).toEqual({ pages: { notFound: null, error: null, maintenance: null } });
  expect(read("files")).toEqual({ spaFallback: true });
  expect(read("excess")).toEqual({ bandwidthThrottleBytesPerSecond: 1_048_576 });
  expect(read("hsts")).toEqual({});
});

test("pages of other sections stay, byte for byte", () => {
  const typed = { ...typedRules(now), pageError: "<p>away" };
  expect(readRules("pages", typed, { ...now, pages: { ...now.pages, maintenance: " kept \n" } })).toEqual({
    pages: { notFound: "<p>\n lost", error: "<p>away", maintenance: " kept \n" },
  });
});

test("a line that is no rule is named", () => {
  const typed = { ...typedRules(now), redirects: "/only" };
  expect(() => readRules("redirects", typed, now)).toThrow(
    "must have lines such as /old /new 301, not /only",
  );
});

test("what is refused stands beside its field", () => {
  const at = (path: string) => ruleField({ path, message: "must …" });
  expect(at("redirects.2.from")).toEqual({ path: "redirects", message: "line 3: from must …" });
  expect(at("allow.0")).toEqual({ path: "allow", message: "line 1 must …" });
  expect(at("basicAuth.0.password").path).toBe("userPassword");
  expect(at("basicAuth.0.name").path).toBe("userName");
  expect(at("basicAuth").path).toBe("userPassword");
  expect(at("pages.maintenance").path).toBe("pageMaintenance");
});
