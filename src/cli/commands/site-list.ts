import type { SiteView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { localTime, table } from "../text.ts";

export const siteList = defineCommand({
  options: {},
  words: [0, 0],
  run: async ({ client, print }, _, { environment }) => {
    const query = environment === undefined ? "" : `?environment=${encodeURIComponent(environment)}`;
    const answer = await (await client()).get<{ items: SiteView[] }>(`/sites${query}`);
    print(answer, () => {
      if (answer.items.length === 0) return "No sites yet: croft site create SLUG\n";
      const rows = answer.items.map((site) => [
        site.slug,
        site.status,
        site.currentRelease ? `#${site.currentRelease.number}` : "-",
        site.urls[0] ?? "",
        localTime(site.latestDeployment?.createdAt ?? null),
      ]);
      return table([["SITE", "STATUS", "RELEASE", "ADDRESS", "LAST DEPLOYED"], ...rows]);
    });
  },
});
