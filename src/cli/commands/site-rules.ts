import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { EdgeRulesView } from "../../domain/edge-rules.ts";
import { formatBytes } from "../../domain/size.ts";
import { defineCommand } from "../command.ts";
import { sizeFlag, wholeFlag } from "../numbers.ts";
import { readNewPassword } from "../read-password.ts";
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
    ...rules.redirects.map(({ from, to, status, prefix }) => [
      "redirect",
      `${from}${prefix ? "*" : ""} ${to} ${status}`,
    ]),
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

/** `--maintenance on|off|SECONDS`. @throws UsageError */
const maintenanceFlag = (text: string): { retryAfterSeconds?: number } | null => {
  if (text === "off") return null;
  return text === "on" ? {} : { retryAfterSeconds: wholeFlag("maintenance", text) };
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
    from: { type: "string" },
    maintenance: { type: "string" },
    user: { type: "string" },
    "password-stdin": { type: "boolean" },
    "remove-user": { type: "string" },
    "client-rpm": { type: "string" },
    "bandwidth-policy": { type: "string" },
    throttle: { type: "string" },
    "access-log": { type: "string" },
    "access-log-size": { type: "string" },
    "access-log-days": { type: "string" },
  },
  words: [1, 1],
  run: async (context, [slug], flags) => {
    const { from } = flags;
    const { io } = context;
    const given =
      from === undefined
        ? {}
        : await readRules(
            from === "-" ? io.readStdin : () => readFile(resolve(io.cwd, from), "utf8"),
            from === "-" ? "standard input" : from,
          );
    const clientRpm = flags["client-rpm"];
    const asked: Record<string, unknown> = {
      ...given,
      ...(clientRpm !== undefined && {
        clientRequestsPerMinute: clientRpm === "none" ? null : wholeFlag("client-rpm", clientRpm),
      }),
      ...(flags["bandwidth-policy"] !== undefined && { bandwidthPolicy: flags["bandwidth-policy"] }),
      ...(flags.throttle !== undefined && {
        bandwidthThrottleBytesPerSecond: sizeFlag("throttle", flags.throttle),
      }),
    };
    if (flags["access-log"] !== undefined) asked.accessLog = flags["access-log"];
    const logBytes = sizeFlag("access-log-size", flags["access-log-size"]);
    if (logBytes !== undefined) asked.accessLogBytes = logBytes;
    const logDays = wholeFlag("access-log-days", flags["access-log-days"]);
    if (logDays !== undefined) asked.accessLogDays = logDays;
    if (flags.maintenance !== undefined) asked.maintenance = maintenanceFlag(flags.maintenance);
    const client = await context.client();
    const path = sitePath(slug!, "/rules", { environment: flags.environment });
    const { user, "remove-user": gone } = flags;
    if (user !== undefined || gone !== undefined) {
      const { basicAuth } = await client.get<EdgeRulesView>(path);
      const others = basicAuth.filter(({ name }) => name !== user && name !== gone);
      const password = user === undefined ? "" : await readNewPassword(io, flags["password-stdin"] ?? false);
      asked.basicAuth = user === undefined ? others : [...others, { name: user, password }];
    }
    const rules =
      Object.keys(asked).length > 0
        ? await client.send<EdgeRulesView>("PUT", path, asked)
        : await client.get<EdgeRulesView>(path);
    context.print(rules, () => describe(rules));
  },
});
