import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Browser, openBrowser, serve } from "./testing/browser.ts";
import { type PanelApp, panelApp } from "./testing/panel-app.ts";

let panel: PanelApp;
let server: ReturnType<typeof serve>;
let browser: Browser;
beforeAll(async () => {
  panel = await panelApp();
  server = serve(panel);
  browser = await openBrowser(server.origin);
  await browser.signIn();
}, 60_000);
afterAll(async () => {
  browser?.view.close();
  await server?.stop();
  await panel?.dispose();
});

const hostile = `<!doctype html><title>Lost</title><h1 style="color: rgb(1, 2, 3)">Lost</h1>
<form action="/sites/bike-kitchen/deploy" method="post"><button id="act">Act</button></form>
<img src="/assets/none" onerror="document.title = 'ran'"><script>document.title = "ran"</script>`;

test("a page's preview looks as visitors see it, and can do nothing in the panel's name", async () => {
  await browser.go("/sites/bike-kitchen/rules");
  const button = `document.querySelector('[formaction$="/preview/notFound"]')`;
  await browser.view.evaluate(
    `(document.getElementById("pageNotFound").value = ${JSON.stringify(hostile)}, ${button}.formTarget = "_self", ${button}.click())`,
  );
  await browser.until(
    `location.pathname.endsWith("/preview/notFound") && document.readyState === "complete"`,
  );
  expect(
    await browser.view.evaluate(
      `[document.title, origin, getComputedStyle(document.querySelector("h1")).color].join("|")`,
    ),
  ).toBe("Lost|null|rgb(1, 2, 3)");
  await browser.view.evaluate(`document.getElementById("act").click()`);
  await Bun.sleep(300);
  expect(await browser.view.evaluate("location.pathname")).toBe("/sites/bike-kitchen/rules/preview/notFound");
  expect(panel.world.calls).toEqual([]);
}, 60_000);

test("the page it was opened from stays as it was typed, and can be saved afterwards", async () => {
  await browser.go("/sites/bike-kitchen/rules");
  await browser.view.evaluate(
    `(document.getElementById("pageMaintenance").value = "<p>soon", document.querySelector('[formaction$="/preview/maintenance"]').click())`,
  );
  await browser.view.evaluate(`document.querySelector("#rules-maintenance .form-end button").click()`);
  await browser.until(`document.querySelector("#rules-maintenance .saved") !== null`);
  expect(panel.world.calls.map(({ verb, args }) => [verb, args[1]])).toEqual([
    ["setRules", { pages: { notFound: null, error: null, maintenance: "<p>soon" } }],
  ]);
}, 60_000);
