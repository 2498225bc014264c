import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { EdgeRules } from "../../domain/edge-rules.ts";
import { formatBytes } from "../../domain/size.ts";
import { defineCommand } from "../command.ts";
import { sizeFlag, wholeFlag } from "../numbers.ts";
import { sitePath } from "../site-path.ts";
import { table } from "../text.ts";
import { UsageError } from "../usage-error.ts";

const describe = (rules: EdgeRules): string =>
  table([
    ["RULE", ""],
    ["requests a minute from one address", rules.clientRequestsPerMinute?.toString() ?? "no limit"],
    ["bandwidth used up", policyText(rules)],
  ]);

const policyText = (rules: EdgeRules): string => {
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
    from: { type: "string" },
    "client-rpm": { type: "string" },
    "bandwidth-policy": { type: "string" },
    throttle: { type: "string" },
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
    const client = await context.client();
    const path = sitePath(slug!, "/rules", { environment: flags.environment });
    const rules =
      Object.keys(asked).length > 0
        ? await client.send<EdgeRules>("PUT", path, asked)
        : await client.get<EdgeRules>(path);
    context.print(rules, () => describe(rules));
  },
});
