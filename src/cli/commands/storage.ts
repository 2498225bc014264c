import type { StorageView } from "../../domain/housekeeping.ts";
import { formatBytes } from "../../domain/size.ts";
import { storageWords } from "../../domain/storage-words.ts";
import { defineCommand } from "../command.ts";
import { localTime, table } from "../text.ts";

const amount = (bytes: number | null): string => (bytes === null ? "not counted" : formatBytes(bytes));

const shown = ({ parts, sites, disk, lastClean, countedAt }: StorageView): string =>
  [
    `${formatBytes(disk.freeBytes)} of ${formatBytes(disk.totalBytes)} are free; counted ${localTime(countedAt)}\n`,
    table([
      ["WHAT", "TAKES", "CAN GO"],
      ...parts.map(({ kind, bytes, freeableBytes }) => [
        storageWords[kind].title,
        amount(bytes),
        freeableBytes === 0 ? "" : formatBytes(freeableBytes),
      ]),
    ]),
    ...(sites.length === 0
      ? []
      : [table([["MOST BY", ""], ...sites.map(({ site, bytes }) => [site, formatBytes(bytes)])])]),
    lastClean === null
      ? "Nothing was tidied up yet.\n"
      : `Tidied up last ${localTime(lastClean.at)}: ${formatBytes(lastClean.freedBytes)} given back.\n`,
  ].join("\n");

export const storage = defineCommand({
  options: {},
  words: [0, 0],
  run: async ({ client, print, io }) => {
    const croft = await client();
    io.err("counting, which takes a moment where there are many files\n");
    const view = await croft.send<StorageView>("POST", "/host/storage/count", {});
    print(view, () => shown(view));
  },
});

export const storageClean = defineCommand({
  options: {},
  words: [0, 0],
  run: async ({ client, print }) => {
    const { freedBytes } = await (
      await client()
    ).send<{ freedBytes: number }>("POST", "/host/storage/clean", {});
    print({ freedBytes }, () => `${formatBytes(freedBytes)} given back.\n`);
  },
});
