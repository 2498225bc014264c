import { isTerminal } from "../domain/deployment.ts";
import type { DeploymentView, SiteView } from "../domain/views.ts";
import type { Client } from "./client.ts";
import type { Context } from "./command.ts";
import { deploymentResult, followDeployment } from "./follow-deployment.ts";
import { sitePath } from "./site-path.ts";
import { UsageError } from "./usage-error.ts";

/** `--wait`, `--wait=success`, `--wait=watch`. @throws UsageError */
export const readWait = (flag: string | undefined): boolean => {
  if (flag !== undefined && flag !== "success" && flag !== "watch")
    throw new UsageError(`--wait takes success or watch, not ${JSON.stringify(flag)}`);
  return flag !== undefined;
};

/** Prints a deployment that was started, or how it ended; with `wait`, follows it first. @returns the exit status */
export const finishDeployment = async (
  context: Context,
  client: Client,
  started: DeploymentView,
  wait: boolean,
  options: { showLog?: boolean } = {},
): Promise<number> => {
  if (!wait && !isTerminal(started.status)) {
    context.print(started, () => {
      const { id, status, site } = started;
      return `Deployment ${id} is ${status}; croft logs ${site} -f --deployment ${id} follows it\n`;
    });
    return 0;
  }
  const ended = isTerminal(started.status)
    ? started
    : await followDeployment(context, client, started.id, options);
  const urls = ended.status === "success" ? (await client.get<SiteView>(sitePath(ended.site))).urls : [];
  const { text, exitCode } = deploymentResult(ended, urls);
  if (context.json) context.print(ended, () => "");
  if (exitCode !== 0) context.io.err(text);
  else if (!context.json) context.io.out(text);
  return exitCode;
};
