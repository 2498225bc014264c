import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { DeploymentView } from "../domain/views.ts";
import { type Browser, openBrowser, serve } from "./testing/browser.ts";
import { fakeNowMs } from "./testing/fake-data.ts";
import { fakeEvents } from "./testing/fake-events.ts";
import { pagePaths } from "./testing/page-paths.ts";
import { type PanelApp, panelApp } from "./testing/panel-app.ts";

let panel: PanelApp;
let server: ReturnType<typeof serve>;
let browser: Browser;
let events: ReturnType<typeof fakeEvents>;

beforeAll(async () => {
  events = fakeEvents();
  panel = await panelApp({ before: events.app });
  server = serve(panel);
  browser = await openBrowser(server.origin);
  await browser.signIn();
}, 60_000);
beforeEach(() => {
  panel.reset();
  events.clear();
});
afterEach(async () => {
  await browser.scripts(true);
  await browser.size(1280, 800);
});
afterAll(async () => {
  browser.view.close();
  await server.stop();
  await panel.dispose();
});

const line = (seq: number, message: string) =>
  ({
    event: "log",
    data: { seq, at: new Date(fakeNowMs).toISOString(), level: "info", source: "app", message },
  }) as const;
const radio = () => panel.world.deployments.find((one) => one.id === "dep_radio")!;
const liveLines = () =>
  browser.view.evaluate(`[...document.querySelectorAll("#live-lines .text")].map((one) => one.textContent)`);

describe("a deployment as it happens", () => {
  const end = (): DeploymentView => {
    const done: DeploymentView = {
      ...radio(),
      status: "success",
      release: 19,
      completedAt: new Date(fakeNowMs).toISOString(),
      steps: radio().steps.map((step) => ({
        ...step,
        endedAt: step.endedAt ?? new Date(fakeNowMs).toISOString(),
      })),
    };
    panel.world.deployments = panel.world.deployments.map((one) => (one.id === done.id ? done : one));
    return done;
  };

  test("lines and steps come in, a broken connection is said and resumed without a gap, the end takes its place", async () => {
    await browser.go("/deployments/dep_radio");
    expect(await browser.text("#state")).toBe("Deploying");
    expect(await browser.text("#live-state")).toBe("Probe is under way.");

    events.push(
      line(13, "\u001b[32mfirst\u001b[0m live"),
      line(14, `<img src=x onerror="document.title='hacked'">`),
    );
    await browser.until(`document.querySelectorAll("#live-lines li").length === 2`);
    expect(await liveLines()).toEqual(["first live", `<img src=x onerror="document.title='hacked'">`]);
    expect(await browser.view.evaluate(`document.querySelector("#live-lines .ansi-green").textContent`)).toBe(
      "first",
    );

    events.refuseNext(1);
    events.cut();
    await browser.until(`document.getElementById("live-state").textContent.includes("trying again")`);
    events.push(line(15, "while away"));
    await browser.until(`document.querySelectorAll("#live-lines li").length === 3`);
    expect(await liveLines()).toEqual(["first live", expect.stringContaining("<img"), "while away"]);
    expect(events.connections.map((one) => one.after)).toEqual([12, 14]);

    events.push({ event: "status", data: end() }, { event: "end", data: { status: "success" } });
    await browser.until(`document.getElementById("outcome").innerText.includes("Release 19 took over")`);
    expect(await browser.text("#head")).not.toContain("Cancel");
    expect(await browser.text("#live-state")).toBe("The deployment is done.");
    expect(await browser.view.evaluate(`document.querySelectorAll(".steps .running").length`)).toBe(0);
    expect(await browser.view.evaluate("document.title")).not.toBe("hacked");
    expect(browser.complaints).toEqual([]);
  }, 60_000);

  test("a thousand lines at once are all there, in order, and the reader stays at the end", async () => {
    await browser.go("/deployments/dep_radio");
    events.push(...Array.from({ length: 1000 }, (_, i) => line(13 + i, `line ${i}`)));
    await browser.until(`document.querySelectorAll("#live-lines li").length === 1000`);
    const shown = (await liveLines()) as string[];
    expect(shown).toEqual(Array.from({ length: 1000 }, (_, i) => `line ${i}`));
    await browser.until(
      `(() => { const log = document.getElementById("log"); return log.scrollHeight - log.scrollTop - log.clientHeight < 2; })()`,
    );
  }, 60_000);

  test("whoever was on the cancel button when it went is taken to the outcome", async () => {
    await browser.go("/deployments/dep_radio");
    await browser.view.evaluate(`document.querySelector("#head button").focus()`);
    events.push({ event: "status", data: end() }, { event: "end", data: { status: "success" } });
    await browser.until(`document.activeElement?.id === "outcome"`);
  }, 60_000);
});

