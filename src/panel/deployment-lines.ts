import { isTerminal, type StepName } from "../domain/deployment.ts";
import type { DeploymentView } from "../domain/views.ts";
import { duration } from "./format.ts";
import { stepStates } from "./steps.ts";
import { stepWords, triggerWords } from "./words.ts";

export interface Segment {
  name: StepName;
  label: string;
  state: "done" | "running" | "failed" | "waiting" | "skipped";
  /** Beside the label, for those who don't see the colour. */
  stateWord: string;
  /** Duration, or what stands in its place. */
  detail: string;
}

const stateWords: Record<Segment["state"], string> = {
  done: "done",
  running: "under way",
  failed: "failed",
  waiting: "still to come",
  skipped: "not reached",
};

/** The line of steps, as both the server and the live island draw it. */
export const segments = (deployment: DeploymentView, nowMs: number): Segment[] =>
  stepStates(deployment).map((step) => {
    const startMs = step.startedAt ? Date.parse(step.startedAt) : null;
    const endMs = Date.parse(step.endedAt ?? deployment.completedAt ?? new Date(nowMs).toISOString());
    const took = startMs === null ? "" : duration(endMs - startMs);
    return {
      name: step.name,
      label: stepWords[step.name],
      state: step.state,
      stateWord: stateWords[step.state],
      detail: step.state === "waiting" || step.state === "skipped" ? "" : took,
    };
  });

/** `on main by lin · git push · blue-green` */
export const origin = (deployment: DeploymentView): string[] => [
  [
    deployment.branch ? `on ${deployment.branch}` : "",
    `by ${deployment.commit?.author && deployment.trigger !== "rollback" ? deployment.commit.author : deployment.triggeredBy}`,
  ]
    .filter(Boolean)
    .join(" "),
  triggerWords[deployment.trigger],
  deployment.strategy,
];

/** What visitors get while and after it runs, in one sentence. */
export const servingSentence = (deployment: DeploymentView): string => {
  const old = deployment.replaces;
  if (deployment.status === "success")
    return deployment.release === null
      ? "The release took over."
      : `Release ${deployment.release} took over.`;
  if (deployment.status === "rolled_back")
    return "Errors rose after the switch, so the release before was brought back.";
  const nothing = "no release serves yet";
  if (!isTerminal(deployment.status))
    return old === null ? `first release, ${nothing}` : `replaces release ${old}, which is still serving`;
  return old === null ? "No release serves." : `Release ${old} still serves; nothing changed for visitors.`;
};

/** What a screen reader is told when something moved. */
export const progressSentence = (deployment: DeploymentView): string => {
  const steps = stepStates(deployment);
  const running = steps.find((step) => step.state === "running");
  if (running) return `${stepWords[running.name]} is under way.`;
  switch (deployment.status) {
    case "success":
      return "The deployment is done.";
    case "failed":
      return "The deployment failed.";
    case "cancelled":
      return "The deployment was cancelled.";
    case "superseded":
      return "A newer deployment took this one's place.";
    case "rolled_back":
      return "The release was taken back.";
    default:
      return "The deployment waits for its turn.";
  }
};
