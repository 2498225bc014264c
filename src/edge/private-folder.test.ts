import { afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { silentLog } from "../domain/log.ts";
import { createEdgeClient } from "./client.ts";
import { edgeView, wasHanded } from "./edge-view.ts";
import { copyFolder } from "./program-for.ts";
import { processesIn } from "./processes/folder.ts";
import { pidOf as pidOfProcess } from "./processes/identity.ts";
import { type EdgeProcess, ensureEdge, handOverEdge } from "./spawn.ts";
import { superviseEdge } from "./supervise.ts";
import { routeTo } from "./testing/edge-fixture.ts";
import { ended, killEdge } from "./testing/edge-process.ts";

/** An installation in a home of mode 0700, as in root's own. Needs root. */

const uid = 61_235;
let root: string;
let home: string;
let data: string;
let dir: string;
let places: string;

/** The one package that the edge needs, as one file. */
let zod: string;

beforeAll(async () => {
  const { outputs } = await Bun.build({
    entrypoints: [Bun.resolveSync("zod", import.meta.dir)],
    target: "bun",
  });
  zod = await outputs[0]!.text();
});
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "croft-private-")));
  chmodSync(root, 0o755);
  home = join(root, "home");
  data = join(home, "data");
  dir = join(data, "run/edge");
  places = join(root, "copies");
  mkdirSync(join(data, "run"), { recursive: true });
  mkdirSync(join(data, "static/rel"), { recursive: true });
  writeFileSync(join(data, "static/rel/index.html"), "a page");
  symlinkSync("index.html", join(data, "static/rel/link.html"));
  writeFileSync(join(data, "secret"), "not yours");
  symlinkSync("../../secret", join(data, "static/rel/outside.html"));
  // What it runs is in there too: an executable, and the entry of a checkout.
  // No links: the checkout itself may stand below a folder that is shut to the edge's user.
  for (const name of ["edge", "domain", "errors.ts"])
    cpSync(join(import.meta.dir, "..", name), join(home, "src", name), {
      recursive: true,
      filter: (path) => !path.includes(".test.") && !path.includes("/testing"),
    });
  mkdirSync(join(home, "node_modules/zod"), { recursive: true });
  writeFileSync(join(home, "node_modules/zod/index.js"), zod);
  writeFileSync(join(home, "main.ts"), 'import "./src/edge/entry.ts";');
  for (const folder of [data, join(data, "run"), join(data, "static")]) chmodSync(folder, 0o711);
  chmodSync(home, 0o700);
});
afterEach(async () => {
  await killEdge(dir);
  rmSync(root, { recursive: true, force: true });
});

const wanted = (more: Partial<EdgeProcess> = {}): EdgeProcess => ({
  dir,
  view: edgeView(data, uid),
  listen: [{ host: "127.0.0.1", port: 0 }],
  command: [process.execPath, join(home, "main.ts")],
  uid,
  logFile: join(root, "edge.log"),
  log: silentLog,
  version: "1",
  copyPlaces: [places],
  ...more,
});

const client = () => createEdgeClient(dir);
const pidOf = async (): Promise<number> => (await client().health()).pid;
const visit = async (host: string, path = "/"): Promise<string> => {
  const [address] = (await client().health()).listening;
  const response = await fetch(`http://${address}${path}`, { headers: { host, connection: "close" } });
  return `${response.status} ${response.status < 400 ? await response.text() : ""}`.trim();
};
const tableFor = (view = edgeView(data, uid)) => [
  routeTo(["static.test"], { kind: "static", folder: view.pathFor(join(data, "static/rel")) }),
  routeTo(["panel.test"], {
    kind: "replicas",
    replicas: [{ replicaId: "panel", address: { unixPath: view.pathFor(join(data, "run/panel.sock")) } }],
  }),
];
/** As the daemon listens for the edge alone. */
const servePanel = (text: string) => {
  const path = join(data, "run/panel.sock");
  rmSync(path, { force: true });
  const server = Bun.serve({ unix: path, fetch: () => new Response(text) });
  chownSync(path, 0, uid);
  chmodSync(path, 0o660);
  return server;
};

test("files, table and the panel's socket are reached, by each edge and after each daemon", async () => {
  const end = new AbortController();
  let seen = 0;
  const supervision = superviseEdge({ ...wanted(), signal: end.signal, onRestart: () => seen++ });
  while (seen < 1) await Bun.sleep(5);
  let panel = servePanel("panel");
  await client().putTable({ version: 7, routes: tableFor() });
  const allServed = async (panelText: string): Promise<void> => {
    expect(await visit("static.test")).toBe("200 a page");
    expect(await visit("static.test", "/link.html")).toBe("200 a page");
    expect(await visit("static.test", "/outside.html")).toBe("404");
    expect(await visit("panel.test")).toBe(`200 ${panelText}`);
  };
  await allServed("panel");

  process.kill(await pidOf(), "SIGKILL");
  while (seen < 2) await Bun.sleep(5);
  expect((await client().health()).tableVersion).toBe(7);
  await allServed("panel");
  end.abort();
  await supervision;

  // The next daemon adopts it, binds the panel's socket anew and lays out another release.
  const pid = await pidOf();
  await panel.stop(true);
  panel = servePanel("next panel");
  await ensureEdge(wanted());
  expect(await pidOf()).toBe(pid);
  await allServed("next panel");
  mkdirSync(join(data, "static/next"));
  writeFileSync(join(data, "static/next/index.html"), "next page");
  const folder = edgeView(data, uid).pathFor(join(data, "static/next"));
  await client().putTable({ version: 8, routes: [routeTo(["static.test"], { kind: "static", folder })] });
  expect(await visit("static.test")).toBe("200 next page");
  await panel.stop(true);
});

