import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Browser, openBrowser, serve } from "./testing/browser.ts";
import { fakeCertificate, fakeDomain } from "./testing/fake-domains.ts";
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
beforeEach(() => {
  panel.reset();
  browser.complaints.length = 0;
});
afterAll(async () => {
  browser?.view.close();
  await server?.stop();
  await panel?.dispose();
});

const name = "new.example.net";
const word = `document.querySelector('[aria-label="${name}"] .badge').textContent`;
const become = (change: Parameters<typeof fakeDomain>[1]) => {
  panel.world.domains = [fakeDomain(name, change)];
};

test("a domain's way to HTTPS is seen without a reload, announced, and keeps the focus where it was", async () => {
  become({ state: "waiting", certificate: null, nextStep: "add this A record: x" });
  await browser.go("/sites/bike-kitchen/domains");
  await browser.view.evaluate(
    `(window.stayed = true, document.querySelector('[aria-label="Look at ${name} now"]').focus())`,
  );
  become({ certificate: fakeCertificate(name, { notAfter: null, issuer: null }) });
  await browser.until(`${word} === "Certificate on its way"`);
  expect(await browser.text("#domains-said")).toBe(`${name}: Certificate on its way`);
  become({});
  await browser.until(`${word} === "HTTPS"`);
  expect(await browser.view.evaluate("document.activeElement.ariaLabel")).toBe(`Look at ${name} now`);
  expect(await browser.view.evaluate("window.stayed")).toBe(true);
  expect(await browser.text(`[aria-label="${name}"] time`)).toMatch(/20\d\d/);
  expect(browser.complaints).toEqual([]);
}, 60_000);

test("nothing is taken from under the hands of who fills in a form; afterwards it catches up", async () => {
  become({ state: "waiting", certificate: null, nextStep: "add this A record: x" });
  let readings = 0;
  const { listDomains } = panel.deps;
  panel.deps.listDomains = (...args) => {
    readings++;
    return listDomains(...args);
  };
  await browser.go("/sites/bike-kitchen/domains");
  await browser.view.evaluate(`document.querySelector(".domain-change summary").click()`);
  become({});
  const until = readings + 2;
  while (readings < until) await Bun.sleep(20);
  expect(await browser.view.evaluate(word)).toBe("Waits for DNS");
  await browser.view.evaluate(`document.querySelector(".domain-change summary").click()`);
  await browser.until(`${word} === "HTTPS"`);
}, 60_000);

test("a server that is away for a while is asked again", async () => {
  become({ state: "waiting", certificate: null, nextStep: "add this A record: x" });
  await browser.go("/sites/bike-kitchen/domains");
  const { listDomains } = panel.deps;
  let refusals = 0;
  panel.deps.listDomains = async () => {
    refusals++;
    throw new Error("away");
  };
  while (refusals === 0) await Bun.sleep(20);
  panel.deps.listDomains = listDomains;
  become({});
  await browser.until(`${word} === "HTTPS"`);
}, 60_000);
