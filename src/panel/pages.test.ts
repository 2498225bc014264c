import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { defaultLimits } from "../domain/limits.ts";
import { AppError } from "../errors.ts";
import { fakeSite } from "./testing/fake-data.ts";
import { markupFaults } from "./testing/markup-faults.ts";
import { pagePaths } from "./testing/page-paths.ts";
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

describe("every page", () => {
  test.each(pagePaths)("%s is whole: labels, names, references, nothing inline", async (path) => {
    const { status, html } = await client.get(path);
    expect(status).toBe(200);
    expect(await markupFaults(html)).toEqual([]);
  });

  test("would not pass with a fault", async () => {
    const { html } = await client.get("/sites/new");
    expect(await markupFaults(html.replace('for="slug"', 'for="snail"'))).toEqual([
      "for names snail, which is not there",
      "field slug has no label",
    ]);
    expect(await markupFaults(html.replace("<h1>", '<h1 style="color:red">'))).toEqual([
      "<h1> has an inline style",
    ]);
  });

  test("carries headers that let nothing foreign in", async () => {
    for (const path of ["/", "/sign-in", "/nowhere", "/deployments/dep_radio"]) {
      const { headers } = await client.get(path);
      const policy = headers.get("content-security-policy")!;
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toContain("unsafe");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("cache-control")).toBe("no-store");
    }
  });

  test("says it when Docker is away, and what that means", async () => {
    panel.world.engine = { up: false, message: "connect ENOENT /var/run/docker.sock" };
    for (const path of ["/", "/sites/bike-kitchen", "/account", "/deployments/dep_31", "/nowhere"]) {
      const text = textOf((await client.get(path)).html);
      expect(text).toContain("Docker does not answer.");
      expect(text).toContain("Sites keep their state");
      expect(text).toContain("connect ENOENT /var/run/docker.sock");
    }
  });
});

describe("errors", () => {
  test("an address that leads nowhere, or to what is not yours", async () => {
    for (const path of ["/nowhere", "/sites/not-mine", "/sites/not-mine/settings", "/deployments/dep_no"]) {
      const { status, html } = await client.get(path);
      expect(status).toBe(404);
      expect(await markupFaults(html)).toEqual([]);
    }
  });

  test("what is not allowed", async () => {
    panel.deps.listUsers = async () => {
      throw new AppError("forbidden", "only the operator may list accounts");
    };
    const { status, html } = await client.get("/people");
    expect(status).toBe(403);
    expect(textOf(html)).toContain("Only the operator may list accounts.");
  });

  test("what nobody expected shows nothing of the inside", async () => {
    panel.deps.getSite = async () => {
      throw new TypeError("SELECT secret FROM users: /srv/croft/croft.db");
    };
    const { status, html } = await client.get("/sites/bike-kitchen");
    expect(status).toBe(500);
    expect(html).not.toContain("SELECT");
    expect(html).not.toContain("croft.db");
    expect(textOf(html)).toContain("The fault is Croft's");
  });

  test("paths of API, hooks and git are not answered with pages", async () => {
    for (const path of ["/api/v1/nope", "/hooks/github/x", "/git/x.git/info/refs", "/metrics"]) {
      const { status, headers } = await client.get(path);
      expect(status).toBe(404);
      expect(headers.get("content-type")).toContain("problem+json");
    }
  });

  test("the log of an app stays a page while Docker is away", async () => {
    panel.deps.appLog = async () => {
      throw new AppError("engine_unavailable", "Docker does not answer at unix:///var/run/docker.sock");
    };
    const { status, html } = await client.get("/sites/bike-kitchen/logs");
    expect(status).toBe(200);
    expect(textOf(html)).toContain("Docker does not answer at unix:///var/run/docker.sock.");
  });
});

test("usage goes out as CSV", async () => {
  const { headers, html } = await client.get("/sites/bike-kitchen/usage.csv?range=1h");
  expect(headers.get("content-type")).toBe("text/csv; charset=utf-8");
  expect(headers.get("content-disposition")).toBe('attachment; filename="bike-kitchen-usage-1h.csv"');
  const rows = html.trimEnd().split("\r\n");
  expect(rows[0]).toStartWith("at,memory_avg_bytes,memory_max_bytes");
  expect(rows.length).toBe(121);
  expect(new Set(rows.map((row) => row.split(",").length)).size).toBe(1);
});

test("limits that the kernel holds otherwise than asked are marked", async () => {
  const { html } = await client.get("/sites/bike-kitchen/limits");
  expect(html.match(/class="drift"/g)).toHaveLength(1);
  expect(textOf(html)).toContain("0.25 differs from 0.5");
  panel.world.sites.push(
    fakeSite("swap", {
      limits: {
        asked: defaultLimits,
        applied: {
          memoryBytes: defaultLimits.memoryBytes,
          memorySwapBytes: defaultLimits.memoryBytes * 2,
          cpuMillicores: defaultLimits.cpuMillicores,
          pids: defaultLimits.pids,
          readAt: new Date().toISOString(),
        },
      },
    }),
  );
  expect(textOf((await client.get("/sites/swap/limits")).html)).toContain("with swap 1 GB");
});
