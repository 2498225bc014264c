import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
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

const page = "/sites/bike-kitchen/processes";
const calls = (verb: string) =>
  panel.world.calls.filter((call) => call.verb === verb).map((call) => call.args);

test("processes stand with what each replica uses of its own limit, and how they are reached", async () => {
  const text = textOf((await client.get(page)).html);
  for (const words of [
    "82 of 128 MB",
    "31 of 64 MB",
    "node worker.js",
    "by visitors",
    "by nobody",
    "comes with the next deploy",
  ])
    expect(text).toContain(words);
});

test("replicas are set for all processes at once; what is none is shown beside what was typed", async () => {
  const refused = await client.submit("/sites/bike-kitchen/scale", { web: "2", worker: "many" });
  expect(refused.status).toBe(422);
  expect(textOf(refused.html)).toContain("must be a whole number from 0 to 10");
  expect(refused.html).toContain('value="many"');
  const fine = await client.submit("/sites/bike-kitchen/scale", { web: "2", worker: "0" });
  expect(fine.location).toBe(`${page}?done=scaled`);
  expect(calls("scale")).toEqual([["bike-kitchen", { web: 2, worker: 0 }]]);
});

test("a process is added by its command, sized in megabytes, and taken back", async () => {
  const refused = await client.submit("/sites/bike-kitchen/processes", { name: "Mail Out", command: "x" });
  expect(textOf(refused.html)).toContain("Name must be up to 30 of a-z");
  await client.submit("/sites/bike-kitchen/processes", {
    name: "mail",
    command: "node mail.js",
    port: "",
    memory: "64",
  });
  expect(calls("setProcess")).toEqual([
    ["bike-kitchen", "mail", { command: "node mail.js", memoryBytes: 64 * 1024 ** 2 }],
  ]);
  const gone = await client.submit("/sites/bike-kitchen/processes/clock/remove");
  expect(gone.location).toBe(`${page}?done=process-removed`);
  expect(calls("removeProcess")).toEqual([["bike-kitchen", "clock"]]);
});

test("sites are linked and unlinked; the page says who reaches whom", async () => {
  const text = textOf((await client.get(page)).html).replace(/\s+/g, " ");
  expect(text).toContain("archive as db:5432");
  expect(text).toContain("Reached by choir as api");
  const refused = await client.submit("/sites/bike-kitchen/links", { to: "choir", name: "a.b" });
  expect(textOf(refused.html)).toContain("must be up to 40 of a-z");
  await client.submit("/sites/bike-kitchen/links", { to: "choir", name: "" });
  expect(calls("link")).toEqual([["bike-kitchen", { to: "choir" }]]);
  const cut = await client.submit("/sites/bike-kitchen/links/db/remove");
  expect(cut.location).toBe(`${page}?done=unlinked`);
  expect(calls("unlink")).toEqual([["bike-kitchen", "db"]]);
});
