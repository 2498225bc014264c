import { version as current } from "../../version.ts";
import { defineCommand } from "../command.ts";

export const version = defineCommand({
  options: {},
  words: [0, 0],
  run: async ({ print }) => {
    const facts = { version: current, bun: Bun.version, platform: `${process.platform}-${process.arch}` };
    print(facts, () => `croft ${facts.version} (Bun ${facts.bun}, ${facts.platform})\n`);
  },
});
