import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { LogQuery } from "../logs/site-logs.ts";
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

describe("the page of a site's log", () => {
  test("asks for what its address says, and keeps it in the form, in its links and for the live lines", async () => {
    const asked: LogQuery[] = [];
    const original = panel.deps.appLog;
    panel.deps.appLog = (person, slug, query) => {
      asked.push(query);
      return original(person, slug, query);
    };
    const { html } = await client.get(
      "/sites/bike-kitchen/logs?q=bikes%20%26&level=error&since=1h&from=2026-01-02T03:04&process=worker&lines=1000",
    );
    expect(asked[0]).toEqual({
      search: "bikes &",
      level: "error",
      since: "2026-01-02T03:04Z",
      until: undefined,
      process: "worker",
      cursor: undefined,
      limit: 1000,
    });
    expect(html).toContain('value="bikes &amp;"');
    expect(html).toMatch(/<option value="error" selected/);
    expect(html).toMatch(/<option value="worker" selected/);
    expect(html).toContain("cursor=3.14");
    const query = "search=bikes+%26&amp;level=error&amp;process=worker&amp;since=2026-01-02T03%3A04Z";
    expect(html).toContain(`data-query="${query}"`);
    expect(html).toContain(`/logs/download?${query}&amp;gzip=true`);
    expect(html).toContain('data-live="yes"');
    // Older lines, and an end: nothing more comes.
    for (const more of ["cursor=3.14", "to=2026-01-02T03:04"])
      expect((await client.get(`/sites/bike-kitchen/logs?${more}`)).html).toContain('data-live="no"');
  });

  test("lets go of what an address cannot mean", async () => {
    let asked: LogQuery | null = null;
    const original = panel.deps.appLog;
    panel.deps.appLog = (person, slug, query) => original(person, slug, (asked = query));
    await client.get(
      "/sites/bike-kitchen/logs?level=loud&since=ever&from=2026-99&cursor=%3Cscript%3E&lines=999999999",
    );
    expect(asked!).toEqual({
      search: undefined,
      level: undefined,
      since: undefined,
      until: undefined,
      process: undefined,
      cursor: undefined,
      limit: 200,
    });
  });

  test("says what a line is worth without colour, and where its rest is not kept", async () => {
    panel.world.appLines = ["plain", "ERROR broken", "WARN near full"];
    const { html } = await client.get("/sites/bike-kitchen/logs");
    expect(html).toMatch(/<li class="error">.*?<span class="source">error<\/span>.*?ERROR broken/);
    expect(html).toMatch(/<li class="warning">.*?<span class="source">warn<\/span>.*?WARN near full/);
    expect(textOf(html)).toContain("12.4 MB of 100 MB, 14 days");
  });

  test("says when a search has not looked through all of it yet", async () => {
    panel.deps.appLog = async () => ({ items: [], next: "2.0", whole: false, end: "9.9", stored: true });
    const { html } = await client.get("/sites/bike-kitchen/logs?q=rare");
    expect(textOf(html)).toContain("Nothing that matches so far; there is more to look through.");
    expect(html).toContain('href="/sites/bike-kitchen/logs?q=rare&amp;cursor=2.0"');
    panel.deps.appLog = async () => ({ items: [], next: null, whole: true, end: "0.0", stored: false });
    expect(textOf((await client.get("/sites/bike-kitchen/logs")).html)).toContain(
      "Only what the engine still holds",
    );
  });
});

describe("what is kept", () => {
  test("of one site's log is changed in words that people use", async () => {
    const good = await client.submit("/sites/bike-kitchen/logs/storage", { maxBytes: "50m", days: "" });
    expect(good.headers.get("location")).toBe("/sites/bike-kitchen/logs?done=log-storage");
    expect(panel.world.calls.at(-1)).toEqual({
      verb: "setLogStorage",
      args: ["bike-kitchen", { maxBytes: 50 * 1024 * 1024, days: null }],
    });
    for (const [maxBytes, days, words] of [
      ["much", "", "must be a size such as 100m or 1g"],
      ["", "1.5", "must be a whole number of days"],
      ["500m", "", "more than 100 MB is an operator's to give"],
    ] as const) {
      const { status, html } = await client.submit("/sites/bike-kitchen/logs/storage", { maxBytes, days });
      expect(status).toBe(422);
      expect(textOf(html)).toContain(words);
      expect(html).toContain(`value="${maxBytes || days}"`);
    }
  });

  test("of the installation is an operator's", async () => {
    expect((await client.get("/host/retention")).html).toContain('value="100 MB"');
    const { headers } = await client.submit("/host/retention", { auditDays: "400", appLogBytes: "1g" });
    expect(headers.get("location")).toBe("/host/retention?done=retention");
    expect(panel.world.calls.at(-1)).toEqual({
      verb: "setRetention",
      args: [{ auditDays: 400, appLogBytes: 1024 ** 3 }],
    });
  });
});
