import type { SleepPolicyView } from "../../domain/sleep.ts";
import type { SiteView } from "../../domain/views.ts";
import { conflict } from "../../errors.ts";
import type { PanelDeps } from "../deps.ts";
import type { FakeWorld } from "./fake-world.ts";

/** Sleep of sites, made up. */
export const fakeSleep = (world: FakeWorld, site: (slug: string) => SiteView): PanelDeps["sleep"] => ({
  show: async (_, slug): Promise<SleepPolicyView> => ({
    never: false,
    freezeAfterMinutes: 30,
    stopAfterMinutes: 90,
    fromDefaults: { freezeAfterMinutes: true, stopAfterMinutes: false },
    wakeAt: ["0 8 * * 1-5"],
    timeZone: "Europe/Berlin",
    keptAwake: null,
    lastActiveAt: null,
    sleep: site(slug).sleep,
    slept: { frozenSeconds: 5 * 3600 + 60, stoppedSeconds: 1800 },
  }),
  change: async (_, slug, input) => {
    world.calls.push({ verb: "changeSleep", args: [site(slug).slug, input] });
  },
  sleep: async (_, slug, how) => {
    if (site(slug).status !== "running") throw conflict(`site ${slug} stays awake: it is being deployed`);
    world.calls.push({ verb: "sleepSite", args: [slug, how] });
  },
  wake: async (_, slug) => {
    world.calls.push({ verb: "wakeSite", args: [site(slug).slug] });
  },
});
