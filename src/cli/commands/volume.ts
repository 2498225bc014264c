import type { VolumeView } from "../../domain/views.ts";
import { defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";
import { table } from "../text.ts";
import { UsageError } from "../usage-error.ts";

export const volumeList = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [slug], { environment }) => {
    const path = sitePath(slug!, "/volumes", { environment });
    const answer = await (await client()).get<{ items: VolumeView[] }>(path);
    print(answer, () =>
      answer.items.length === 0
        ? "No volumes.\n"
        : table([["VOLUME", "PATH"], ...answer.items.map((volume) => [volume.name, volume.mountPath])]),
    );
  },
});

export const volumeAdd = defineCommand({
  options: {},
  words: [3, 3],
  run: async ({ client, print }, [slug, name, mountPath], { environment }) => {
    const path = sitePath(slug!, "/volumes", { environment });
    const volume = await (await client()).send<VolumeView>("POST", path, { name, mountPath });
    print(volume, () => `Volume ${name} at ${mountPath}; the next release has it\n`);
  },
});

export const volumeRemove = defineCommand({
  options: { confirm: { type: "string" } },
  words: [2, 2],
  run: async ({ client, print }, [slug, name], { confirm, environment }) => {
    if (confirm !== name)
      throw new UsageError(`what it holds is lost for good; repeat the name: --confirm ${name}`);
    const path = sitePath(slug!, `/volumes/${encodeURIComponent(name!)}`, { confirm, environment });
    const answer = await (await client()).send("DELETE", path);
    print(answer, () => `Volume ${name} is removed\n`);
  },
});
