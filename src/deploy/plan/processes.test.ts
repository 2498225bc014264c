import { afterEach, expect, test } from "bun:test";
import { planBuild } from "./plan-build.ts";
import { type Files, messageOf, siteOf, sourceFolders } from "./testing/source-folders.ts";

const folders = sourceFolders();
afterEach(() => folders.removeAll());

const node = { "package.json": `{"scripts": {"start": "node server.js"}}`, "server.js": "" };
const dockerfile = { Dockerfile: "FROM node:22\nEXPOSE 8080\n" };
const plan = async (files: Files, fields: Parameters<typeof siteOf>[0] = {}) => {
  const made = await planBuild({ dir: folders.make(files), site: siteOf(fields) });
  if (made.kind === "static") throw new Error("planned as static");
  return made;
};
const croftJson = (processes: unknown) => ({ "croft.json": JSON.stringify({ processes }) });
const runs = async (files: Files, fields: Parameters<typeof siteOf>[0] = {}) => {
  const { processes } = await plan(files, fields);
  return {
    web: processes!.hasWeb,
    others: processes!.others.map(({ name, command }) => `${name}: ${command}`),
  };
};

test("a Procfile names processes; its release is not run, and that is said", async () => {
  const Procfile =
    "# queues\nweb: node web.js\r\nworker:  node worker.js --all \nrelease: node migrate.js\n\nworker: again\n";
  const made = await plan({ ...node, Procfile });
  expect(made.processes).toEqual({
    hasWeb: true,
    webCommand: null,
    others: [{ name: "worker", command: "node worker.js --all", port: null, replicas: 1, limits: {} }],
  });
  expect(made.warnings).toContain("the Procfile's release process is not run");
  expect(made.summary).toContain("beside web runs worker");
});

test("croft.json goes before the Procfile, and can size a process", async () => {
  const made = await plan({
    ...node,
    Procfile: "worker: old\nclock: date\n",
    ...croftJson({
      web: { command: "node web.js", port: 8080 },
      worker: { command: "new", replicas: 3, memory: "64m", cpu: 0.25, pids: 20, port: 9000 },
    }),
  });
  expect(made.port).toBe(8080);
  expect(made.processes).toEqual({
    hasWeb: true,
    webCommand: "node web.js",
    others: [
      {
        name: "worker",
        command: "new",
        port: 9000,
        replicas: 3,
        limits: { memoryBytes: 64 * 1024 ** 2, cpuMillicores: 250, pids: 20 },
      },
      { name: "clock", command: "date", port: null, replicas: 1, limits: {} },
    ],
  });
});

test("a source that names processes but no web has none; a Dockerfile's own command is one unless it is said not to be", async () => {
  const workers = { Procfile: "worker: node worker.js\n" };
  expect(await runs({ ...node, ...workers })).toEqual({ web: false, others: ["worker: node worker.js"] });
  expect(await runs({ ...node, ...workers }, { startCommand: "node own.js" })).toMatchObject({ web: true });
  expect(await runs({ ...dockerfile, ...workers })).toMatchObject({ web: true });
  expect(await runs({ ...dockerfile, ...workers, ...croftJson({ web: false }) })).toMatchObject({
    web: false,
  });
  expect(await runs(node)).toEqual({ web: true, others: [] });
  // Without a start of its own the image runs what the first process does.
  expect(await plan({ "package.json": "{}", ...workers })).toMatchObject({
    dockerfile: expect.stringContaining("node worker.js"),
  });
});

test("what is wrong is named with its file and field", async () => {
  const message = (files: Files) => messageOf(plan({ ...node, ...files }));
  for (const [files, words] of [
    [{ "croft.json": "{" }, "croft.json is not JSON"],
    [croftJson({ worker: { command: "" } }), "croft.json: processes.worker.command: is empty"],
    [croftJson({ worker: { replicas: 2 } }), "croft.json: processes.worker.command: must be given"],
    [croftJson({ worker: { command: "a\nb" } }), "one line"],
    [
      croftJson({ worker: { command: "a", replicas: 11 } }),
      "processes.worker.replicas: must be a whole number from 0 to 10",
    ],
    [croftJson({ worker: { command: "a", memory: "lots" } }), "processes.worker.memory: must be a size"],
    [croftJson({ worker: { command: "a", memory: "1k" } }), "processes.worker.memory: must be between"],
    [croftJson({ worker: { command: "a", image: "redis" } }), "image"],
    [croftJson({ "Bad Name": { command: "a" } }), "processes.Bad Name: must be"],
    [croftJson({ localhost: { command: "a" } }), "must not be localhost"],
    [croftJson({ web: false }), "nothing would run"],
    [
      croftJson(Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`w${i}`, { command: "a" }]))),
      "at most 10",
    ],
    [{ Procfile: "Worker: a\n" }, "Procfile: process Worker: the name must be"],
  ] as const)
    expect(await message(files as Files)).toContain(words);
});

test("other parts of croft.json are not looked at", async () => {
  expect(await runs({ ...node, "croft.json": `{"jobs": [{"name": "x"}]}` })).toEqual({
    web: true,
    others: [],
  });
});
