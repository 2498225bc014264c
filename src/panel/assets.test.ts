import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { assetGzipBytes } from "./assets.ts";
import { fakeWorld } from "./testing/fake-world.ts";
import { pagePaths } from "./testing/page-paths.ts";
import { type PanelApp, panelApp } from "./testing/panel-app.ts";
import { panelClient } from "./testing/panel-client.ts";

let panel: PanelApp;
let client: ReturnType<typeof panelClient>;

beforeAll(async () => {
  panel = await panelApp();
  client = panelClient(panel);
  await client.signIn();
});
beforeEach(() => panel.reset());
afterAll(() => panel.dispose());

describe("weight", () => {
  const gzip = (html: string) => Bun.gzipSync(html).byteLength;
  const linked = (html: string, extension: string) =>
    [...html.matchAll(/(?:href|src)="(\/assets\/[^"]+)"/g)]
      .map((match) => match[1]!)
      .filter((path) => path.endsWith(extension));

  test("pages with styles are under 30 KB, a fleet of 150 sites too", async () => {
    panel.world.sites = fakeWorld(150).sites;
    for (const path of pagePaths) {
      const { html } = await client.get(path);
      const styles = linked(html, ".css").reduce((sum, asset) => sum + assetGzipBytes(asset), 0);
      expect(styles).toBeGreaterThan(1000);
      expect({ path, kb: (gzip(html) + styles) / 1024 < 30 }).toEqual({ path, kb: true });
    }
  });

  test("the chart's script is about 29 KB", async () => {
    const { html } = await client.get("/sites/bike-kitchen/usage");
    const scripts = linked(html, ".js").reduce((sum, asset) => sum + assetGzipBytes(asset), 0);
    expect(scripts).toBeGreaterThan(20 * 1024);
    expect(scripts).toBeLessThan(30 * 1024);
  });

  test("pages are compressed, each to a length of its own", async () => {
    const lengths = new Set<number>();
    for (let i = 0; i < 12; i++) {
      const response = await panel.app.request(
        "http://croft.example.org/sites/bike-kitchen",
        { headers: { cookie: client.cookie, "accept-encoding": "gzip" } },
        { peerIp: null, viaEdge: false },
      );
      expect(response.headers.get("content-encoding")).toBe("gzip");
      const body = await response.arrayBuffer();
      lengths.add(body.byteLength);
      expect(new TextDecoder().decode(Bun.gunzipSync(body))).toContain("bike-kitchen");
    }
    expect(lengths.size).toBeGreaterThan(1);
  });
});

test("assets are named after their content, never asked for twice, and unknown ones are not there", async () => {
  const { html } = await client.get("/");
  const path = /href="(\/assets\/panel\.[^"]+\.css)"/.exec(html)![1]!;
  const first = await client.get(path);
  expect(first.headers.get("content-type")).toBe("text/css; charset=utf-8");
  expect(first.headers.get("cache-control")).toContain("immutable");
  const again = await panel.app.request(
    `http://croft.example.org${path}`,
    { headers: { "if-none-match": first.headers.get("etag")! } },
    { peerIp: null, viaEdge: false },
  );
  expect(again.status).toBe(304);
  expect((await client.get("/assets/panel.00000000.css")).status).toBe(404);
  expect((await client.get("/assets/..%2f..%2fetc%2fpasswd")).status).toBe(404);
});
