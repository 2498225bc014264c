import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { invalid } from "../errors.ts";
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

const base = "/sites/bike-kitchen/rules";
const calls = (verb: string) =>
  panel.world.calls.filter((call) => call.verb === verb).map((call) => call.args[1]);

test("what holds stands beside each section, and what the site has no use for is left out", async () => {
  const { html } = await client.get(base);
  const text = textOf(html);
  expect(text).toContain("Redirects 1 redirect");
  expect(text).toContain("Password 2 users");
  expect(html).not.toContain('id="rules-files"');
  expect(html).toContain('id="rules-compression"');
  expect(text).toContain("BREACH");
  panel.world.sites = panel.world.sites.map((site) => ({
    ...site,
    currentRelease: site.currentRelease && { ...site.currentRelease, imageDigest: null },
  }));
  const files = (await client.get(base)).html;
  expect(files).toContain('id="rules-files"');
  expect(files).not.toContain('id="rules-compression"');
});

test("a section is saved by itself and says so in its place", async () => {
  const saved = await client.submit(`${base}/maintenance`, {
    maintenance: "yes",
    retryAfterSeconds: "90",
    pageMaintenance: "<p>back soon",
  });
  expect(saved.location).toBe(`${base}?saved=maintenance#rules-maintenance`);
  expect(calls("setRules")).toEqual([
    {
      maintenance: { retryAfterSeconds: 90 },
      pages: { notFound: null, error: null, maintenance: "<p>back soon" },
    },
  ]);
  const { html } = await client.get(`${base}?saved=maintenance`);
  expect(/id="rules-maintenance"[\s\S]*?<\/section>/.exec(html)![0]).toContain(
    "Saved. Visitors meet it at once.",
  );
  expect(html.split("Saved.").length).toBe(2);
});

test("what is refused stands in its section beside the field, and is kept", async () => {
  const refused = await client.submit(`${base}/redirects`, { redirects: "/a /b\r\n/c nowhere 301" });
  expect(refused.status).toBe(422);
  expect(/id="redirects-error"[^>]*>([^<]*)/.exec(refused.html)![1]).toContain("line 2: to must be a path");
  expect(refused.html).toContain("/c nowhere 301");
  expect(refused.html.match(/class="refusal"/g)?.length).toBe(1);
  expect(await markupFaults(refused.html)).toEqual([]);
  const unticked = await client.submit(`${base}/maintenance`, { retryAfterSeconds: "soon" });
  expect(unticked.location).toContain("saved=maintenance");
  const ticked = await client.submit(`${base}/maintenance`, {
    maintenance: "yes",
    retryAfterSeconds: "soon",
  });
  expect(ticked.status).toBe(422);
  expect(ticked.html).toMatch(/name="maintenance" value="yes" checked/);
  expect((await client.submit(`${base}/nothing`, {})).status).toBe(404);
  expect((await client.get(`${base}/redirects`)).location).toBe(`${base}#rules-redirects`);
  expect((await client.get(`${base}/nothing`)).status).toBe(404);
  const hostile = await client.get("/sites/a%0d%0aSet-Cookie:%20x=y/rules/redirects");
  expect(hostile.location).toBe("/sites/a%0D%0ASet-Cookie%3A%20x%3Dy/rules#rules-redirects");
});

test("users are set and removed one by one; the others keep their passwords, which are never sent back", async () => {
  await client.submit(`${base}/users`, { userName: "sam", userPassword: "a new password" });
  await client.submit(`${base}/users`, { userName: "ada", userPassword: "another one" });
  await client.submit(`${base}/users/remove`, { userName: "lin" });
  expect(calls("setRules")).toEqual([
    { basicAuth: [{ name: "sam", password: "a new password" }, { name: "ada" }, { name: "lin" }] },
    { basicAuth: [{ name: "ada", password: "another one" }, { name: "lin" }] },
    { basicAuth: [{ name: "ada" }] },
  ]);
  const short = await client.submit(`${base}/users`, { userName: "sam", userPassword: "geheim" });
  expect(short.status).toBe(422);
  expect(textOf(short.html)).toContain("Password must have 8 characters at least");
  expect(short.html).toContain('value="sam"');
  expect(short.html).not.toContain("geheim");
});

test("the largest body is one of the limits, and a refusal of theirs stands beside it", async () => {
  await client.submit(`${base}/body`, { maxBodyBytes: "32 MB" });
  expect(calls("setLimits")).toEqual([{ maxBodyBytes: 33_554_432 }]);
  expect(textOf((await client.submit(`${base}/body`, { maxBodyBytes: "lots" })).html)).toContain(
    "Largest request body must be a size",
  );
  panel.deps.setLimits = async () => {
    throw invalid("maxBodyBytes", "must be at most 1 GB");
  };
  const refused = await client.submit(`${base}/body`, { maxBodyBytes: "2 GB" });
  expect(/id="maxBodyBytes-error"[^>]*>([^<]*)/.exec(refused.html)![1]).toContain("must be at most 1 GB");
});

test("a page is shown as it was typed, without scripts and outside the panel's origin", async () => {
  const page = "<!doctype html><h1>Lost</h1><script>alert(1)</script>";
  const shown = await client.submit(`${base}/preview/notFound`, { pageNotFound: page });
  expect(shown.html).toBe(page);
  const policy = shown.headers.get("content-security-policy")!;
  expect(policy).toContain("sandbox; default-src 'none'");
  expect(policy).not.toContain("script");
  expect(policy).not.toContain("allow-");
  const none = await client.submit(`${base}/preview/error`, {});
  expect(none.headers.get("content-type")).toContain("text/plain");
  expect((await client.submit(`${base}/preview/else`, {})).status).toBe(404);
  expect(panel.world.calls).toEqual([]);
});

test("forged forms change nothing and show nothing", async () => {
  for (const path of ["maintenance", "users", "users/remove", "body", "preview/notFound"])
    expect((await client.post(`${base}/${path}`, { pageNotFound: "x", _csrf: "made-up" })).status, path).toBe(
      403,
    );
  expect(panel.world.calls).toEqual([]);
});
