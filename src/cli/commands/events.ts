import type { EventPage } from "../../sites/events.ts";
import { defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";
import { localTime, table } from "../text.ts";

export const events = defineCommand({
  options: { limit: { type: "string" } },
  words: [0, 1],
  run: async ({ client, print }, [slug], { limit, environment }) => {
    const path = slug === undefined ? "/events" : sitePath(slug, "/events", { limit, environment });
    const query = slug === undefined && limit !== undefined ? `?limit=${encodeURIComponent(limit)}` : "";
    const page = await (await client()).get<EventPage>(path + query);
    print(page, () => {
      if (page.items.length === 0) return "Nothing happened.\n";
      const rows = page.items.map(({ at, site, severity, message, endedAt }) => [
        localTime(at, true),
        endedAt === null || endedAt === at ? "" : localTime(endedAt, true),
        site ?? "host",
        severity,
        message,
      ]);
      return table([["AT", "UNTIL", "SITE", "LEVEL", "WHAT"], ...rows]);
    });
  },
});
