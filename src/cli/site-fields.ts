import type { SiteFields } from "../domain/site.ts";
import { wholeFlag } from "./numbers.ts";
import { UsageError } from "./usage-error.ts";

export const siteFieldOptions = {
  type: { type: "string" },
  repo: { type: "string" },
  branch: { type: "string" },
  root: { type: "string" },
  port: { type: "string" },
  image: { type: "string" },
  "build-command": { type: "string" },
  "start-command": { type: "string" },
  health: { type: "string" },
  "health-path": { type: "string" },
  replicas: { type: "string" },
  name: { type: "string" },
  description: { type: "string" },
  "auto-deploy": { type: "boolean" },
  "restore-priority": { type: "string" },
  egress: { type: "string" },
  "read-only-root": { type: "string" },
  internal: { type: "string" },
} as const;

export type SiteFlags = { [Key in keyof typeof siteFieldOptions]?: string | boolean };

const text = (value: string | boolean | undefined) => value as string | undefined;

/** An empty value takes a field back to what Croft finds out by itself. */
const orNull = (value: string | boolean | undefined) => (value === "" ? null : text(value));

export const onOff = (name: string, value: string | undefined): boolean | undefined => {
  if (value === undefined) return undefined;
  if (value !== "on" && value !== "off")
    throw new UsageError(`--${name} takes on or off, not ${JSON.stringify(value)}`);
  return value === "on";
};

/** The API's fields from the flags given; what they may hold is the API's to judge. */
export const readSiteFields = (flags: SiteFlags): SiteFields => {
  const health = text(flags.health);
  if (health !== undefined && health !== "http" && health !== "tcp")
    throw new UsageError(`--health takes http or tcp, not ${JSON.stringify(health)}`);
  const path = text(flags["health-path"]);
  const healthCheck =
    health === undefined && path === undefined
      ? undefined
      : ({ type: health, path } as unknown as SiteFields["healthCheck"]);
  const fields: SiteFields = {
    type: text(flags.type) as SiteFields["type"],
    repositoryUrl: orNull(flags.repo),
    branch: text(flags.branch),
    rootDirectory: text(flags.root),
    port: flags.port === "" ? null : wholeFlag("port", text(flags.port)),
    image: orNull(flags.image),
    buildCommand: orNull(flags["build-command"]),
    startCommand: orNull(flags["start-command"]),
    replicas: wholeFlag("replicas", text(flags.replicas)),
    name: text(flags.name),
    description: text(flags.description),
    autoDeploy: flags["auto-deploy"] as boolean | undefined,
    egress: onOff("egress", text(flags.egress)),
    readOnlyRoot: onOff("read-only-root", text(flags["read-only-root"])),
    internal: onOff("internal", text(flags.internal)),
    healthCheck,
    restorePriority: wholeFlag("restore-priority", text(flags["restore-priority"])),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
};
