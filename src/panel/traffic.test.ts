import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type PanelApp, panelApp } from "./testing/panel-app.ts";
import { panelClient, textOf } from "./testing/panel-client.ts";

let panel: PanelApp;
let client: ReturnType<typeof panelClient>;
beforeAll(async () => {
  panel = await panelApp();
  client = panelClient(panel);
  await client.signIn();
});
beforeEach(() => panel.reset());
afterAll(() => panel.dispose());

const site = () => panel.world.sites.find(({ slug }) => slug === "choir")!;
const calls = () =>
  panel.world.calls.filter(({ verb }) => /pause|resume|Split/i.test(verb)).map(({ verb }) => verb);

test("a pause is on every page of the site, with what ends it", async () => {
  const before = await client.get("/sites/choir/settings");
  expect(textOf(before.html)).toContain("Pause the site");
  await client.submit("/sites/choir/pause");
  const resumesAt = new Date(Date.now() + 600_000).toISOString();
  site().pause = { since: resumesAt, resumesAt, maxSeconds: 30 };
  for (const page of ["", "/logs", "/rules"]) {
    const { html } = await client.get(`/sites/choir${page}`);
    expect(textOf(html)).toContain("Paused: each request waits up to 30 s.");
  }
  await client.submit("/sites/choir/resume");
  expect(calls()).toEqual(["pauseSite", "resumeSite"]);
});

test("shared out visitors and used up bandwidth are said", async () => {
  site().split = {
    releases: [
      { release: 31, weight: 3 },
      { release: 30, weight: 1 },
    ],
  };
  site().bandwidth = { state: "throttled", since: new Date().toISOString() };
  const { html } = await client.get("/sites/choir");
  expect(textOf(html)).toContain("Visitors are shared out: release 31 75 %, release 30 25 %.");
  expect(textOf(html)).toContain("of 1 GB throttled");
  await client.submit("/sites/choir/split/end");
  expect(calls()).toEqual(["endSplit"]);
});
