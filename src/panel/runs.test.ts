import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { AppError } from "../errors.ts";
import { markupFaults } from "./testing/markup-faults.ts";
import { panelApp, type PanelApp } from "./testing/panel-app.ts";
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

const base = "/sites/bike-kitchen";
const calls = (verb: string) =>
  panel.world.calls.filter((call) => call.verb === verb).map(({ args }) => args);
const form = {
  name: "nightly",
  schedule: "0 4 * * *",
  timeZone: "Europe/Berlin",
  command: "node a.js &&\r\nnode b.js",
  timeoutSeconds: "60",
  overlap: "queue",
  missed: "run",
};

test("a job is added as it was typed, its line for the image's own shell", async () => {
  const { status, location } = await client.submit(`${base}/jobs`, form);
  expect([status, location]).toEqual([303, `${base}/jobs?done=job-added`]);
  expect(calls("addJob")).toEqual([
    [
      "bike-kitchen",
      {
        ...form,
        command: ["/bin/sh", "-c", "node a.js &&\nnode b.js"],
        timeoutSeconds: 60,
        enabled: true,
      },
    ],
  ]);
});

test("what is refused keeps what was typed, and says where and why", async () => {
  for (const [change, field] of [
    [{ schedule: "every day" }, "Schedule"],
    [{ timeZone: "Mars" }, "Time zone"],
    [{ command: "" }, "Command"],
    [{ timeoutSeconds: "a while" }, "Ended after, seconds"],
    [{ name: "tidy" }, "Name"],
  ] as const) {
    const { status, html } = await client.submit(`${base}/jobs`, { ...form, ...change });
    expect([field, status >= 400 && status < 500]).toEqual([field, true]);
    expect(textOf(html)).toContain(field);
    expect(html).toContain(`value="${{ ...form, ...change }.timeZone}"`);
    expect(await markupFaults(html)).toEqual([]);
  }
});

test("words that were not touched stay words, whatever else changes", async () => {
  const typed = { ...form, name: "tidy", command: "node tidy.js '--all bikes'" };
  await client.submit(`${base}/jobs/tidy`, typed);
  expect(calls("changeJob")[0]![2]).not.toHaveProperty("command");
  await client.submit(`${base}/jobs/tidy`, { ...typed, command: "node tidy.js" });
  expect(calls("changeJob")[1]![2]).toMatchObject({ command: ["/bin/sh", "-c", "node tidy.js"] });
});

test("a job is run, switched off and removed; what cannot be stands on its page", async () => {
  expect((await client.submit(`${base}/jobs/tidy/run`)).location).toBe(`${base}/jobs/tidy?done=job-run`);
  await client.submit(`${base}/jobs/tidy/switch`, { enabled: "no" });
  expect(calls("changeJob")).toEqual([["bike-kitchen", "tidy", { enabled: false }]]);
  expect((await client.submit(`${base}/jobs/tidy/remove`)).location).toBe(`${base}/jobs?done=job-removed`);
  const refused = await client.submit(`${base}/jobs/tidy/stop`);
  expect(refused.status).toBe(409);
  expect(textOf(refused.html)).toContain("No run of tidy is under way.");
  expect((await client.post(`${base}/jobs/tidy/run`, {})).status).toBe(403);
});

test("a job's page tells how its runs went and what they printed, as text", async () => {
  const { html } = await client.get(`${base}/jobs/tidy`);
  const text = textOf(html);
  for (const word of [
    "Running",
    "Exit code 137.",
    "It used more memory than it may.",
    "Left out",
    "3 old bookings removed",
  ])
    expect(text).toContain(word);
  expect(html).toContain('class="ansi-green"');
  const reader = await client.get(`${base}/jobs`);
  expect(reader.html).toContain("/data/&lt;sent&gt;.log");
});

test("who may see a job but not deploy sees it without what it printed", async () => {
  panel.deps.jobRuns = async () => {
    throw new AppError("forbidden", "your role on site bike-kitchen does not allow this");
  };
  const { status, html } = await client.get(`${base}/jobs/tidy`);
  expect(status).toBe(200);
  expect(textOf(html)).not.toContain("old bookings");
});

test("without JavaScript one command is run and its output shown, as text", async () => {
  const { status, html } = await client.submit(`${base}/terminal`, {
    command: "ls 'a b' | wc",
    inReplica: "yes",
  });
  expect(status).toBe(200);
  expect(calls("runCommand")).toEqual([["bike-kitchen", ["/bin/sh", "-c", "ls 'a b' | wc"], true]]);
  expect(html).toContain("&lt;b&gt;first&lt;/b&gt;");
  expect(textOf(html)).toContain("Exit code 3.");
  expect(await markupFaults(html)).toEqual([]);
  const empty = await client.submit(`${base}/terminal`, { command: " " });
  expect(empty.status).toBe(422);
  expect(calls("runCommand").length).toBe(1);
});
