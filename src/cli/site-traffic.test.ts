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

test("a site is paused for as long as asked, and resumed", async () => {
  const pause = { since: "s", resumesAt: "2026-01-01T00:10:00.000Z", maxSeconds: 60 };
  answers["POST /sites/blog/pause"] = () => ({ slug: "blog", status: "running", pause });
  const { out } = await croft.run(["site", "pause", "blog", "--max-seconds", "60"]);
  expect(out).toBe(
    `requests of blog wait, 60 s at most; it goes on by itself at ${localTime(pause.resumesAt)}\n`,
  );
  expect(croft.seen.at(-1)!.body).toEqual({ maxSeconds: 60 });
  answers["POST /sites/blog/resume"] = () => ({ slug: "blog", status: "running", pause: null });
  expect((await croft.run(["site", "resume", "blog"])).out).toBe("blog is running\n");
});

test("a split is shown, set and ended", async () => {
  answers["GET /sites/blog/split"] = () => ({ releases: [] });
  expect((await croft.run(["site", "split", "blog"])).out).toBe("all visitors get the current release\n");
  const releases = [
    { release: 12, weight: 90 },
    { release: 11, weight: 10 },
  ];
  answers["PUT /sites/blog/split"] = () => ({ releases });
  const { out } = await croft.run(["site", "split", "blog", "12=90", "11=10"]);
  expect(out).toMatch(/12 +90\n11 +10\n/);
  expect(croft.seen.at(-1)!.body).toEqual({ releases });
  await croft.run(["site", "split", "blog", "--off"]);
  expect(croft.seen.at(-1)!.body).toEqual({ releases: [] });
  for (const wrong of [["12"], ["12=90", "--off"], ["v12=90"]])
    expect((await croft.run(["site", "split", "blog", ...wrong])).exitCode).toBe(2);
});
