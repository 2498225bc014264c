import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { AppError } from "../errors.ts";
import { type Browser, openBrowser, serve } from "./testing/browser.ts";
import { fakeEvents } from "./testing/fake-events.ts";
import { fakeRequest } from "./testing/fake-requests.ts";
import { type PanelApp, panelApp } from "./testing/panel-app.ts";
import { panelClient, textOf } from "./testing/panel-client.ts";

let panel: PanelApp;
let client: ReturnType<typeof panelClient>;
let server: ReturnType<typeof serve>;
let browser: Browser;
const events = fakeEvents();
const traffic = "/sites/bike-kitchen/traffic";

beforeAll(async () => {
  panel = await panelApp({ before: events.app });
  client = panelClient(panel);
  await client.signIn();
  server = serve(panel);
  browser = await openBrowser(server.origin);
  await browser.signIn();
}, 60_000);
beforeEach(() => {
  panel.reset();
  events.clear();
  browser.complaints.length = 0;
});
afterAll(async () => {
  browser?.view.close();
  await server?.stop();
  await panel?.dispose();
});

describe("the page", () => {
  test("says who asked for what, with what each figure is measured against", async () => {
    const text = textOf((await client.get(traffic)).html);
    expect(text).toContain("15,605 requests in the last 24 hours");
    expect(text).toMatch(/2xx answered 14,406 92 %/);
    expect(text).toMatch(/5xx failed 23 <1 %/);
    expect(text).toMatch(/GET \/reports\/:id\.pdf 44 <1 % 0 17 39 %/);
    expect(text).toContain("All others");
  });

  test("filters by answer and path, keeps that in the address, and hands it on to the download", async () => {
    const { html } = await client.get(`${traffic}?status=5xx&path=/reports&range=7d`);
    const text = textOf(html);
    expect(text).toContain("Requests that match");
    expect(text).toContain("GET /reports/2026-11.pdf");
    expect(text).not.toContain("GET /bikes/482");
    expect(html).toContain('value="5xx" selected');
    expect(html.replaceAll("&amp;", "&")).toContain(
      'href="/api/v1/sites/bike-kitchen/access-log?format=combined&status=5xx&path=%2Freports"',
    );
    expect(textOf((await client.get(`${traffic}?path=/nowhere`)).html)).toContain(
      "No request in the log matches.",
    );
  });

  test("who may not see visitors is told so; the rest of the site stays", async () => {
    panel.deps.accessLog = () =>
      Promise.reject(new AppError("forbidden", "your role on site x does not allow this"));
    const { status, html } = await client.get(traffic);
    expect(status).toBe(200);
    expect(textOf(html)).toContain("Your role on site x does not allow this.");
    expect(html).not.toContain("203.0.113");
  });

  test("a log that is off says what to do, one with gaps what is missing", async () => {
    panel.world.rules = { ...panel.world.rules, accessLog: "off" };
    panel.world.requests = [];
    expect(textOf((await client.get(traffic)).html)).toContain("Single requests are not written down");
    expect(textOf((await client.get("/sites/archive/traffic")).html)).toContain(
      "3 requests are missing here",
    );
  });

  test("the setting is saved, and what is wrong stands beside its field with what was typed", async () => {
    const good = { accessLog: "full", accessLogBytes: "16 MB", accessLogDays: "3" };
    const saved = await client.submit(`${traffic}/log`, good);
    expect(saved.status).toBe(303);
    expect(panel.world.calls.at(-1)).toEqual({
      verb: "setRules",
      args: ["bike-kitchen", { accessLog: "full", accessLogBytes: 16_777_216, accessLogDays: 3 }],
    });
    const { status, html } = await client.submit(`${traffic}/log`, {
      accessLog: "everything",
      accessLogBytes: "much",
      accessLogDays: "365",
    });
    expect(status).toBe(422);
    const text = textOf(html);
    expect(text).toContain("must be one of off, anonymous, full");
    expect(text).toContain("must be between 1 MB and 1 GB");
    expect(text).toContain("must be between 1 and 90 days");
    expect(html).toContain('value="much"');
  });
});

const count = `document.querySelectorAll("#live-requests li").length`;

test("requests appear as they come, stand still on request, and none is lost or shown twice when the daemon was away", async () => {
  for (let i = 0; i < 5; i++) events.requested(fakeRequest(i, Date.now()));
  await browser.go(`${traffic}?status=2xx`);
  await browser.until(`${count} === 5 && document.querySelectorAll("#requests li").length === 0`);
  expect(events.requestConnections[0]).toBe("?limit=100&status=2xx");
  events.requested(fakeRequest(7, Date.now()));
  await browser.until(`${count} === 6`);
  expect(await browser.text("#live-requests li:last-child")).toMatch(
    /503\s+GET \/reports\/2026-11\.pdf\s+1\.2 s/,
  );

  await browser.view.evaluate(`document.getElementById("pause").click()`);
  events.requested(fakeRequest(1, Date.now()), fakeRequest(2, Date.now()));
  await browser.until(`document.getElementById("pause").textContent === "Go on (2 new)"`);
  expect(await browser.view.evaluate(count)).toBe(6);
  expect(await browser.text("#live-state")).toBe("Paused");
  await browser.view.evaluate(`document.getElementById("pause").click()`);
  await browser.until(`${count} === 8`);

  events.cut();
  events.requested(fakeRequest(3, Date.now()));
  await browser.until(`${count} === 9`);
  await browser.until(`document.getElementById("live-state").textContent === "Live"`);
  expect(browser.complaints).toEqual([]);
}, 60_000);

test("what visitors send stays text", async () => {
  events.requested({
    ...fakeRequest(0, Date.now()),
    path: "/<img src=x onerror=alert(1)>",
    address: '"><b>',
  });
  await browser.go(traffic);
  await browser.until(`${count} === 1`);
  expect(await browser.text("#live-requests .text")).toBe("GET /<img src=x onerror=alert(1)>");
  expect(
    await browser.view.evaluate(
      `document.querySelectorAll("#live-requests img, #live-requests .from b").length`,
    ),
  ).toBe(0);
  panel.world.requests = [{ ...fakeRequest(0, Date.now()), path: "/<script>alert(1)</script>" }];
  expect((await client.get(traffic)).html).not.toContain("<script>alert");
}, 60_000);
