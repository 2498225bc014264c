import type { LogStorageView, Retention } from "../../domain/retention.ts";
import { formatBytes } from "../../domain/size.ts";
import { defineCommand } from "../command.ts";
import { sizeFlag, wholeFlag } from "../numbers.ts";
import { sitePath } from "../site-path.ts";
import { facts, localTime, table } from "../text.ts";

const dayFlags = {
  "app-log-days": "appLogDays",
  "deployment-log-days": "deploymentLogDays",
  "audit-days": "auditDays",
  "security-event-days": "securityEventDays",
  "event-days": "eventDays",
  "delivery-days": "deliveryDays",
  "replica-days": "replicaDays",
  "build-cache-days": "buildCacheDays",
  "releases-kept": "releasesKept",
} as const;

const names: Record<keyof Retention, string> = {
  appLogDays: "what sites print",
  appLogBytes: "what sites print, of each",
  deploymentLogDays: "logs of deployments, then packed",
  auditDays: "audit log",
  securityEventDays: "security events",
  eventDays: "events",
  deliveryDays: "webhook deliveries",
  replicaDays: "containers that are gone",
  buildCacheDays: "layers of builds",
  releasesKept: "releases of each site",
};

const amountOf = (field: keyof Retention, value: number): string => {
  if (field === "appLogBytes") return formatBytes(value);
  return field === "releasesKept" ? `the newest ${value}` : `${value} days`;
};

export const retention = defineCommand({
  options: {
    "app-log-days": { type: "string" },
    "app-log-size": { type: "string" },
    "deployment-log-days": { type: "string" },
    "audit-days": { type: "string" },
    "security-event-days": { type: "string" },
    "event-days": { type: "string" },
    "delivery-days": { type: "string" },
    "replica-days": { type: "string" },
    "build-cache-days": { type: "string" },
    "releases-kept": { type: "string" },
  },
  words: [0, 0],
  run: async (context, _, flags) => {
    const patch: Partial<Retention> = {};
    for (const [flag, field] of Object.entries(dayFlags)) {
      const days = wholeFlag(flag, flags[flag as keyof typeof dayFlags]);
      if (days !== undefined) patch[field] = days;
    }
    const bytes = sizeFlag("app-log-size", flags["app-log-size"]);
    if (bytes !== undefined) patch.appLogBytes = bytes;
    const client = await context.client();
    const kept =
      Object.keys(patch).length === 0
        ? await client.get<Retention>("/host/retention")
        : await client.send<Retention>("PUT", "/host/retention", patch);
    context.print(kept, () =>
      table([
        ["WHAT", "KEPT"],
        ...Object.entries(names).map(([field, name]) => {
          const value = kept[field as keyof Retention];
          return [name, amountOf(field as keyof Retention, value)];
        }),
      ]),
    );
  },
});

/** `default` takes the site's own setting away. */
const orDefault = <T>(text: string | undefined, read: () => T): T | null =>
  text === "default" ? null : read();

export const siteLogStorage = defineCommand({
  options: { "max-size": { type: "string" }, days: { type: "string" } },
  words: [1, 1],
  run: async (context, [slug], { "max-size": size, days, environment }) => {
    const maxBytes = orDefault(size, () => sizeFlag("max-size", size));
    const wholeDays = orDefault(days, () => wholeFlag("days", days));
    const client = await context.client();
    const path = sitePath(slug!, "/logs/storage", { environment });
    const view =
      size === undefined && days === undefined
        ? await client.get<LogStorageView>(path)
        : await client.send<LogStorageView>("PUT", path, { maxBytes, days: wholeDays });
    context.print(view, () =>
      view.stored
        ? facts([
            ["size", `${formatBytes(view.usedBytes)} of ${formatBytes(view.maxBytes)}`],
            ["kept", `${view.days} days`],
            ["oldest line", view.oldestAt && localTime(view.oldestAt)],
          ])
        : "nothing is kept: the engine's log files cannot be read here\n",
    );
  },
});
