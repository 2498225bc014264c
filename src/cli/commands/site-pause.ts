import type { SiteView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { wholeFlag } from "../numbers.ts";
import { sitePath } from "../site-path.ts";
import { localTime } from "../text.ts";

export const sitePause = defineCommand({
  options: { "max-seconds": { type: "string" } },
  words: [1, 1],
  run: async ({ client, print }, [slug], flags) => {
    const path = sitePath(slug!, "/pause", { environment: flags.environment });
    const maxSeconds = wholeFlag("max-seconds", flags["max-seconds"]);
    const site = await (await client()).send<SiteView>("POST", path, { maxSeconds });
    print(
      site,
      () =>
        `requests of ${site.slug} wait, ${site.pause?.maxSeconds} s at most; it goes on by itself at ${localTime(site.pause?.resumesAt ?? null)}\n`,
    );
  },
});

export const siteResume = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [slug], { environment }) => {
    const path = sitePath(slug!, "/resume", { environment });
    const site = await (await client()).send<SiteView>("POST", path);
    print(site, () => `${site.slug} is ${site.status}\n`);
  },
});
