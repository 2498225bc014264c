import type { DeploymentView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { finishDeployment, readWait } from "../finish-deployment.ts";
import { wholeFlag } from "../numbers.ts";
import { sitePath } from "../site-path.ts";

export const rollback = defineCommand({
  options: { to: { type: "string" }, wait: { type: "string" } },
  words: [1, 1],
  run: async (context, [slug], flags) => {
    const wait = readWait(flags.wait);
    const to = wholeFlag("to", flags.to?.replace(/^#/, ""));
    const client = await context.client();
    const path = sitePath(slug!, "/rollback", { environment: flags.environment });
    const started = await client.send<DeploymentView>("POST", path, { to });
    return finishDeployment(context, client, started, wait);
  },
});
