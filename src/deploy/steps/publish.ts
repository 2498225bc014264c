import type { ReleaseRecord } from "../../domain/records.ts";
import type { DeployDeps } from "../deps.ts";
import type { Job } from "../job.ts";

const publishDeadlineMs = 30_000;
/** An edge that is just started anew takes the table within this time: not worth a word. */
const sayAfterMs = 5000;

/**
 * Sends the edge the table with the new release. While it does not take it, the log says so after some seconds, and
 * after half a minute (at once when it refuses) the deployment carries the reason as its error though it goes on:
 * who follows it stops waiting. The error goes away when the edge takes the table.
 * @throws AppError `unavailable`; to be tried again
 */
export const publishRelease = async (
  deps: Pick<DeployDeps, "store" | "log" | "notifier" | "publishRoutes" | "edgeProblem">,
  job: Pick<Job, "deployment" | "journal" | "signal">,
  release: Pick<ReleaseRecord, "number">,
): Promise<void> => {
  const { deployment, journal, signal } = job;
  let said = deployment.errorMessage !== null;
  const say = (): string => {
    const reason = deps.edgeProblem();
    const text =
      `release ${release.number} is committed but not live yet: the edge does not take the route table` +
      `${reason === null ? "" : ` (${journal.mask(reason)})`}; it goes live by itself as soon as the edge takes it. ` +
      "On the server, croft doctor says what to do";
    if (!said) journal.write("orchestrator", text, "warning");
    said = true;
    return text;
  };
  const mark = async (): Promise<void> => {
    const errorMessage = say();
    // The log before the error: who stops at the error has seen the log.
    await journal.flush();
    await deps.store.patchDeployment(deployment.id, { errorCode: "unavailable", errorMessage });
    deps.notifier.notify(deployment.id);
  };
  let marking: Promise<void> = Promise.resolve();
  const saying = setTimeout(say, sayAfterMs);
  // By its own clock: the publication may first wait for another one's end.
  const giving = setTimeout(() => {
    marking = mark().catch((error) =>
      deps.log.error("a deployment that waits for the edge is not marked", {
        deployment: deployment.id,
        error,
      }),
    );
  }, publishDeadlineMs);
  const stopping = new AbortController();
  // After the switch a cancellation came too late: only the daemon's end counts.
  const onAbort = (): void => {
    if (signal.reason === "shutdown") stopping.abort();
  };
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  try {
    await deps.publishRoutes(AbortSignal.any([stopping.signal, AbortSignal.timeout(publishDeadlineMs)]));
  } catch (cause) {
    clearTimeout(giving);
    await marking;
    // A daemon that stops knows nothing of the edge.
    if (!stopping.signal.aborted) await mark();
    throw cause;
  } finally {
    signal.removeEventListener("abort", onAbort);
    clearTimeout(saying);
    clearTimeout(giving);
  }
  await marking;
  await deps.store.patchDeployment(deployment.id, { errorCode: null, errorMessage: null });
};
