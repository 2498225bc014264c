import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { fakeDeployment, fakeSite } from "./testing/fake-data.ts";
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

describe("hostile text is shown as text", () => {
  const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>'`;
  const harmless = async (path: string) => {
    const { html, status } = await client.get(path);
    expect(status).toBe(200);
    expect(html).not.toContain("<script>alert");
    expect(html).not.toContain("<img");
    expect(await markupFaults(html)).toEqual([]);
    return textOf(html);
  };

  beforeEach(() => {
    const commit = { hash: "a".repeat(40), message: hostile, author: hostile };
    panel.world.sites.push(
      fakeSite("hostile", {
        name: hostile,
        description: hostile,
        branch: hostile,
        repositoryUrl: "https://example.org/<script>alert(1)</script>",
        statusReason: hostile,
        status: "failed",
        urls: ["javascript:alert(1)"],
        latestDeployment: fakeDeployment({ id: "dep_h", site: "hostile", commit, branch: hostile }),
      }),
    );
    panel.world.deployments.push(
      fakeDeployment({
        id: "dep_h",
        site: "hostile",
        commit,
        branch: hostile,
        triggeredBy: hostile,
        status: "failed",
        error: { code: "x", message: hostile },
        steps: [{ name: "build", startedAt: new Date().toISOString(), endedAt: null, error: hostile }],
      }),
    );
    panel.world.env = [
      { key: "X", value: hostile, isSecret: false, updatedAt: new Date().toISOString(), updatedBy: hostile },
    ];
  });

  test("in names, branches, reasons and addresses", async () => {
    expect(await harmless("/?q=hostile")).toContain("<script>alert(1)</script>");
    for (const tab of [
      "",
      "/deployments",
      "/usage",
      "/limits",
      "/environment",
      "/volumes",
      "/hooks",
      "/settings",
    ])
      expect(await harmless(`/sites/hostile${tab}`)).toContain(hostile);
  });

  test("in commits and errors", async () => {
    expect(await harmless("/deployments/dep_h")).toContain("<img src=x onerror=alert(2)>");
  });

  test("in logs, with escape sequences gone", async () => {
    panel.world.logLines = [
      {
        seq: 1,
        at: new Date().toISOString(),
        level: "info",
        source: "build",
        message: `\u001b]8;;javascript:alert(1)\u0007link\u001b]8;;\u0007 \u001b[31m${hostile}\u001b[0m \u202egnp.exe`,
      },
    ];
    panel.world.appLines = [`\u001b[2J\u001b[31m${hostile}`];
    const { html } = await client.get("/deployments/dep_h");
    expect(html).toContain('<span class="ansi-red">');
    expect(html).not.toMatch(/[\u001b\u0007\u202e]/);
    expect(await harmless("/deployments/dep_h")).toContain('link ">');
    expect(await harmless("/deployments/dep_h")).not.toContain("javascript:");
    await harmless("/sites/bike-kitchen/logs");
  });

  test("in what is looked for", async () => {
    expect(await harmless(`/?q=${encodeURIComponent(hostile)}`)).toContain("1 site with");
    await harmless(`/sites/bike-kitchen/logs?q=${encodeURIComponent(hostile)}`);
    expect((await client.get(`/?done=${encodeURIComponent(hostile)}`)).html).not.toContain('class="notice"');
    expect((await client.get("/?done=constructor")).html).not.toContain('class="notice"');
  });
});
