import type { DeploymentView, SiteView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { finishDeployment, readWait } from "../finish-deployment.ts";
import { readSiteFields, siteFieldOptions } from "../site-fields.ts";
import { facts, noAddress } from "../text.ts";

export const siteCreate = defineCommand({
  options: { ...siteFieldOptions, wait: { type: "string" } },
  words: [1, 1],
  run: async (context, [slug], flags) => {
    const wait = readWait(flags.wait);
    const fields = readSiteFields(flags);
    const client = await context.client();
    const made = await client.send<SiteView & { deployment?: DeploymentView }>("POST", "/sites", {
      slug,
      ...fields,
    });
    if (made.deployment && wait) return finishDeployment(context, client, made.deployment, true);
    context.print(made, () => {
      const head = facts([
        ["site", made.slug],
        ["address", made.urls.join(" ") || noAddress],
        ["git remote", made.gitRemote],
        ["deployment", made.deployment && `${made.deployment.id} (${made.deployment.status})`],
      ]);
      return made.deployment
        ? head
        : `${head}\nDeploy it with git push, or: croft deploy ${made.slug} --dir PATH\n`;
    });
  },
});
