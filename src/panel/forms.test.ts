import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { GB, MB } from "../domain/size.ts";
import { conflict } from "../errors.ts";
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

const calls = (verb: string) =>
  panel.world.calls.filter((call) => call.verb === verb).map((call) => call.args);

describe("forged forms", () => {
  const targets = [
    "/sign-out",
    "/sites/new",
    "/sites/choir/deploy",
    "/sites/choir/rollback",
    "/sites/choir/limits",
    "/sites/choir/environment",
    "/sites/choir/environment/unset",
    "/sites/choir/scale",
    "/sites/choir/processes",
    "/sites/choir/processes/clock/remove",
    "/sites/choir/links",
    "/sites/choir/links/db/remove",
    "/sites/choir/volumes",
    "/sites/choir/volumes/data/remove",
    "/sites/choir/hooks",
    "/sites/choir/hooks/hook_1/rotate",
    "/sites/choir/hooks/hook_1/remove",
    "/sites/choir/settings",
    "/sites/choir/delete",
    "/sites/choir/stop",
    "/sites/choir/start",
    "/sites/choir/restart",
    "/sites/choir/pause",
    "/sites/choir/resume",
    "/sites/choir/split/end",
    "/sites/choir/traffic/log",
    "/deployments/dep_radio/cancel",
    "/account/keys",
    "/account/keys/key_1/revoke",
    "/host/backups",
    "/people",
  ];

  test.each(targets)("%s without or with a wrong token changes nothing", async (path) => {
    for (const fields of [{}, { _csrf: "" }, { _csrf: "made-up" }] as Record<string, string>[]) {
      const { status, headers, html } = await client.post(path, { confirm: "choir", ...fields });
      expect(status).toBe(403);
      expect(headers.get("content-type")).toStartWith("text/html");
      expect(textOf(html)).toContain("load the page again");
    }
    expect(panel.world.calls).toEqual([]);
    expect((await client.get("/")).status).toBe(200);
  });

  test("posted after the session ended: nothing is changed, and it is said", async () => {
    const { status, html } = await panelClient(panel).post("/sites/choir/deploy", {});
    expect(status).toBe(401);
    expect(textOf(html)).toContain("nothing was changed");
    expect(panel.world.calls).toEqual([]);
  });
});

describe("a new site", () => {
  test("from a git address alone: the name is taken from it", async () => {
    const repositoryUrl = "https://github.com/choirs/Spring_Concert.git";
    const { location } = await client.submit("/sites/new?from=git", { repositoryUrl });
    expect(location).toBe("/deployments/dep_radio");
    expect(calls("createSite")).toEqual([[{ repositoryUrl, slug: "spring-concert" }]]);
  });

  test("to push to: its page has the commands", async () => {
    const { location } = await client.submit("/sites/new?from=push", { slug: "harbour" });
    expect(location).toBe("/sites/harbour?done=created");
    const text = textOf((await client.get("/sites/harbour")).html);
    expect(text).toContain("git remote add croft https://croft.example.org/git/harbour.git");
  });

  test("from an image", async () => {
    await client.submit("/sites/new?from=image", {
      image: "registry.example.org:5000/team/web-shop:2",
      port: "80",
    });
    expect(calls("createSite")).toEqual([
      [{ image: "registry.example.org:5000/team/web-shop:2", port: 80, slug: "web-shop", type: "image" }],
    ]);
  });

  test.each([
    [
      "git",
      { repositoryUrl: "git@github.com:a/b.git", slug: "b" },
      "repositoryUrl",
      "must be an https:// address",
    ],
    ["git", { repositoryUrl: "", slug: "b" }, "repositoryUrl", "is empty"],
    ["git", { repositoryUrl: "https://example.org/b", port: "70000" }, "port", "must be between 1 and 65535"],
    ["git", { repositoryUrl: "https://example.org/b", port: "web" }, "port", "must be a number"],
    [
      "git",
      { repositoryUrl: "https://example.org/b", slug: "Bike Kitchen!" },
      "slug",
      "may hold a-z, 0-9 and -",
    ],
    ["push", { slug: "choir" }, "slug", "choir is taken"],
    ["push", { slug: "admin" }, "slug", "is reserved"],
    ["image", { image: "Not An Image" }, "image", "is not an image reference"],
  ])("from %s with %p is refused at %s", async (way, fields, field, message) => {
    const { status, html } = await client.submit(`/sites/new?from=${way}`, fields as Record<string, string>);
    expect([409, 422]).toContain(status);
    expect(html).toContain(`id="${field}-error"`);
    expect(html).toContain(`<a href="#${field}">`);
    expect(textOf(html)).toContain(message);
    for (const typed of Object.values(fields)) if (typed) expect(textOf(html) + html).toContain(typed);
    expect(await markupFaults(html)).toEqual([]);
  });
});

