import type { EnvVarView } from "../../domain/views.ts";
import { type Context, defineCommand } from "../command.ts";
import { sitePath } from "../site-path.ts";
import { localTime, table } from "../text.ts";
import { UsageError } from "../usage-error.ts";

interface EnvAnswer {
  items: EnvVarView[];
  note?: string;
}

const show = ({ print, io }: Context, answer: EnvAnswer): void => {
  if (answer.note) io.err(`${answer.note}\n`);
  print(answer, () => {
    if (answer.items.length === 0) return "No variables.\n";
    const rows = answer.items.map((one) => [
      one.key,
      one.value === null ? "(secret)" : one.value.replaceAll("\n", "\\n"),
      localTime(one.updatedAt),
      one.updatedBy,
    ]);
    return table([["KEY", "VALUE", "CHANGED", "BY"], ...rows]);
  });
};

export const envList = defineCommand({
  options: {},
  words: [1, 1],
  run: async (context, [slug], { environment }) =>
    show(context, await (await context.client()).get<EnvAnswer>(sitePath(slug!, "/env", { environment }))),
});

export const envSet = defineCommand({
  options: { secret: { type: "boolean" }, stdin: { type: "boolean" } },
  words: [2, Infinity],
  run: async (context, [slug, ...pairs], { secret, stdin, environment }) => {
    const set: Record<string, string> = {};
    for (const pair of pairs) {
      const equals = pair.indexOf("=");
      if (equals > 0 && !stdin) set[pair.slice(0, equals)] = pair.slice(equals + 1);
      else if (stdin && equals === -1 && pairs.length === 1) set[pair] = await context.io.readStdin();
      else throw new UsageError("give KEY=VALUE …, or one KEY with --stdin and its value on standard input");
    }
    const path = sitePath(slug!, "/env", { environment });
    show(
      context,
      await (await context.client()).send<EnvAnswer>("PUT", path, { set, secret: secret === true }),
    );
  },
});

export const envUnset = defineCommand({
  options: {},
  words: [2, Infinity],
  run: async (context, [slug, ...unset], { environment }) => {
    const path = sitePath(slug!, "/env", { environment });
    show(context, await (await context.client()).send<EnvAnswer>("PUT", path, { unset }));
  },
});
