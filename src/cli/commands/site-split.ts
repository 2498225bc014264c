import type { SplitView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";
import { table } from "../text.ts";
import { UsageError } from "../usage-error.ts";

const describe = ({ releases }: SplitView): string =>
  releases.length === 0
    ? "all visitors get the current release\n"
    : table([
        ["RELEASE", "WEIGHT"],
        ...releases.map(({ release, weight }) => [String(release), String(weight)]),
      ]);

/** `12=90`. @throws UsageError */
const shareOf = (word: string): { release: number; weight: number } => {
  const parts = /^(\d{1,9})=(\d{1,9})$/.exec(word);
  if (parts === null) throw new UsageError(`${JSON.stringify(word)} is not RELEASE=WEIGHT, such as 12=90`);
  return { release: Number(parts[1]), weight: Number(parts[2]) };
};

export const siteSplit = defineCommand({
  options: { off: { type: "boolean" } },
  words: [1, 5],
  run: async ({ client, print }, [slug, ...shares], { off = false, environment }) => {
    if (off && shares.length > 0) throw new UsageError("--off takes no releases");
    const path = sitePath(slug!, "/split", { environment });
    const split =
      off || shares.length > 0
        ? await (await client()).send<SplitView>("PUT", path, { releases: shares.map(shareOf) })
        : await (await client()).get<SplitView>(path);
    print(split, () => describe(split));
  },
});
