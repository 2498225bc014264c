import type { VolumeView } from "../../domain/disk.ts";
import { formatBytes, parseBytes } from "../../domain/size.ts";
import { defineCommand } from "../command.ts";
import { sizeFlag } from "../numbers.ts";
import { sitePath } from "../site-path.ts";
import { table } from "../text.ts";
import { UsageError } from "../usage-error.ts";

const bytes = (value: number | null): string => (value === null ? "-" : formatBytes(value));
const heldBy = ({ kind, sizeBytes }: VolumeView): string =>
  kind === "loop" ? "its file system" : sizeBytes === null ? "the site's disk limit" : "measuring";

export const volumeList = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [slug], { environment }) => {
    const path = sitePath(slug!, "/volumes", { environment });
    const answer = await (await client()).get<{ items: VolumeView[] }>(path);
    print(answer, () =>
      answer.items.length === 0
        ? "No volumes.\n"
        : table([
            ["VOLUME", "PATH", "SIZE", "USED", "HELD BY"],
            ...answer.items.map((volume) => [
              volume.name,
              volume.mountPath,
              bytes(volume.sizeBytes),
              bytes(volume.usedBytes),
              heldBy(volume),
            ]),
          ]),
    );
  },
});

export const volumeAdd = defineCommand({
  options: { size: { type: "string" } },
  words: [3, 3],
  run: async ({ client, print }, [slug, name, mountPath], { size, environment }) => {
    const path = sitePath(slug!, "/volumes", { environment });
    const input = { name, mountPath, sizeBytes: sizeFlag("size", size) };
    const volume = await (await client()).send<VolumeView>("POST", path, input);
    const ofSize = volume.sizeBytes === null ? "" : ` of ${formatBytes(volume.sizeBytes)}`;
    print(volume, () => `Volume ${name}${ofSize} at ${mountPath}; the next release has it\n`);
  },
});

export const volumeResize = defineCommand({
  options: {},
  words: [3, 3],
  run: async ({ client, print }, [slug, name, size], { environment }) => {
    const path = sitePath(slug!, `/volumes/${encodeURIComponent(name!)}`, { environment });
    const sizeBytes = parseBytes(size!);
    if (sizeBytes === null)
      throw new UsageError(`SIZE is a size such as 128m or 1.5g, not ${JSON.stringify(size)}`);
    const volume = await (
      await client()
    ).send<VolumeView & { live: boolean }>("PATCH", path, {
      sizeBytes,
    });
    const when = volume.live ? "" : "; its file system has it when the server mounts it next";
    print(volume, () => `Volume ${name} has ${bytes(volume.sizeBytes)}${when}\n`);
  },
});

export const volumeRemove = defineCommand({
  options: { confirm: { type: "string" } },
  words: [2, 2],
  run: async ({ client, print }, [slug, name], { confirm, environment }) => {
    if (confirm !== name) {
      const listed = sitePath(slug!, "/volumes", { environment });
      // How much it is only helps: what is wrong with the words is told without an answer, too.
      const answer = await (await client()).get<{ items: VolumeView[] }>(listed).catch(() => null);
      const used = answer?.items.find((volume) => volume.name === name)?.usedBytes;
      const loss = used ? `the ${formatBytes(used)} in it are` : "what it holds is";
      throw new UsageError(`${loss} lost for good; repeat the name: --confirm ${name}`);
    }
    const path = sitePath(slug!, `/volumes/${encodeURIComponent(name!)}`, { confirm, environment });
    const answer = await (await client()).send("DELETE", path);
    print(answer, () => `Volume ${name} is removed\n`);
  },
});
