import { afterEach, beforeEach, expect, test } from "bun:test";
import { GB } from "../domain/size.ts";
import { type SiteFixture, siteFixture } from "../testing/site-fixture.ts";
import { setLimits } from "./limits.ts";

let fixture: SiteFixture;
beforeEach(async () => {
  fixture = await siteFixture();
});
afterEach(() => fixture[Symbol.asyncDispose]());

test("a limit of memory is not above what the server has, but what came from a larger one may be lowered in steps", async () => {
  const set = (memoryBytes: number) => setLimits(fixture.deps, fixture.owner, fixture.slug, { memoryBytes });
  fixture.deps.hostMemoryBytes = () => 4 * GB;
  await expect(set(5 * GB)).rejects.toThrow(
    "memoryBytes: must be at most 4 GB, which is what this server has",
  );
  expect((await set(4 * GB)).asked.memoryBytes).toBe(4 * GB);
  fixture.deps.hostMemoryBytes = () => 2 * GB;
  expect((await set(3 * GB)).asked.memoryBytes).toBe(3 * GB);
  await expect(set(3.5 * GB)).rejects.toThrow("must be at most 2 GB");
});
