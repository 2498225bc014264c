import type { SiteView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { readSiteFields, siteFieldOptions } from "../site-fields.ts";
import { sitePath } from "../site-path.ts";
import { UsageError } from "../usage-error.ts";

/** How it is built and started belongs to its releases; these do not. */
const atOnce = ["replicas", "internal", "egress", "name", "description", "autoDeploy"];

export const siteChange = defineCommand({
  options: siteFieldOptions,
  words: [1, 1],
  run: async ({ client, print }, [slug], flags) => {
    const fields = readSiteFields(flags);
    if (Object.keys(fields).length === 0) throw new UsageError("nothing to change was given");
    const path = sitePath(slug!, "", { environment: flags.environment });
    const site = await (await client()).send<SiteView>("PATCH", path, fields);
    print(
      site,
      () =>
        `Changed ${Object.keys(fields).join(", ")} of ${site.slug}; ${Object.keys(fields).every((name) => atOnce.includes(name)) ? "it holds now" : "it holds from the next deployment on"}\n`,
    );
  },
});
