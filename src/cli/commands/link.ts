import type { ConnectionsView, LinkView } from "../../domain/link.ts";
import { defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";
import { table } from "../text.ts";
import { UsageError } from "../usage-error.ts";

const address = ({ name, port }: LinkView): string => (port === null ? name : `${name}:${port}`);

export const links = defineCommand({
  options: {},
  words: [1, 1],
  run: async ({ client, print }, [slug], { environment }) => {
    const path = sitePath(slug!, "/links", { environment });
    const answer = await (await client()).get<ConnectionsView>(path);
    print(answer, () => {
      const lines = [
        answer.internal ? "Internal: only linked sites reach it.\n" : "",
        answer.links.length === 0
          ? `Reaches no other site; link one: croft link ${slug} --to SITE\n`
          : table([
              ["REACHES", "AT", "VARIABLES"],
              ...answer.links.map((link) => [link.to, address(link), link.variables.join(" ")]),
            ]),
        ...answer.linkedFrom.map(({ site, name }) => `${site} reaches it as ${name}\n`),
      ];
      return lines.join("");
    });
  },
});

export const link = defineCommand({
  options: { to: { type: "string" }, as: { type: "string" } },
  words: [1, 1],
  run: async ({ client, print }, [slug], { to, as: name, environment }) => {
    if (to === undefined) throw new UsageError("say which site is to be reached: --to SITE");
    const path = sitePath(slug!, "/links", { environment });
    const made = await (await client()).send<LinkView>("POST", path, { to, name });
    print(
      made,
      () =>
        `${slug} reaches ${made.to} at ${address(made)}; ${made.variables.join(", ")} ${made.variables.length === 1 ? "comes" : "come"} with its next start\n`,
    );
  },
});

export const unlink = defineCommand({
  options: {},
  words: [2, 2],
  run: async ({ client, print }, [slug, name], { environment }) => {
    const path = sitePath(slug!, `/links/${encodeURIComponent(name!)}`, { environment });
    const answer = await (await client()).send<ConnectionsView>("DELETE", path);
    print(answer, () => `${slug} no longer reaches ${name}; connections over the link have ended\n`);
  },
});
