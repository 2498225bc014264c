import { setTimeout as sleep } from "node:timers/promises";
import { isHeldUp, isTerminal } from "../domain/deployment.ts";
import type { DeploymentView, LogLineView } from "../domain/views.ts";
import { ApiError, type Client } from "./client.ts";
import type { Context } from "./command.ts";
import { plain } from "./text.ts";

const maxFailures = 20;

const fatal = (error: unknown): boolean =>
  error instanceof ApiError && error.status !== null && error.status < 500 && error.status !== 429;

/**
 * Shows a deployment's log on stderr until it ends, or is held up by something that may last. A connection that
 * breaks, or a daemon that restarts, is taken up again after the last line seen.
 * @param options.patient goes on while it is held up
 * @returns the deployment as it ended
 */
export const followDeployment = async (
  { io }: Pick<Context, "io">,
  client: Client,
  id: string,
  options: { showLog?: boolean; retryMs?: number; patient?: boolean } = {},
): Promise<DeploymentView> => {
  const { showLog = true, retryMs = 500, patient = false } = options;
  const givesUp = (deployment: DeploymentView): boolean => !patient && isHeldUp(deployment);
  const path = `/deployments/${encodeURIComponent(id)}`;
  let lastEventId: string | null = null;
  let failures = 0;
  for (;;) {
    try {
      for await (const { id: eventId, event, data } of client.events(`${path}/logs`, lastEventId)) {
        failures = 0;
        lastEventId = eventId ?? lastEventId;
        if (event === "log" && showLog) {
          const line = JSON.parse(data) as LogLineView;
          io.err(`${line.source.padEnd(12)} ${plain(line.message)}\n`);
        }
        if (event === "end") break;
        // One that ended may have lines left, up to its `end`.
        if (event === "status" && givesUp(JSON.parse(data) as DeploymentView)) break;
      }
      const deployment = await client.get<DeploymentView>(path);
      if (isTerminal(deployment.status) || givesUp(deployment)) return deployment;
    } catch (error) {
      if (io.signal.aborted || fatal(error)) throw error;
    }
    if (++failures > maxFailures)
      throw new ApiError(
        "unreachable",
        `lost contact with Croft at ${client.url}; the deployment ${id} goes on there`,
        null,
      );
    await sleep(Math.min(5000, retryMs * failures), undefined, { signal: io.signal });
  }
};

/** Words for how it ended, and the exit status. */
export const deploymentResult = (
  deployment: DeploymentView,
  urls: readonly string[],
): { text: string; exitCode: number } => {
  const label = `deployment ${deployment.id} of ${deployment.site}`;
  switch (deployment.status) {
    case "success":
      return {
        text: `Release ${deployment.release} is live${urls.length > 0 ? ` at ${urls.join(" ")}` : ""}\n`,
        exitCode: 0,
      };
    case "superseded":
      return { text: `${label} gave way to a newer one\n`, exitCode: 1 };
    case "failed":
    case "cancelled":
    case "rolled_back":
      return {
        text: `${label} ${deployment.status === "rolled_back" ? "was rolled back" : deployment.status === "failed" ? "failed" : "was cancelled"}${deployment.error ? `: ${plain(deployment.error.message)}` : ""}\n`,
        exitCode: 1,
      };
    default:
      return deployment.error
        ? { text: `${label} is not through: ${plain(deployment.error.message)}\n`, exitCode: 1 }
        : { text: `${label} is ${deployment.status}\n`, exitCode: 0 };
  }
};
