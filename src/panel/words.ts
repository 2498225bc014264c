import type { DeploymentStatus, LogSource, StepName, Trigger } from "../domain/deployment.ts";
import type { SiteStatus, SiteType } from "../domain/site.ts";

/** Colour of a state: moss well, amber in motion or near a limit, rust failed, sky asleep or info, quiet else. */
export type Tone = "moss" | "amber" | "rust" | "sky" | "quiet";

export interface Word {
  text: string;
  tone: Tone;
}

export const siteWord = (status: SiteStatus): Word => {
  switch (status) {
    case "running":
      return { text: "Running", tone: "moss" };
    case "sleeping":
      return { text: "Asleep", tone: "sky" };
    case "stopped":
      return { text: "Stopped", tone: "quiet" };
    case "deploying":
      return { text: "Deploying", tone: "amber" };
    case "failed":
      return { text: "Failing", tone: "rust" };
    case "archived":
      return { text: "Archived", tone: "quiet" };
  }
};

/** @param live whether the release of this deployment is the one that serves */
export const deploymentWord = (status: DeploymentStatus, live = false): Word => {
  switch (status) {
    case "pending":
      return { text: "Waiting", tone: "amber" };
    case "building":
      return { text: "Building", tone: "amber" };
    case "deploying":
      return { text: "Deploying", tone: "amber" };
    case "success":
      return live ? { text: "Live", tone: "moss" } : { text: "Done", tone: "quiet" };
    case "failed":
      return { text: "Failed", tone: "rust" };
    case "cancelled":
      return { text: "Cancelled", tone: "quiet" };
    case "superseded":
      return { text: "Superseded", tone: "quiet" };
    case "rolled_back":
      return { text: "Reverted", tone: "amber" };
  }
};

export const triggerWords: Record<Trigger, string> = {
  push: "git push",
  webhook: "webhook",
  api: "API",
  cli: "CLI",
  panel: "panel",
  schedule: "schedule",
  rollback: "rollback",
  promote: "promotion",
};

export const stepWords: Record<StepName, string> = {
  fetch: "Fetch",
  plan: "Plan",
  build: "Build",
  scan: "Scan",
  release: "Release",
  predeploy: "Prepare",
  start: "Start",
  probe: "Probe",
  verify: "Verify",
  switch: "Switch",
  drain: "Drain",
  watch: "Watch",
};

export const typeWords: Record<SiteType, string> = {
  auto: "Decide at each deploy",
  static: "Static files",
  app: "App, detected by language",
  dockerfile: "Dockerfile",
  image: "Ready image",
};

/** Who speaks in a log line. */
export const sourceWord = (source: LogSource | (string & {})): string =>
  source === "orchestrator" ? "croft" : source;
