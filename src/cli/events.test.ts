import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Answer, type FakeCroft, fakeCroft } from "./testing/fake-croft.ts";
import { localTime } from "./text.ts";

let croft: FakeCroft;
let answers: Record<string, Answer>;
beforeEach(async () => {
  answers = {};
  croft = await fakeCroft(answers);
});
afterEach(() => croft.close());

const event = (changes: object) => ({
  id: "evt_1",
  at: "2026-03-10T12:00:00.000Z",
  kind: "disk.full",
  severity: "critical",
  site: "blog",
  environment: "production",
  message: "It is \u001b[31mfull.",
  details: {},
  endedAt: null,
  ...changes,
});

test("what happened to one site, or to all and the host", async () => {
  answers["GET /sites/blog/events"] = () => ({ items: [event({})], next: null });
  const { out } = await croft.run("events blog --limit 5 --environment staging".split(" "));
  expect(croft.seen.at(-1)!.path).toBe("/sites/blog/events?limit=5&environment=staging");
  expect(out).toContain("It is full.");

  const over = event({ site: null, endedAt: "2026-03-10T12:05:00.000Z" });
  answers["GET /events"] = () => ({ items: [over], next: null });
  const all = await croft.run(["events", "--limit", "7"]);
  expect(croft.seen.at(-1)!.path).toBe("/events?limit=7");
  expect(all.out).toContain(localTime("2026-03-10T12:05:00.000Z", true));
  answers["GET /events"] = () => ({ items: [], next: null });
  expect((await croft.run(["events"])).out).toBe("Nothing happened.\n");
});