describe("limits", () => {
  test("only what was changed is set, in any way of writing a size", async () => {
    const { html } = await client.get("/sites/bike-kitchen/limits");
    expect(html).toContain('name="memoryBytes" value="128 MB"');
    const { location } = await client.submit("/sites/bike-kitchen/limits", {
      memoryBytes: "256m",
      cpuMillicores: "0.75",
      pids: "256",
      diskBytes: "1 GB",
      requestsPerMinute: "1,200",
    });
    expect(location).toBe("/sites/bike-kitchen/limits?done=limits");
    expect(calls("setLimits")).toEqual([
      ["bike-kitchen", { memoryBytes: 256 * MB, cpuMillicores: 750, requestsPerMinute: 1200 }],
    ]);
  });

  test.each([
    ["memoryBytes", "1", "must be between 16 MB and 1 TB"],
    ["memoryBytes", "lots", "must be a size such as 128m"],
    ["memoryBytes", "-5m", "must be a size such as 128m"],
    ["cpuMillicores", "0", "must be between 0.01 cores and 128 cores"],
    ["pids", "3.5", "must be a whole number"],
    ["requestsPerMinute", "99999999999", "must be between 1 and 10,000,000"],
  ])("%s %s is refused, and stays in its field", async (name, typed, message) => {
    const { status, html } = await client.submit("/sites/bike-kitchen/limits", {
      [name]: typed,
      pids: "99",
      [`${name}`]: typed,
    });
    expect(status).toBe(422);
    expect(html).toContain(`id="${name}-error"`);
    expect(html).toContain(`name="${name}" value="${typed}"`);
    expect(textOf(html)).toContain(message);
    expect(calls("setLimits")).toEqual([]);
    expect(await markupFaults(html)).toEqual([]);
  });
});

describe("environment variables", () => {
  test("one, several, secret and not", async () => {
    await client.submit("/sites/choir/environment", {
      key: "TITLE",
      value: "Choir\r\nof two lines",
      several: '# a comment\nA=1\n\nexport B="two words"\nC=x=y',
    });
    await client.submit("/sites/choir/environment", { key: "TOKEN", value: "s3cret", secret: "yes" });
    expect(calls("setEnv")).toEqual([
      ["choir", { set: { A: "1", B: "two words", C: "x=y", TITLE: "Choir\nof two lines" }, unset: [] }],
      ["choir", { set: { TOKEN: "s3cret" }, secret: true, unset: [] }],
    ]);
  });

  test.each([
    [{ key: "MY KEY", value: "x" }, "may hold letters, digits and _"],
    [{ key: "", value: "x" }, "is empty; give a key"],
    [{ several: "GOOD=1\nno equals sign" }, "line 2 is not KEY=VALUE"],
  ])("%p is refused and kept", async (fields, message) => {
    const { status, html } = await client.submit(
      "/sites/choir/environment",
      fields as unknown as Record<string, string>,
    );
    expect(status).toBe(422);
    expect(textOf(html)).toContain(message);
    for (const typed of Object.values(fields)) expect(textOf(html) + html).toContain(typed.split("\n")[0]!);
    expect(calls("setEnv")).toEqual([]);
  });

  test("a secret is not on the page, and a removed one is gone", async () => {
    const { html } = await client.get("/sites/choir/environment");
    expect(textOf(html)).toContain("DATABASE_URL Secret");
    await client.submit("/sites/choir/environment/unset", { key: "TITLE" });
    expect(calls("setEnv")).toEqual([["choir", { set: {}, unset: ["TITLE"] }]]);
  });
});

