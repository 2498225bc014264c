import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ownPath } from "./routes/auth-routes.tsx";
import { markupFaults } from "./testing/markup-faults.ts";
import { owner, type PanelApp, panelApp } from "./testing/panel-app.ts";
import { panelClient, textOf } from "./testing/panel-client.ts";

let panel: PanelApp;
let client: ReturnType<typeof panelClient>;
afterEach(() => panel.dispose());

describe("first run", () => {
  beforeEach(async () => {
    panel = await panelApp({ setUp: false });
    client = panelClient(panel);
  });

  test("every page leads to set up, which names the file that the token is in", async () => {
    for (const path of ["/", "/sites/choir", "/sign-in"])
      expect((await client.get(path)).location).toBe("/setup");
    const { status, html } = await client.get("/setup");
    expect(status).toBe(200);
    expect(html).toContain("cat /var/lib/croft/setup-token");
    expect(await markupFaults(html)).toEqual([]);
  });

  test("a wrong token is refused beside its field; what was typed stays, but for the password", async () => {
    const { status, html } = await client.post("/setup", { ...owner, token: "wrong-token" });
    expect(status).toBe(422);
    expect(html).toContain('id="token-error"');
    expect(html).toContain('value="wrong-token"');
    expect(html).toContain('value="ada@example.org"');
    expect(html).not.toContain(owner.password);
    expect(await markupFaults(html)).toEqual([]);
    expect((await client.get("/")).location).toBe("/setup");
  });

  test("a weak password is refused beside its field", async () => {
    const { status, html } = await client.post("/setup", {
      ...owner,
      password: "short",
      token: panel.setupToken,
    });
    expect(status).toBe(422);
    expect(textOf(html)).toContain("Password must be 10 to 200 characters");
  });

  test("the token makes the owner, signed in at once, and never again", async () => {
    const done = await client.post("/setup", { ...owner, token: panel.setupToken });
    expect(done.location).toBe("/?done=welcome");
    expect(textOf((await client.get("/?done=welcome")).html)).toContain("signed in as its owner");
    const stranger = panelClient(panel);
    expect((await stranger.get("/setup")).location).toBe("/");
    expect(
      (await stranger.post("/setup", { ...owner, username: "eve", token: panel.setupToken })).status,
    ).toBe(409);
  });
});

describe("signing in", () => {
  beforeEach(async () => {
    panel = await panelApp();
    client = panelClient(panel);
  });

  test("comes back to the page that was asked for", async () => {
    const { location } = await client.get("/sites/choir/usage?range=7d");
    expect(location).toBe("/sign-in?next=%2Fsites%2Fchoir%2Fusage%3Frange%3D7d");
    expect((await client.get(location!)).html).toContain('name="next" value="/sites/choir/usage?range=7d"');
    const next = "/sites/choir/usage?range=7d";
    expect((await client.post("/sign-in", { ...owner, next })).location).toBe(next);
  });

  test("never goes on to another site", () => {
    for (const next of [
      "//evil.example",
      "/\\evil.example",
      "https://evil.example/",
      "javascript:alert(1)",
      "",
      "evil",
      "/\t/evil.example",
      "/.//evil.example",
      "/sites/..//evil.example",
      "/%2e//evil.example",
    ])
      expect(ownPath(next)).toBeNull();
    expect(ownPath("/sites/choir?x=1")).toBe("/sites/choir?x=1");
    expect(ownPath(undefined)).toBeNull();
  });

  test("a wrong password keeps the name, not the password, and says no more than needed", async () => {
    const { status, html } = await client.post("/sign-in", {
      username: "ada",
      password: "not the right one",
    });
    expect(status).toBe(422);
    expect(html).toContain('value="ada"');
    expect(html).not.toContain("not the right one");
    expect(textOf(html)).toContain("The user name or the password is wrong.");
    expect(await markupFaults(html)).toEqual([]);
  });

  test("from another website is refused with a page", async () => {
    const forged = await client.post("/sign-in", owner, {
      "sec-fetch-site": "cross-site",
      origin: "https://evil.example",
    });
    expect(forged.status).toBe(403);
    expect(forged.headers.get("content-type")).toStartWith("text/html");
    expect(client.cookie).toBe("");
  });

  test("an API key opens no pages", async () => {
    await client.signIn();
    const page = await panel.app.request(
      "http://croft.example.org/",
      { headers: { cookie: client.cookie } },
      { peerIp: null, viaEdge: false },
    );
    expect(page.status).toBe(200);
    const withKey = await panel.app.request(
      "http://croft.example.org/",
      { headers: { authorization: "Bearer croft_wrong" } },
      { peerIp: null, viaEdge: false },
    );
    expect(withKey.status).toBe(401);
    expect(withKey.headers.get("content-type")).toStartWith("text/html");
  });

  test("signing out ends it", async () => {
    await client.signIn();
    expect((await client.submit("/sign-out")).location).toBe("/sign-in?done=signed-out");
    expect((await client.get("/")).location).toBe("/sign-in");
  });
});
