import { afterAll, beforeAll, expect, test } from "bun:test";
import type { SiteView } from "../../domain/views.ts";
import { runManySites } from "../load/many-sites.ts";
import { startCroft, type TestCroft } from "./croft.ts";

const count = process.env.CROFT_SOAK === "1" ? 200 : 12;

let croft: TestCroft;
beforeAll(async () => {
  croft = await startCroft();
}, 60_000);
afterAll(() => croft.destroy(), 600_000);

test("many sites serve, sleep by themselves, and each answers its visitor", async () => {
  const { slugs, containers, leftUnfrozen, answers } = await runManySites(croft, count);
  expect(leftUnfrozen).toBe(0);
  expect(containers).toBeGreaterThan(count / 2);
  expect(answers.filter(({ status, right }) => status !== 200 || !right)).toEqual([]);
  const { body } = await croft.api<{ items: SiteView[] }>("GET", "/sites");
  expect(body.items.filter(({ slug, status }) => slugs.includes(slug) && status === "running").length).toBe(
    count,
  );
}, 1_800_000);
