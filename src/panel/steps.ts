import { isTerminal, type StepName, stepNames } from "../domain/deployment.ts";
import type { DeploymentView } from "../domain/views.ts";

export interface StepState {
  name: StepName;
  state: "done" | "running" | "failed" | "waiting" | "skipped";
  startedAt: string | null;
  endedAt: string | null;
  error: string | null;
}

/** Steps that a deployment is going to take, as far as can be told before it takes them. */
const expected = (deployment: DeploymentView): StepName[] => {
  const rollout: StepName[] = ["start", "probe", "switch", "drain"];
  if (deployment.trigger === "rollback") return rollout;
  if (deployment.image) return ["release", ...rollout];
  return ["fetch", "plan", "build", "release", ...rollout];
};

/** One entry per segment, in order: steps entered, and for one under way or broken off those still to come. */
export const stepStates = (deployment: DeploymentView): StepState[] => {
  const over = isTerminal(deployment.status);
  const entered = new Map(deployment.steps.map((step) => [step.name, step]));
  const through = deployment.status === "success" || deployment.status === "rolled_back";
  const furthest = Math.max(-1, ...deployment.steps.map((step) => stepNames.indexOf(step.name)));
  const names = stepNames.filter(
    (name) =>
      entered.has(name) ||
      (!through && stepNames.indexOf(name) > furthest && expected(deployment).includes(name)),
  );
  return names.map((name) => {
    const step = entered.get(name);
    if (!step)
      return { name, state: over ? "skipped" : "waiting", startedAt: null, endedAt: null, error: null };
    const open = step.endedAt === null && !through;
    const state =
      step.error || (open && deployment.status === "failed")
        ? "failed"
        : !open
          ? "done"
          : over
            ? "skipped"
            : "running";
    return { name, state, startedAt: step.startedAt, endedAt: step.endedAt, error: step.error };
  });
};
