import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { EdgeRulesView } from "../../domain/edge-rules.ts";
import { redirectLine } from "../../domain/redirect-line.ts";
import { formatBytes } from "../../domain/size.ts";
import { defineCommand } from "../command.ts";
import { readNewPassword } from "../read-password.ts";
import { readRuleFlags, ruleOptions } from "../rule-flags.ts";
import { sitePath } from "../site-path.ts";
import { table } from "../text.ts";
import { UsageError } from "../usage-error.ts";

const describe = (rules: EdgeRulesView): string =>
  table([
    ["RULE", ""],
    [
      "maintenance",
      rules.maintenance === null ? "off" : `503, back in ${rules.maintenance.retryAfterSeconds} s`,
    ],
    ["password", rules.basicAuth.map(({ name }) => name).join(", ") || "none asked for"],
    ["only from", rules.allow.join(", ") || "anywhere"],
    ["never from", rules.deny.join(", ") || "-"],
    ...rules.redirects.map((redirect) => ["redirect", redirectLine(redirect)]),
    ...rules.responseHeaders.map(({ name, value }) => ["response header", `${name}: ${value}`]),
    ["HSTS", rules.hstsSeconds === null ? "-" : `${rules.hstsSeconds} s`],
    ["own pages", ownPages(rules)],
    ["static: fallback to index.html", rules.spaFallback ? "on" : "off"],
    ["static: compressed files", rules.precompressed ? "on" : "off"],
    ["app: compression", rules.compression ? "on" : "off"],
    ["WebSocket message of a visitor", `${formatBytes(rules.webSocketMessageBytes)} at most`],
    ["requests a minute from one address", rules.clientRequestsPerMinute?.toString() ?? "no limit"],
    ["bandwidth used up", policyText(rules)],
    ["access log", logText(rules)],
  ]);

const ownPages = ({ pages }: EdgeRulesView): string =>
  Object.entries(pages)
    .filter(([, page]) => page !== null)
    .map(([name]) => name)
    .join(", ") || "-";

const logText = ({ accessLog, accessLogBytes, accessLogDays }: EdgeRulesView): string =>
  accessLog === "off"
    ? "off"
    : `${accessLog}, ${formatBytes(accessLogBytes)}, ${accessLogDays === 1 ? "a day" : `${accessLogDays} days`} at most`;

const policyText = (rules: EdgeRulesView): string => {
  switch (rules.bandwidthPolicy) {
    case "throttle":
      return `slowed down to ${formatBytes(rules.bandwidthThrottleBytesPerSecond)} a second`;
    case "block":
      return "509 until the next month";
    case "warn":
      return "only shown";
  }
};

/** `--from rules.json`, or `-` for standard input. @throws UsageError when it is not a JSON object */
const readRules = async (text: () => Promise<string>, name: string): Promise<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(await text());
    if (typeof value === "object" && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch (error) {
    throw new UsageError(`${name}: ${(error as Error).message}`);
  }
  throw new UsageError(`${name} holds no JSON object`);
};

export const siteRules = defineCommand({
  options: {
    ...ruleOptions,
    from: { type: "string" },
    user: { type: "string" },
    "password-stdin": { type: "boolean" },
    "remove-user": { type: "string" },
  },
  words: [1, 1],
  run: async (context, [slug], flags) => {
    const { from, user, "remove-user": gone } = flags;
    const { io } = context;
    const path = sitePath(slug!, "/rules", { environment: flags.environment });
    const readText = (file: string) => readFile(resolve(io.cwd, file), "utf8");
    const present = async () => (await context.client()).get<EdgeRulesView>(path);
    const asked: Record<string, unknown> = {
      ...(from !== undefined &&
        (await readRules(
          from === "-" ? io.readStdin : () => readText(from),
          from === "-" ? "standard input" : from,
        ))),
      ...(await readRuleFlags(flags, { present, readText })),
    };
    if (user !== undefined || gone !== undefined) {
      const others = (await present()).basicAuth.filter(({ name }) => name !== user && name !== gone);
      const password = user === undefined ? "" : await readNewPassword(io, flags["password-stdin"] ?? false);
      asked.basicAuth = user === undefined ? others : [...others, { name: user, password }];
    }
    const rules =
      Object.keys(asked).length > 0
        ? await (await context.client()).send<EdgeRulesView>("PUT", path, asked)
        : await present();
    context.print(rules, () => describe(rules));
  },
});
