import type { SiteView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { readSiteFields, siteFieldOptions } from "../site-fields.ts";
import { sitePath } from "../site-path.ts";
import { UsageError } from "../usage-error.ts";

/** How it is built and started belongs to its releases; these do not. */
const atOnce = ["replicas", "internal", "egress", "name", "description", "autoDeploy", "restorePriority"];

/** Of a container, not of a release. */
const atStart = ["readOnlyRoot"];

const holdsFrom = (fields: string[]): string => {
  if (fields.every((name) => atOnce.includes(name))) return "it holds now";
  if (fields.every((name) => atOnce.includes(name) || atStart.includes(name)))
    return "it holds from the next start on";
  return "it holds from the next deployment on";
};

export const siteChange = defineCommand({
  options: siteFieldOptions,
  words: [1, 1],
  run: async ({ client, print }, [slug], flags) => {
    const fields = readSiteFields(flags);
    if (Object.keys(fields).length === 0) throw new UsageError("nothing to change was given");
    const path = sitePath(slug!, "", { environment: flags.environment });
    const site = await (await client()).send<SiteView>("PATCH", path, fields);
    const changed = Object.keys(fields);
    print(site, () => `Changed ${changed.join(", ")} of ${site.slug}; ${holdsFrom(changed)}\n`);
  },
});