describe("acts", () => {
  test("deploy and roll back lead to their deployment", async () => {
    expect((await client.submit("/sites/choir/deploy")).location).toBe("/deployments/dep_radio");
    expect((await client.submit("/sites/choir/rollback", { to: "30" })).location).toBe(
      "/deployments/dep_radio",
    );
    expect(calls("deploy")).toEqual([["choir", { branch: undefined, commit: undefined, image: undefined }]]);
    expect(calls("rollback")).toEqual([["choir", { to: 30 }]]);
  });

  test("a deploy that cannot start says why and keeps what was typed", async () => {
    const { status, html } = await client.submit("/sites/choir/deploy", { branch: "a..b", commit: "abc123" });
    expect(status).toBe(422);
    expect(textOf(html)).toContain("is not a valid branch name");
    expect(textOf(html)).toContain("must be a full commit hash");
    expect(html).toContain('value="abc123"');
    expect(await markupFaults(html)).toEqual([]);
    expect((await client.submit("/sites/choir/rollback", { to: "x" })).status).toBe(422);
  });

  test("cancelling what just ended shows how it ended", async () => {
    panel.deps.cancelDeployment = async () => {
      throw conflict("deployment dep_31 has ended already");
    };
    expect((await client.submit("/deployments/dep_31/cancel")).location).toBe("/deployments/dep_31");
  });

  test("deleting asks for the name; volumes go only when ticked", async () => {
    const wrong = await client.submit("/sites/bike-kitchen/delete", { confirm: "bike", volumes: "yes" });
    expect(wrong.status).toBe(422);
    expect(wrong.html).toContain('id="confirm-error"');
    expect(wrong.html).toContain('value="bike"');
    expect(wrong.html).toContain('name="volumes" value="yes" checked');
    expect(wrong.html).toContain('name="branch" type="text" value="main"');
    expect(await markupFaults(wrong.html)).toEqual([]);
    const right = await client.submit("/sites/bike-kitchen/delete", { confirm: "bike-kitchen" });
    expect(right.location).toBe("/?done=deleted");
    expect(calls("deleteSite").at(-1)).toEqual(["bike-kitchen", { confirm: "bike-kitchen", volumes: false }]);
    expect(textOf((await client.get("/?done=deleted")).html)).toContain("The site is being removed");
  });

  test("settings: numbers that are none, then all of it", async () => {
    const typed = {
      branch: "trunk",
      port: "eighty",
      type: "app",
      "healthCheck.type": "http",
      "healthCheck.path": "up",
    };
    const refused = await client.submit("/sites/choir/settings", typed);
    expect(refused.status).toBe(422);
    expect(textOf(refused.html)).toContain("Port must be a whole number");
    expect(refused.html).toContain('value="trunk"');
    const path = await client.submit("/sites/choir/settings", { ...typed, port: "80" });
    expect(textOf(path.html)).toContain("Path must start with /");
    const fine = await client.submit("/sites/choir/settings", {
      ...typed,
      port: "80",
      "healthCheck.path": "/up",
    });
    expect(fine.location).toBe("/sites/choir/settings?done=settings");
    expect(calls("updateSite")[0]![1]).toMatchObject({
      branch: "trunk",
      port: 80,
      autoDeploy: false,
      repositoryUrl: null,
      healthCheck: { type: "http", path: "/up", deadlineSeconds: 60 },
    });
  });

  test("volumes: taken name, wrong path, removal by name", async () => {
    const taken = await client.submit("/sites/bike-kitchen/volumes", { name: "photos", mountPath: "/data" });
    expect(taken.status).toBe(409);
    expect(taken.html).toContain('id="name-error"');
    const wrong = await client.submit("/sites/bike-kitchen/volumes", { name: "data", mountPath: "data" });
    expect(textOf(wrong.html)).toContain("must be an absolute path");
    expect(wrong.html).toContain('name="name" type="text" value="data"');
    const kept = await client.submit("/sites/bike-kitchen/volumes/photos/remove", { confirm: "phot" });
    expect(kept.html).toContain('id="photos-remove-confirm-error"');
    expect(kept.html).toMatch(/<details class="danger-act" open/);
    expect(await markupFaults(kept.html)).toEqual([]);
    const small = await client.submit("/sites/bike-kitchen/volumes/photos/resize", { sizeBytes: "100 MB" });
    expect([small.status, textOf(small.html).includes("cannot shrink")]).toEqual([409, true]);
    const odd = await client.submit("/sites/bike-kitchen/volumes/photos/resize", { sizeBytes: "much" });
    expect(odd.html).toContain('id="photos-resize-sizeBytes-error"');
    const grown = await client.submit("/sites/bike-kitchen/volumes/photos/resize", { sizeBytes: "2 GB" });
    expect(grown.location).toBe("/sites/bike-kitchen/volumes?done=volume-resized");
    expect(calls("resizeVolume").at(-1)).toEqual(["bike-kitchen", "photos", 2 * GB]);
    const gone = await client.submit("/sites/bike-kitchen/volumes/photos/remove", { confirm: "photos" });
    expect(gone.location).toBe("/sites/bike-kitchen/volumes?done=volume-removed");
  });

  test("a key and a hook's secret are shown once", async () => {
    const key = await client.submit("/account/keys", {
      name: "ci",
      "scope-deploy": "yes",
      expiresInDays: "90",
    });
    expect(key.status).toBe(201);
    expect(key.html).toContain("croft_zzzz1111_once0000");
    expect(calls("createKey")).toEqual([[{ name: "ci", scopes: ["deploy"], expiresInDays: 90 }]]);
    expect((await client.get("/account/keys")).html).not.toContain("croft_zzzz1111_once");
    const none = await client.submit("/account/keys", { name: "ci" });
    expect(none.status).toBe(422);
    expect(none.html).toContain('value="ci"');
    expect(none.html).not.toContain('value="yes" checked');

    const hook = await client.submit("/sites/choir/hooks", { provider: "github" });
    expect(hook.html).toContain("once-and-never-again");
    expect(await markupFaults(hook.html)).toEqual([]);
    expect((await client.get("/sites/choir/hooks")).html).not.toContain("once-and-never-again");
    expect((await client.submit("/sites/choir/hooks/hook_1/rotate")).html).toContain("the-next-secret");
  });

  test("people and backups: refusals in place", async () => {
    const typed = { username: "ada", email: "two@example.org", password: "a long enough one" };
    const taken = await client.submit("/people", typed);
    expect(taken.status).toBe(409);
    expect(textOf(taken.html)).toContain("User name ada is taken");
    expect(taken.html).toContain('value="two@example.org"');
    expect(taken.html).not.toContain("a long enough one");
    const backup = await client.submit("/host/backups");
    expect(backup.status).toBe(409);
    expect(textOf(backup.html)).toContain("A backup is being made already.");
  });

  test("a form larger than anybody types is refused", async () => {
    const { status } = await client.submit("/sites/choir/environment", {
      key: "A",
      value: "x".repeat(1_200_000),
    });
    expect(status).toBe(413);
    expect(calls("setEnv")).toEqual([]);
  });
});