test("its user is as unprivileged as ever, and the folder it was handed cannot be listed", async () => {
  await ensureEdge(wanted());
  const pid = await pidOf();
  expect(readFileSync(`/proc/${pid}/status`, "utf8")).toContain(`\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`);
  expect(readlinkSync(`/proc/${pid}/fd/3`)).toBe(data);
  const flags = /^flags:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/3`, "utf8"))![1]!;
  expect(parseInt(flags, 8) & 0o10000000).toBe(0o10000000);
  expect([statSync(home).mode & 0o777, statSync(data).mode & 0o777]).toEqual([0o700, 0o711]);
});

test("workers get there too, with the same few rights, and so does an edge that takes over", async () => {
  await ensureEdge(wanted({ processes: 2 }));
  await client().putTable({ version: 7, routes: tableFor() });
  for (const before of [await pidOf(), null]) {
    const pids = processesIn(dir).map(pidOfProcess);
    expect(pids.length).toBe(2);
    for (const pid of pids) {
      expect(readlinkSync(`/proc/${pid}/fd/3`)).toBe(data);
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      expect(status).toContain(`\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`);
      expect(status).toContain("\nNoNewPrivs:\t1\n");
      for (const set of ["CapPrm", "CapEff", "CapBnd"]) expect(status).toContain(`${set}:\t0000000000000400`);
    }
    for (let i = 0; i < 20; i++) expect(await visit("static.test")).toBe("200 a page");
    if (before === null) continue;
    await handOverEdge(wanted({ processes: 2 }));
    expect(await pidOf()).not.toBe(before);
    for (const pid of pids) await ended(pid);
    while (processesIn(dir).length > 2) await Bun.sleep(20);
  }
}, 30_000);

test("an edge that hangs is killed", async () => {
  const end = new AbortController();
  let seen = 0;
  const onRestart = () => seen++;
  const supervision = superviseEdge({ ...wanted(), signal: end.signal, onRestart, patienceMs: 500 });
  while (seen < 1) await Bun.sleep(5);
  const pid = await pidOf();
  process.kill(pid, "SIGSTOP");
  while (seen < 2) await Bun.sleep(20);
  await ended(pid);
  end.abort();
  await supervision;
}, 30_000);

test("when the folder is opened or shut meanwhile, the next daemon's edge goes by the new way", async () => {
  for (const [mode, handed] of [
    [0o700, true],
    [0o755, false],
    [0o700, true],
  ] as const) {
    chmodSync(home, mode);
    const view = edgeView(data, uid);
    expect(view.handed).toBe(handed);
    await ensureEdge(wanted());
    expect(wasHanded(await pidOf())).toBe(handed);
    const version = (await client().health()).tableVersion + 1;
    await client().putTable({ version, routes: tableFor(view) });
    expect(await visit("static.test")).toBe("200 a page");
  }
});

test("the copy of the program is used again, and goes when its installation is gone", async () => {
  mkdirSync(places);
  const abandoned = join(places, "0123456789abcdef");
  mkdirSync(abandoned);
  writeFileSync(join(abandoned, "installation"), join(root, "no-more"));
  const strange = join(places, "something-else");
  mkdirSync(strange);

  await ensureEdge(wanted());
  const copy = join(copyFolder(places, data), basename(realpathSync(process.execPath)));
  expect(readlinkSync(`/proc/${await pidOf()}/exe`)).toBe(copy);
  expect(readdirSync(places).toSorted()).toEqual(
    [basename(copyFolder(places, data)), "something-else"].toSorted(),
  );
  const { ino } = statSync(copy);
  await killEdge(dir);
  // What another version ran as.
  writeFileSync(join(copyFolder(places, data), "croft"), "old");
  await ensureEdge(wanted());
  expect(statSync(copy).ino).toBe(ino);
  expect(readdirSync(copyFolder(places, data)).toSorted()).toEqual(
    [basename(copy), "edge.js", "installation"].toSorted(),
  );
});

test("a place for the copy that is not root's own or cannot run programs is passed over", async () => {
  const others = join(root, "others");
  mkdirSync(others);
  chownSync(others, uid, uid);
  const missing = join(root, "missing/place");
  await ensureEdge(wanted({ copyPlaces: [others, missing, places] }));
  expect(existsSync(copyFolder(places, data))).toBe(true);
  expect(readdirSync(others)).toEqual([]);
  await killEdge(dir);
  expect(ensureEdge(wanted({ copyPlaces: [others, missing] }))).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringMatching(
      new RegExp(
        `cannot reach the program .*main.ts, and a copy has no place \\(${others}: .*; ${missing}: `,
      ),
    ),
  });
});

test("a folder inside the installation that shuts the edge out is named", async () => {
  chmodSync(join(data, "run"), 0o700);
  expect(ensureEdge(wanted())).rejects.toThrow(`may not pass the folder ${join(data, "run")} on the way`);
});

test("paths are named through the descriptor only where it takes that", () => {
  const shut = edgeView(data, uid);
  expect(shut.pathFor(join(data, "static/rel"))).toBe("/proc/self/fd/3/static/rel");
  expect(shut.pathFor("/elsewhere")).toBe("/elsewhere");
  expect(shut.pathFor(`${data}-beside`)).toBe(`${data}-beside`);
  expect(edgeView(data, null).pathFor(dir)).toBe(dir);
  expect(edgeView(root, uid).handed).toBe(false);
  // A link in the open leads into the shut folder.
  symlinkSync(data, join(root, "link"));
  expect(edgeView(join(root, "link"), uid).handed).toBe(true);
});
