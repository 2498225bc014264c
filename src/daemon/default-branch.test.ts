import { expect, test } from "bun:test";
import { createDefaultBranch } from "./default-branch.ts";

test("only so many repositories are asked at once, whatever becomes of them; others are told nothing", async () => {
  const waiting: (() => void)[] = [];
  let failing = false;
  const ask = createDefaultBranch(async () => {
    if (failing) throw new Error("no such host");
    await new Promise<void>((resolve) => waiting.push(resolve));
    return { head: "trunk", branches: ["trunk"] };
  });
  const asked = Array.from({ length: 20 }, () => ask("https://example.org/a.git"));
  await Bun.sleep(0);
  expect(waiting).toHaveLength(8);
  for (const answer of waiting) answer();
  const heads = await Promise.all(asked);
  expect(heads.filter((head) => head === "trunk")).toHaveLength(8);
  expect(heads.filter((head) => head === null)).toHaveLength(12);
  failing = true;
  for (let i = 0; i < 20; i++) expect(await ask("https://nowhere.example/a.git")).toBeNull();
  failing = false;
  const again = ask("https://example.org/a.git");
  await Bun.sleep(0);
  waiting.at(-1)!();
  expect(await again).toBe("trunk");
});
