import { formatBytes } from "../../domain/size.ts";
import type { ReleaseView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";
import { localTime, table } from "../text.ts";

export const releases = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [slug], { environment }) => {
    const path = sitePath(slug!, "/releases", { environment });
    const answer = await (await client()).get<{ items: ReleaseView[] }>(path);
    print(answer, () => {
      if (answer.items.length === 0) return "No releases yet.\n";
      const rows = answer.items.map((release) => [
        `#${release.number}`,
        release.current ? "live" : release.kept ? "kept" : "removed",
        localTime(release.createdAt),
        release.sizeBytes === null ? "-" : formatBytes(release.sizeBytes),
        release.commit
          ? `${release.commit.hash.slice(0, 10)} ${release.commit.message.split("\n")[0]!.slice(0, 60)}`
          : (release.imageDigest ?? ""),
      ]);
      return table([["RELEASE", "STATE", "AT", "SIZE", "WHAT"], ...rows]);
    });
  },
});
