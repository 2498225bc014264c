import { defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";
import { UsageError } from "../usage-error.ts";

export const siteDelete = defineCommand({
  options: { confirm: { type: "string" }, volumes: { type: "boolean" } },
  words: [1, 1],
  run: async ({ client, print }, [slug], { confirm, volumes }) => {
    if (confirm !== slug) throw new UsageError(`this cannot be undone; repeat the name: --confirm ${slug}`);
    const path = sitePath(slug!, "", { confirm, volumes: volumes ? true : undefined });
    const answer = await (
      await client()
    ).send<{ unlinked: { site: string; name: string }[] }>("DELETE", path);
    print(answer, () =>
      [
        `${slug} is deleted${volumes ? ", with its volumes" : "; volumes are kept"}\n`,
        ...answer.unlinked.map(({ site, name }) => `${site} reached it as ${name}, and does no longer\n`),
      ].join(""),
    );
  },
});