test("what an app prints is followed, and goes on where it was after a broken connection", async () => {
  events.printed("one", "two");
  await browser.go("/sites/bike-kitchen/logs");
  await browser.until(`document.querySelectorAll("#live-lines li").length === 2`);
  // Below what the page came with.
  expect(await browser.view.evaluate(`document.querySelectorAll("#lines li").length`)).toBeGreaterThan(10);
  events.printed("three");
  await browser.until(`document.querySelectorAll("#live-lines li").length === 3`);
  events.cut();
  events.printed("four");
  await browser.until(`document.querySelectorAll("#live-lines li").length === 4`);
  expect(await liveLines()).toEqual(["one", "two", "three", "four"]);
}, 60_000);

describe("without JavaScript", () => {
  const click = async (selector: string, clickCount: 1 | 3 = 1) => {
    const { root } = (await browser.view.cdp("DOM.getDocument")) as { root: { nodeId: number } };
    const { nodeId } = (await browser.view.cdp("DOM.querySelector", { nodeId: root.nodeId, selector })) as {
      nodeId: number;
    };
    await browser.view.cdp("DOM.scrollIntoViewIfNeeded", { nodeId });
    const { model } = (await browser.view.cdp("DOM.getBoxModel", { nodeId })) as {
      model: { content: number[] };
    };
    const [left, top, right, , , bottom] = model.content as [number, number, number, number, number, number];
    await browser.view.click((left + right) / 2, (top + bottom) / 2, { clickCount });
  };

  test("a deployment is read, renewed by itself, and cancelled", async () => {
    await browser.scripts(false);
    await browser.go("/deployments/dep_radio");
    expect(await browser.text("#lines")).toContain("listening on :8080");
    panel.world.deployments = panel.world.deployments.map((one) => ({ ...one, status: "building" }));
    await browser.until(`document.getElementById("state").textContent === "Building"`);
    await click("#head button");
    await browser.until(`location.search === "?done=cancelled"`);
    expect(panel.world.calls.map((call) => call.verb)).toEqual(["cancelDeployment"]);
  }, 60_000);

  test("limits are changed, and what is wrong is said beside the field", async () => {
    await browser.scripts(false);
    await browser.go("/sites/bike-kitchen/limits");
    await click("#memoryBytes", 3);
    await browser.view.type("lots");
    await browser.view.press("Enter");
    await browser.until(`document.getElementById("memoryBytes-error") !== null`);
    expect(await browser.view.evaluate(`document.getElementById("memoryBytes").value`)).toBe("lots");
    await click("#memoryBytes", 3);
    await browser.view.type("256m");
    await browser.view.press("Enter");
    await browser.until(`document.querySelector(".notice")?.innerText.includes("The new limits are set")`);
  }, 60_000);

  test("the charts are drawn", async () => {
    await browser.scripts(false);
    await browser.go("/sites/bike-kitchen/usage");
    expect(await browser.view.evaluate(`document.querySelectorAll("svg.plot .curve").length`)).toBe(6);
    expect(await browser.text(".charts")).toContain("limit 128 MB, applied 128 MB");
  }, 60_000);
});

