import type { SleepDefaultsView, SleepPolicyView } from "../../domain/sleep.ts";
import { formatBytes } from "../../domain/size.ts";
import type { SiteView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";
import { facts, localTime } from "../text.ts";
import { UsageError } from "../usage-error.ts";

const text = { type: "string" } as const;

export const siteSleep = defineCommand({
  options: { stop: { type: "boolean" } },
  words: [1, 1],
  run: async ({ client, print }, [slug], { environment, stop }) => {
    const how = stop ? "stop" : "freeze";
    const path = sitePath(slug!, "/sleep", { environment });
    const site = await (await client()).send<SiteView>("POST", path, { how });
    print(site, () => `${site.slug} sleeps (${site.sleep.state}); the next request wakes it\n`);
  },
});

export const siteWake = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [slug], { environment }) => {
    const site = await (await client()).send<SiteView>("POST", sitePath(slug!, "/wake", { environment }));
    print(site, () => `${site.slug} is ${site.status}\n`);
  },
});

const perUnit: Record<string, number> = { s: 1 / 60, m: 1, h: 60, d: 24 * 60 };

/** `30m`, `6h`; `off` is 0, `default` null. @returns minutes. @throws UsageError */
const idleFlag = (name: string, value: string | undefined): number | null | undefined => {
  if (value === undefined) return undefined;
  if (value === "off") return 0;
  if (value === "default") return null;
  const [, amount, unit] = /^(\d{1,6})([smhd])$/.exec(value) ?? [];
  if (amount === undefined)
    throw new UsageError(
      `--${name} takes a time such as 30m or 6h, off or default, not ${JSON.stringify(value)}`,
    );
  return Number(amount) * perUnit[unit!]!;
};

const switchFlag = (name: string, value: string | undefined): boolean | undefined => {
  if (value === undefined) return undefined;
  if (value !== "on" && value !== "off")
    throw new UsageError(`--${name} takes on or off, not ${JSON.stringify(value)}`);
  return value === "on";
};

/** `30 min`, `6 h`. */
const inWords = (minutes: number): string => {
  if (minutes === 0) return "never";
  if (minutes < 1) return `after ${Math.round(minutes * 60)} s without visitors`;
  return minutes % 60 === 0
    ? `after ${minutes / 60} h without visitors`
    : `after ${Number(minutes.toFixed(1))} min without visitors`;
};

const sleptFor = (seconds: number): string =>
  `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;

export const sitePolicy = defineCommand({
  options: {
    never: text,
    "freeze-after": text,
    "stop-after": text,
    "wake-at": { type: "string", multiple: true },
    "time-zone": text,
  },
  words: [1, 1],
  run: async ({ client, print }, [slug], flags) => {
    const path = sitePath(slug!, "/sleep-policy", { environment: flags.environment });
    const wakeAt = flags["wake-at"];
    const change = {
      never: switchFlag("never", flags.never),
      freezeAfterMinutes: idleFlag("freeze-after", flags["freeze-after"]),
      stopAfterMinutes: idleFlag("stop-after", flags["stop-after"]),
      wakeAt: wakeAt?.length === 1 && wakeAt[0] === "none" ? [] : wakeAt,
      timeZone: flags["time-zone"],
    };
    const changes = Object.values(change).some((value) => value !== undefined);
    const policy = await (changes
      ? (await client()).send<SleepPolicyView>("PATCH", path, change)
      : (await client()).get<SleepPolicyView>(path));
    print(policy, () => shown(policy));
  },
});

const shown = (policy: SleepPolicyView): string => {
  const { sleep, slept, fromDefaults } = policy;
  const ofHost = (isDefault: boolean): string => (isDefault ? " (as the installation says)" : "");
  return facts([
    [
      "state",
      sleep.state === "awake" ? "awake" : `${sleep.state} since ${localTime(sleep.since)}: ${sleep.reason}`,
    ],
    [
      "memory",
      sleep.memory &&
        `${formatBytes(sleep.memory.beforeBytes)} awake, ${formatBytes(sleep.memory.afterBytes)} now`,
    ],
    ["last asked", localTime(policy.lastActiveAt)],
    ["stays awake", policy.never ? "always, as its policy says" : policy.keptAwake],
    ["freezes", `${inWords(policy.freezeAfterMinutes)}${ofHost(fromDefaults.freezeAfterMinutes)}`],
    ["stops", `${inWords(policy.stopAfterMinutes)}${ofHost(fromDefaults.stopAfterMinutes)}`],
    ["wakes at", policy.wakeAt.length === 0 ? null : `${policy.wakeAt.join(" and ")} (${policy.timeZone})`],
    [
      "slept",
      `${sleptFor(slept.frozenSeconds)} frozen, ${sleptFor(slept.stoppedSeconds)} stopped, in 30 days`,
    ],
  ]);
};

export const hostSleep = defineCommand({
  options: { "freeze-after": text, "stop-after": text },
  words: [0, 0],
  run: async ({ client, print }, _, flags) => {
    const change = {
      freezeAfterMinutes: idleFlag("freeze-after", flags["freeze-after"]) ?? undefined,
      stopAfterMinutes: idleFlag("stop-after", flags["stop-after"]) ?? undefined,
    };
    const changes = Object.values(change).some((value) => value !== undefined);
    const defaults = await (changes
      ? (await client()).send<SleepDefaultsView>("PATCH", "/host/sleep", change)
      : (await client()).get<SleepDefaultsView>("/host/sleep"));
    print(defaults, () =>
      facts([
        ["freezes", inWords(defaults.freezeAfterMinutes)],
        ["stops", inWords(defaults.stopAfterMinutes)],
      ]),
    );
  },
});
