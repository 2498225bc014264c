import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { markupFaults } from "./testing/markup-faults.ts";
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

test("an app that ends again and again: how, when it is started next, and what it printed, as text", async () => {
  const { html } = await client.get("/sites/archive");
  const text = textOf(html);
  expect(text).toContain("It ends again and again");
  expect(text).toContain("it used more memory than its limit (SIGKILL, out of memory)");
  expect(text).toContain("5 restarts in a row");
  expect(html).toContain("loading 41,204 pages\n&lt;b&gt;indexing&lt;/b&gt; page 38,112</pre>");
  expect(await markupFaults(html)).toEqual([]);
});

test("nothing of it on a site that is well", async () => {
  expect((await client.get("/sites/choir")).html).not.toContain("last-exit");
});

test("idle CPU is a switch among the limits, and importance a field of the settings", async () => {
  const { html } = await client.get("/sites/choir/limits");
  expect(html).toMatch(/<input type="checkbox" id="cpuBurst" name="cpuBurst" value="yes"(?! checked)/);
  await client.submit("/sites/choir/limits", { cpuBurst: "yes" });
  expect(panel.world.calls.at(-1)).toEqual({ verb: "setLimits", args: ["choir", { cpuBurst: true }] });
  expect((await client.get("/sites/choir/settings")).html).toMatch(/name="restorePriority"[^>]*value="50"/);
});
