import type { DeploymentView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { finishDeployment, readWait } from "../finish-deployment.ts";
import { sitePath } from "../site-path.ts";
import { UsageError } from "../usage-error.ts";

export const deploy = defineCommand({
  options: {
    dir: { type: "string" },
    commit: { type: "string" },
    branch: { type: "string" },
    image: { type: "string" },
    wait: { type: "string" },
  },
  words: [1, 1],
  run: async (context, [slug], flags) => {
    const { dir, commit, branch, image, environment } = flags;
    const wait = readWait(flags.wait);
    if ([dir, commit, branch, image].filter((flag) => flag !== undefined).length > 1)
      throw new UsageError("--dir, --commit, --branch and --image exclude one another");
    const client = await context.client();
    if (dir !== undefined) {
      const { deployFolder } = await import("../deploy-folder.ts");
      const pushed = await deployFolder(context, client, { slug: slug!, dir, environment });
      return finishDeployment(context, client, pushed.deployment, wait, { showLog: !pushed.logShown });
    }
    const path = sitePath(slug!, "/deployments", { environment });
    const started = await client.send<DeploymentView>("POST", path, {
      commit,
      branch,
      image,
      trigger: "cli",
    });
    return finishDeployment(context, client, started, wait);
  },
});
