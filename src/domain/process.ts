import { z } from "zod";
import type { ContainerLimits } from "./engine.ts";
import { limitsSchema } from "./limits.ts";
import type { EnvironmentRecord } from "./records.ts";
import type { ReleaseConfig } from "./release.ts";
import { portSchema } from "./site.ts";

/** The process that answers visitors. All others have no route. */
export const webProcess = "web";

/** A process without visitors is held to work once it has run for so long. */
export const startWindowMs = 3000;

export const mostReplicas = 10;
/** Of all processes of an environment together: a rollout runs them twice, and a subnet has 29 addresses. */
export const mostReplicasTogether = 12;
export const mostProcesses = 10;

/** Also a host name on the environment's network. */
export const processNameSchema = z
  .string()
  .regex(
    /^[a-z](?:[a-z0-9_-]{0,28}[a-z0-9])?$/,
    "must be up to 30 of a-z, 0-9, - and _, start with a letter and end with a letter or digit",
  )
  .refine((name) => name !== "localhost", "must not be localhost");

const countMessage = `must be a whole number from 0 to ${mostReplicas}`;
export const replicasSchema = z
  .number({ error: countMessage })
  .int(countMessage)
  .min(0, countMessage)
  .max(mostReplicas, countMessage);

const commandSchema = z
  .string()
  .min(1, "is empty")
  .max(1000, "must be at most 1,000 characters")
  .regex(/^[^\x00-\x1f\x7f]*$/, "must be one line without control characters");

/** What may be set of a process besides `web`; null takes a value back to what the release or the environment says. */
export const processSettingsSchema = z.strictObject({
  command: commandSchema.nullable().optional(),
  port: portSchema.nullable().optional(),
  replicas: replicasSchema.nullable().optional(),
  memoryBytes: limitsSchema.shape.memoryBytes.nullable().optional(),
  cpuMillicores: limitsSchema.shape.cpuMillicores.nullable().optional(),
  pids: limitsSchema.shape.pids.nullable().optional(),
});
export type ProcessSettings = z.infer<typeof processSettingsSchema>;

/** How many replicas by process. */
export const scaleSchema = z
  .record(processNameSchema, replicasSchema)
  .refine((counts) => Object.keys(counts).length > 0, "names no process");
export type Scale = z.infer<typeof scaleSchema>;

/** As a release has it, frozen; null limits are the environment's. */
export interface ReleaseProcess {
  name: string;
  /** Run as `/bin/sh -c` inside the container; null keeps the image's own command. */
  command: string | null;
  /** Given to it as PORT; reached by name on the environment's network and by linked sites. */
  port: number | null;
  /** Unless people said otherwise. */
  replicas: number;
  limits: Partial<ContainerLimits>;
}

/** A row of `processes`. Null: what the release, then the environment says. */
export interface ProcessRecord {
  environmentId: string;
  name: string;
  command: string | null;
  port: number | null;
  replicas: number | null;
  memoryBytes: number | null;
  cpuMillicores: number | null;
  pids: number | null;
  updatedAt: number;
}

/** A row of `rolling_restarts`. */
export interface RollingRestartRecord {
  environmentId: string;
  askedAt: number;
}

/** What should run of one process now: the release's word on what it is, the environment's on how many and how large. */
export interface DesiredProcess extends Omit<ReleaseProcess, "limits"> {
  limits: ContainerLimits;
}

type Sizes = Pick<EnvironmentRecord, "replicas" | "memoryBytes" | "cpuMillicores" | "pids">;

/** `web` first. Empty for static files. */
export const desiredProcesses = (
  config: ReleaseConfig,
  environment: Sizes,
  settings: readonly ProcessRecord[],
): DesiredProcess[] => {
  if (config.kind === "static") return [];
  const { memoryBytes, cpuMillicores, pids } = environment;
  const whole: ContainerLimits = { memoryBytes, cpuMillicores, pids };
  const web: DesiredProcess = {
    name: webProcess,
    command: config.startCommand,
    port: config.port,
    replicas: environment.replicas,
    limits: whole,
  };
  const others = (config.processes ?? []).map((one): DesiredProcess => {
    const set = settings.find(({ name }) => name === one.name);
    return {
      ...one,
      replicas: set?.replicas ?? one.replicas,
      limits: {
        memoryBytes: set?.memoryBytes ?? one.limits.memoryBytes ?? memoryBytes,
        cpuMillicores: set?.cpuMillicores ?? one.limits.cpuMillicores ?? cpuMillicores,
        pids: set?.pids ?? one.limits.pids ?? pids,
      },
    };
  });
  return config.hasWeb === false ? others : [web, ...others];
};

/** The processes of a new release: those of its source, and those that people named, whose word goes first. */
export const processesToFreeze = (
  fromSource: readonly ReleaseProcess[],
  settings: readonly ProcessRecord[],
): ReleaseProcess[] => {
  const named = new Map(fromSource.map((one) => [one.name, one]));
  for (const { name, command, port } of settings) {
    const base = named.get(name);
    if (base) named.set(name, { ...base, command: command ?? base.command, port: port ?? base.port });
    else if (command !== null) named.set(name, { name, command, port, replicas: 1, limits: {} });
  }
  return [...named.values()];
};