describe("with JavaScript", () => {
  test("the charts can be read point by point and take the width there is", async () => {
    await browser.go("/sites/bike-kitchen/usage");
    await browser.until(`document.querySelectorAll(".uplot").length === 4`);
    expect(await browser.view.evaluate(`document.querySelectorAll("svg.plot").length`)).toBe(0);
    const summary = await browser.text(".chart-card .section-head p");
    await browser.view.cdp("Input.dispatchMouseEvent", { type: "mouseMoved", x: 400, y: 380 });
    await browser.until(`/ MB$/.test(document.querySelector(".chart-card .section-head p").textContent)`);
    expect(await browser.text(".chart-card .section-head p")).not.toBe(summary);
    await browser.size(390, 800);
    await browser.until(`document.querySelector(".uplot").clientWidth < 360`);
    expect(browser.complaints).toEqual([]);
  }, 60_000);

  test("a slug is suggested while the address is typed", async () => {
    await browser.go("/sites/new");
    await browser.until(`document.activeElement?.id === "repositoryUrl"`);
    await browser.view.type("https://github.com/choirs/Spring_Concert.git");
    await browser.until(`document.querySelector("[data-slug-shown]").textContent === "spring-concert"`);
  }, 60_000);

  test("a form is sent once, however often the button is pressed", async () => {
    let deploys = 0;
    panel.deps.deploy = async () => {
      deploys++;
      await Bun.sleep(150);
      return "dep_31";
    };
    await browser.go("/sites/bike-kitchen");
    await browser.view.evaluate(
      `(() => { const button = document.querySelector(".site-head button"); button.click(); button.click(); button.click(); })()`,
    );
    await browser.until(`location.pathname === "/deployments/dep_31"`);
    expect(deploys).toBe(1);
  }, 60_000);

  test("/ goes to the search, Tab first to the way past the navigation, and focus is seen", async () => {
    await browser.go("/sites/bike-kitchen/environment");
    await browser.view.press("Tab");
    await browser.until(`document.activeElement.textContent === "Skip to content"`);
    await browser.until("document.activeElement.getBoundingClientRect().top >= 0");
    await browser.view.press("/");
    await browser.until(`document.activeElement.id === "find"`);
    await browser.until(`getComputedStyle(document.activeElement).outlineStyle === "solid"`);
    await browser.view.type("kitchen");
    await browser.view.press("Enter");
    await browser.until(
      `location.search === "?q=kitchen" && document.querySelector("tbody")?.innerText.includes("bike-kitchen")`,
    );
  }, 60_000);
});

test("what breaks the CSP is blocked, and would be noticed here", async () => {
  await browser.go("/");
  const script = `Object.assign(document.createElement("script"), { textContent: "document.title = 'run'" })`;
  await browser.view.evaluate(`document.body.append(${script})`);
  for (let i = 0; i < 100 && browser.complaints.length === 0; i++) await Bun.sleep(30);
  expect(await browser.view.evaluate("document.title")).toBe("Sites · Croft");
  expect(browser.complaints.splice(0).join()).toContain("Content Security Policy");
}, 60_000);

test("no page is wider than a phone, breaks a rule of the CSP, or leaves a target too small", async () => {
  await browser.size(360, 740);
  const faults: string[] = [];
  for (const path of pagePaths) {
    await browser.go(path);
    const found = (await browser.view.evaluate(`(() => {
      const out = [];
      const wide = document.documentElement.scrollWidth;
      if (wide > 360) out.push("is " + wide + " px wide");
      for (const element of document.querySelectorAll("button, .button, input:not([type=hidden]), select, summary, nav a")) {
        const { width, height } = element.getBoundingClientRect();
        const inSight = width > 0 && height > 0 && element.checkVisibility();
        const box = element.type === "checkbox";
        if (inSight && !box && (width < 24 || height < 21)) out.push((element.textContent || element.id) + " is " + width + " x " + height);
      }
      return out;
    })()`)) as string[];
    faults.push(...found.map((fault) => `${path}: ${fault}`));
  }
  expect(faults).toEqual([]);
  expect(browser.complaints).toEqual([]);
}, 120_000);
