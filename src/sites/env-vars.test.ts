import { expect, test } from "bun:test";
import { siteFixture } from "../testing/site-fixture.ts";
import { listEnvVars, setEnvVars } from "./env-vars.ts";

const numbered = (count: number, value: string, prefix = "KEY_"): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${prefix}${index}`, value]));

test("all variables together stay within what a program can be started with", async () => {
  await using fixture = await siteFixture();
  const { deps, owner, slug } = fixture;
  const set = (values: Record<string, string>, unset: string[] = []) =>
    setEnvVars(deps, owner, slug, { set: values, unset });
  await set(numbered(15, "x".repeat(32_000)));
  await expect(set({ MORE: "é".repeat(30_000) })).rejects.toThrow("at most 512 KB");
  // What is replaced or goes makes room.
  await set({ KEY_0: "short", MORE: "é".repeat(30_000) }, ["KEY_1"]);
  expect(await listEnvVars(deps, owner, slug)).toHaveLength(15);
});

test("names to unset that are not there make no room for more variables", async () => {
  await using fixture = await siteFixture();
  const { deps, owner, slug } = fixture;
  await setEnvVars(deps, owner, slug, { set: numbered(490, "1"), unset: [] });
  const unset = Object.keys(numbered(100, "", "ABSENT_"));
  const more = setEnvVars(deps, owner, slug, { set: numbered(20, "1", "MORE_"), unset });
  await expect(more).rejects.toThrow("at most 500 variables");
  await setEnvVars(deps, owner, slug, { set: numbered(10, "1", "MORE_"), unset });
  expect(await listEnvVars(deps, owner, slug)).toHaveLength(500);
});
