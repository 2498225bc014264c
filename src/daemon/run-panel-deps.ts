import type { RunPanelDeps } from "../panel/run-deps.ts";
import { runToEnd } from "../runs/run-to-end.ts";
import type { Runs } from "../runs/runs.ts";

/** A form without JavaScript waits for the answer, and browsers and proxies wait not much longer. */
const formSeconds = 60;

/** The panel's needs of commands and jobs; of production, as all its pages are. */
export const runPanelDeps = ({ jobs, sessions, history }: Runs): RunPanelDeps => ({
  listJobs: (actor, slug) => jobs.list(actor, slug),
  getJob: (actor, slug, name) => jobs.show(actor, slug, name),
  addJob: (actor, slug, input) => jobs.add(actor, slug, input),
  changeJob: (actor, slug, name, patch) => jobs.change(actor, slug, name, patch),
  removeJob: (actor, slug, name) => jobs.remove(actor, slug, name),
  runJob: (actor, slug, name) => jobs.runNow(actor, slug, name),
  stopJob: (actor, slug, name) => jobs.stop(actor, slug, name),
  jobRuns: (actor, slug, name, page) => jobs.runs(actor, slug, name, page),
  commandHistory: (actor, slug, page) => history(actor, slug, page),
  runCommand: (actor, slug, { command, inReplica, stillSignedIn }) =>
    runToEnd(sessions, {
      actor,
      slug,
      environment: undefined,
      argv: command,
      inReplica,
      timeoutSeconds: formSeconds,
      stillSignedIn,
    }),
});
