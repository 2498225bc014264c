import { afterEach, beforeEach, expect, test } from "bun:test";
import { defaultEdgeRules, edgeRulesView } from "../domain/edge-rules.ts";
import { fakeSite } from "../panel/testing/fake-data.ts";
import { type Answer, type FakeCroft, fakeCroft } from "./testing/fake-croft.ts";

let croft: FakeCroft;
let answers: Record<string, Answer>;
beforeEach(async () => {
  answers = {};
  croft = await fakeCroft(answers);
});
afterEach(() => croft.close());

test("a site shows what visitors meet otherwise than usual, and nothing of it when all is as usual", async () => {
  answers["GET /sites/blog"] = () => fakeSite("blog");
  answers["GET /sites/blog/rules"] = () => edgeRulesView(defaultEdgeRules);
  const usual = (await croft.run(["site", "show", "blog"])).out;
  expect(usual).not.toMatch(/^(?:maintenance|paused|visitors|bandwidth) /m);

  answers["GET /sites/blog"] = () => ({
    ...fakeSite("blog"),
    pause: { since: "2026-11-20T12:00:00Z", resumesAt: "2026-11-20T12:10:00Z", maxSeconds: 30 },
    split: {
      releases: [
        { release: 3, weight: 10 },
        { release: 2, weight: 90 },
      ],
    },
    bandwidth: { state: "blocked", since: "2026-11-20T12:00:00Z" },
  });
  answers["GET /sites/blog/rules"] = () => ({
    ...edgeRulesView(defaultEdgeRules),
    maintenance: { retryAfterSeconds: 90 },
  });
  const { out } = await croft.run(["site", "show", "blog"]);
  expect(out).toMatch(/^maintenance +every visitor gets 503, back in 90 s$/m);
  expect(out).toMatch(/^paused +requests wait 30 s at most/m);
  expect(out).toMatch(/^visitors +release #3: 10, release #2: 90$/m);
  expect(out).toMatch(/^bandwidth +used up this month; visitors get 509/m);
});

test("with --json it is the site's document alone, and one question", async () => {
  answers["GET /sites/blog"] = () => fakeSite("blog");
  const { out } = await croft.run(["site", "show", "blog", "--json"]);
  expect((JSON.parse(out) as { slug: string }).slug).toBe("blog");
  expect(croft.seen.length).toBe(1);
});

test("an app that ends again and again is shown with how it ended and what it printed", async () => {
  const [replica] = fakeSite("blog").replicas;
  const lastExit = { at: "2026-11-20T12:00:00Z", exitCode: 134, signal: "SIGABRT", oomKilled: false };
  answers["GET /sites/blog"] = () => ({
    ...fakeSite("blog", { status: "failed" }),
    replicas: [
      {
        ...replica,
        ...{ state: "crash_loop", restarts: 5, exitCode: 134 },
        reason: "the app was aborted; restart 5; it last printed: no database",
        lastExit: { ...lastExit, lastLines: ["connecting", "no database"] },
      },
    ],
  });
  const { out } = await croft.run(["site", "show", "blog"]);
  expect(out).toMatch(/^replica +crash loop, 5 restarts: the app was aborted; restart 5 \(SIGABRT\)$/m);
  expect(out).toMatch(/^it last printed +connecting\n +no database$/m);
});
