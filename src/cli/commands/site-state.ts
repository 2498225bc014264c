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
      // Its containers take a moment to come, in which a site just started has none.
      const starts = verb === "start" && site.status === "deploying" && site.replicas.length === 0;
      print(site, () => `${site.slug} is ${starts ? "being started" : site.status}\n`);
    },
  });

export const siteStop = changeState("stop");
export const siteStart = changeState("start");
export const siteRestart = changeState("restart");
