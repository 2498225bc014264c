import type { SiteView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";

const changeState = (verb: "stop" | "start" | "restart") =>
  defineCommand({
    options: {},
    words: [1, 1],
    run: async ({ client, print }, [slug], { environment }) => {
      const path = sitePath(slug!, `/${verb}`, { environment });
      const site = await (await client()).send<SiteView>("POST", path);
      print(site, () => `${site.slug} is ${site.status}\n`);
    },
  });

export const siteStop = changeState("stop");
export const siteStart = changeState("start");
export const siteRestart = changeState("restart");
