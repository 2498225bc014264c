import type { GuardSettings, GuardSettingsPatch, GuardView } from "../../domain/guard.ts";
import { formatBytes } from "../../domain/size.ts";
import { defineCommand } from "../command.ts";
import { sizeFlag, wholeFlag } from "../numbers.ts";
import { facts, localTime, table } from "../text.ts";

const text = { type: "string" } as const;

/** A size, or null for `auto`. */
const sizeOrAuto = (name: string, value: string | undefined): number | null | undefined =>
  value === "auto" ? null : sizeFlag(name, value);

const percent = (value: number | null | undefined): string =>
  value === null || value === undefined ? "not told" : `${Math.round(value)} %`;

const amount = (bytes: number | null): string => (bytes === null ? "-" : formatBytes(bytes));

const seen = ({ figures, settings: bound, heaviest }: GuardView): string => {
  const who = (kind: keyof GuardView["heaviest"]): string => {
    const one = heaviest[kind];
    return one === null ? "" : `${one.site}: ${one.text}`;
  };
  return table([
    ["WHAT", "NOW", "ACTS AT", "MOST BY"],
    [
      "free disk",
      amount(figures?.disk?.freeBytes ?? null),
      `less than ${amount(bound.diskFreeBytes)}`,
      who("disk"),
    ],
    [
      "available memory",
      amount(figures?.memory?.availableBytes ?? null),
      `less than ${amount(bound.memoryAvailableBytes)}, or work waits ${bound.memoryStalledPercent} %`,
      who("memory"),
    ],
    [
      "processors",
      `${percent(figures?.cpuBusyPercent)} busy, work waits ${percent(figures?.cpuStalledPercent)}`,
      `${bound.cpuBusyPercent} % and ${bound.cpuStalledPercent} %`,
      who("cpu"),
    ],
    ["disks", `work waits ${percent(figures?.ioStalledPercent)}`, `${bound.ioStalledPercent} %`, who("io")],
  ]);
};

const pace = ({ patienceSeconds, stepSeconds, calmSeconds }: GuardSettings): string =>
  `after ${patienceSeconds} s (memory and free disk: at once), a step every ${stepSeconds} s; undone after ${calmSeconds} s of calm`;

const shown = (view: GuardView): string =>
  [
    facts([
      ["guard", view.isOn ? "on" : "off: it looks, but does nothing (CROFT_GUARD=off)"],
      ["acts", pace(view.settings)],
      [
        "yields",
        view.yields &&
          `${view.yields}: it uses more of the processors than all others, and lets them go first`,
      ],
      ["now", view.pressures.length === 0 ? "all is well" : view.pressures.map((one) => one.text).join("; ")],
    ]),
    seen(view),
    view.inForce.length === 0
      ? "Nothing is in force.\n"
      : `In force\n${table(view.inForce.map((act) => [localTime(act.since, true), act.site ?? "host", act.reason]))}`,
    view.recent.length === 0
      ? ""
      : `Lately\n${table(
          view.recent.map((act) => [
            localTime(act.at, true),
            act.site ?? "host",
            act.endedAt === null ? "in force" : `until ${localTime(act.endedAt, true)}`,
            act.message,
          ]),
        )}`,
  ]
    .filter(Boolean)
    .join("\n");

export const guard = defineCommand({
  options: {
    "min-disk": text,
    "min-memory": text,
    "memory-stall": text,
    "cpu-busy": text,
    "cpu-stall": text,
    "io-stall": text,
    patience: text,
    step: text,
    calm: text,
  },
  words: [0, 0],
  run: async ({ client, print }, _, flags) => {
    const patch: GuardSettingsPatch = {
      diskFreeBytes: sizeOrAuto("min-disk", flags["min-disk"]),
      memoryAvailableBytes: sizeOrAuto("min-memory", flags["min-memory"]),
      memoryStalledPercent: wholeFlag("memory-stall", flags["memory-stall"]),
      cpuBusyPercent: wholeFlag("cpu-busy", flags["cpu-busy"]),
      cpuStalledPercent: wholeFlag("cpu-stall", flags["cpu-stall"]),
      ioStalledPercent: wholeFlag("io-stall", flags["io-stall"]),
      patienceSeconds: wholeFlag("patience", flags.patience),
      stepSeconds: wholeFlag("step", flags.step),
      calmSeconds: wholeFlag("calm", flags.calm),
    };
    const api = await client();
    const changes = Object.values(patch).some((value) => value !== undefined);
    const view = changes
      ? await api.send<GuardView>("PATCH", "/host/guard", patch)
      : await api.get<GuardView>("/host/guard");
    print(view, () => shown(view));
  },
});

export const guardRelease = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [slug]) => {
    const view = await (await client()).send<GuardView>("POST", "/host/guard/release", { site: slug });
    print(view, () => `${slug} is released; the host guard leaves it alone for ten minutes\n`);
  },
});
