/** Public status of a deployment. Steps are finer and live in rows of their own. */
export const deploymentStatuses = [
  "pending",
  "building",
  "deploying",
  "success",
  "failed",
  "cancelled",
  "superseded",
  "rolled_back",
] as const;
export type DeploymentStatus = (typeof deploymentStatuses)[number];

/**
 * The only moves there are. `building -> pending` and `deploying -> pending` are made by recovery alone: an
 * attempt that a crash interrupted before its switch starts over.
 */
export const deploymentTransitions: Record<DeploymentStatus, readonly DeploymentStatus[]> = {
  pending: ["building", "deploying", "failed", "cancelled", "superseded"],
  building: ["deploying", "failed", "cancelled", "pending"],
  deploying: ["success", "failed", "cancelled", "pending"],
  success: ["rolled_back"],
  failed: [],
  cancelled: [],
  superseded: [],
  rolled_back: [],
};

export const isTerminal = (status: DeploymentStatus): boolean =>
  status !== "pending" && status !== "building" && status !== "deploying";

/**
 * Whether a deployment that goes on has come upon something that may last: its release waits for the edge, or it
 * waits behind one that does. Its error says what for; nobody should wait for its end.
 */
export const isHeldUp = ({ status, error }: { status: DeploymentStatus; error: unknown }): boolean =>
  !isTerminal(status) && error !== null;

/** Names in the order in which a deployment passes them; a deployment has rows only for those it entered. */
export const stepNames = [
  "fetch",
  "plan",
  "build",
  "scan",
  "release",
  "predeploy",
  "start",
  "probe",
  "verify",
  "switch",
  "drain",
  "watch",
] as const;
export type StepName = (typeof stepNames)[number];

export const triggers = [
  "push",
  "webhook",
  "api",
  "cli",
  "panel",
  "schedule",
  "rollback",
  "promote",
] as const;
export type Trigger = (typeof triggers)[number];

export const logLevels = ["debug", "info", "warning", "error", "critical"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Where a log line comes from; `app` is what the new replica printed. */
export const logSources = ["fetch", "plan", "build", "deploy", "app", "orchestrator"] as const;
export type LogSource = (typeof logSources)[number];

/** One line of a deployment's log. `seq` counts from 1 within the deployment and is the SSE event id. */
export interface LogLine {
  seq: number;
  atMs: number;
  level: LogLevel;
  source: LogSource;
  message: string;
}
