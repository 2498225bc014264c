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

test("each page of a sleeper says so, with what that saves, and wakes it", async () => {
  const { html } = await client.get("/sites/potluck");
  const text = textOf(html);
  expect(text).toContain("Asleep, frozen in memory since");
  expect(text).toContain("nobody has visited it for 30 minutes. The next request wakes it.");
  expect(text).toContain("It gave back 35 MB of memory.");
  const { headers } = await client.submit("/sites/potluck/wake", {});
  expect(headers.get("location")).toBe("/sites/potluck?done=woken");
  expect(panel.world.calls.at(-1)).toEqual({ verb: "wakeSite", args: ["potluck"] });
  expect(textOf((await client.get("/sites/bike-kitchen")).html)).not.toContain("Asleep");
});

test("when a site sleeps is changed in minutes and cron patterns; what is refused stays in the form", async () => {
  const { html } = await client.get("/sites/bike-kitchen/sleep");
  expect(textOf(html)).toContain("frozen for 5 h 1 min and stopped for 30 min");
  expect(html).toContain('value="90"');
  expect(textOf(html)).toContain("Empty: as for all sites. At present after 30 min.");
  const typed = {
    freezeAfterMinutes: "",
    stopAfterMinutes: "0",
    wakeAt: "0 8 * * 1-5\r\n 30  7 * * 6\r\n",
    timeZone: "UTC",
  };
  const good = await client.submit("/sites/bike-kitchen/sleep", { ...typed, never: "yes" });
  expect(good.headers.get("location")).toBe("/sites/bike-kitchen/sleep?done=sleep");
  expect(panel.world.calls.at(-1)).toEqual({
    verb: "changeSleep",
    args: [
      "bike-kitchen",
      {
        ...{ never: true, freezeAfterMinutes: null, stopAfterMinutes: 0 },
        ...{ wakeAt: ["0 8 * * 1-5", "30 7 * * 6"], timeZone: "UTC" },
      },
    ],
  });
  for (const [change, words] of [
    [{ freezeAfterMinutes: "soon" }, "must be minutes between"],
    [{ stopAfterMinutes: "-4" }, "must be minutes between"],
    [{ wakeAt: "at eight" }, "must be a cron pattern of five parts"],
    [{ timeZone: "Mars/Base" }, "must be a time zone"],
  ] as const) {
    const { status, html: again } = await client.submit("/sites/bike-kitchen/sleep", { ...typed, ...change });
    expect(status).toBe(422);
    expect(textOf(again)).toContain(words);
    expect(again).toContain(Object.values(change)[0]!);
  }
});

test("a site is put to sleep at once, or it is said what keeps it awake", async () => {
  const { headers } = await client.submit("/sites/bike-kitchen/sleep/now", {});
  expect(headers.get("location")).toBe("/sites/bike-kitchen/sleep?done=slept");
  expect(panel.world.calls.at(-1)).toEqual({ verb: "sleepSite", args: ["bike-kitchen", "freeze"] });
  const deploying = (await panel.deps.fleet(null as never)).find(({ site }) => site.status === "deploying")!;
  const refused = await client.submit(`/sites/${deploying.site.slug}/sleep/now`, {});
  expect(refused.status).toBe(409);
  expect(textOf(refused.html)).toContain("stays awake: it is being deployed");
});
