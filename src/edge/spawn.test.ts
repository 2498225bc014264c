import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../domain/log.ts";
import { createEdgeClient } from "./client.ts";
import { edgeView } from "./edge-view.ts";
import { blockingFolder, reachable } from "./reachable.ts";
import { type EdgeProcess, ensureEdge } from "./spawn.ts";
import { superviseEdge } from "./supervise.ts";
import { routeTo, toPort } from "./testing/edge-fixture.ts";
import { ended, killEdge } from "./testing/edge-process.ts";

/** Needs root, as the daemon does that starts an edge under another user. */

let root: string;
const uid = 61_234;
const entry = join(import.meta.dir, "entry.ts");

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "croft-spawn-"));
  chmodSync(root, 0o755);
});
afterEach(async () => {
  for (const dir of ["edge", "open/edge"]) await killEdge(join(root, dir));
  rmSync(root, { recursive: true, force: true });
});

const wanted = (more: Partial<EdgeProcess> = {}): EdgeProcess => ({
  dir: join(root, "edge"),
  view: edgeView(root, more.uid ?? null),
  listen: [{ host: "127.0.0.1", port: 0 }],
  command: [process.execPath, entry],
  uid: null,
  logFile: join(root, "edge.log"),
  log: silentLog,
  version: "staged",
  ...more,
});
const statusOf = (pid: number): string => readFileSync(`/proc/${pid}/status`, "utf8");

describe("ensureEdge", () => {
  test("starts one, detached and without the caller's environment, then adopts it", async () => {
    process.env.CROFT_TEST_CANARY = "secret";
    const client = await ensureEdge(wanted());
    const { pid } = await client.health();
    expect(readFileSync(`/proc/${pid}/environ`, "utf8")).not.toMatch(/CANARY|secret/);
    // A session of its own: a signal to the caller's group does not reach it.
    expect(Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ")[3])).toBe(pid);
    const again = await ensureEdge(wanted());
    expect((await again.health()).pid).toBe(pid);
    delete process.env.CROFT_TEST_CANARY;
  });

  test("replaces an edge of another version, and one on other addresses; the table goes on", async () => {
    const client = await ensureEdge(wanted());
    const first = (await client.health()).pid;
    const message = { kind: "message", status: 200, title: "t", message: "m" } as const;
    await client.putTable({ version: 3, routes: [routeTo(["a.test"], message)] });
    // The entry's version stays "staged", so this one is another for ever; it is replaced once per call.
    await ensureEdge(wanted({ version: "2" }));
    const second = await client.health();
    expect(second.pid).not.toBe(first);
    expect(second.tableVersion).toBe(3);
    await ensureEdge(wanted({ listen: [{ host: "127.0.0.2", port: 0 }] }));
    expect((await client.health()).listening[0]).toStartWith("127.0.0.2:");
    await ended(first);
    await ended(second.pid);
    // The old ones' end has not taken the new one's socket along.
    expect((await client.health()).tableVersion).toBe(3);
  });

  test("a taken address is named", async () => {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const listen = [{ host: "127.0.0.1", port: listener.port }];
    expect(ensureEdge(wanted({ listen }))).rejects.toMatchObject({
      code: "unavailable",
      message: `the edge's address 127.0.0.1:${listener.port} is taken by another program`,
    });
    listener.stop();
  });

  test("a program that ends at once is quoted", async () => {
    const script = join(root, "broken.ts");
    writeFileSync(script, 'console.error(JSON.stringify({ message: "no such luck" })); process.exit(1)');
    expect(ensureEdge(wanted({ command: [process.execPath, script] }))).rejects.toThrow(
      /ended at once: no such luck/,
    );
    expect(ensureEdge(wanted({ command: ["/nothing/here"] }))).rejects.toMatchObject({ code: "unavailable" });
  });
});

describe("as an unprivileged user", () => {
  test("it has that user, no groups, the right to bind low ports and no other", async () => {
    const client = await ensureEdge(wanted({ uid }));
    const status = statusOf((await client.health()).pid);
    expect(status).toMatch(new RegExp(`\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`));
    expect(status).toMatch(new RegExp(`\nGid:\t${uid}\t${uid}\t${uid}\t${uid}\n`));
    expect(status).toMatch(/\nGroups:\s*\n/);
    expect(status).toMatch(/\nNoNewPrivs:\t1\n/);
    for (const set of ["CapPrm", "CapEff", "CapBnd"]) expect(status).toContain(`${set}:\t0000000000000400`);
    // Table and meters can be written.
    expect(await client.putTable({ version: 1, routes: [] })).toEqual({ version: 1 });
    const { mode, uid: owner, gid } = statSync(join(root, "edge"));
    expect([mode & 0o7777, owner, gid]).toEqual([0o1770, 0, uid]);
  });

  test("takes over the files of an edge that ran as root", async () => {
    const first = await ensureEdge(wanted());
    await first.putTable({ version: 4, routes: [] });
    await killEdge(join(root, "edge"));
    const client = await ensureEdge(wanted({ uid }));
    expect((await client.health()).tableVersion).toBe(4);
    expect(await client.putTable({ version: 5, routes: [] })).toEqual({ version: 5 });
  });

  test("an edge of another user is replaced, since the two cannot share an address", async () => {
    const first = await ensureEdge(wanted());
    const before = (await first.health()).pid;
    await first.putTable({ version: 4, routes: [] });
    const client = await ensureEdge(wanted({ uid, version: "2" }));
    await ended(before);
    const { pid, tableVersion } = await client.health();
    expect(tableVersion).toBe(4);
    expect(statusOf(pid)).toContain(`\nUid:\t${uid}\t`);
    // Between two of that user there is a hand-over again.
    const next = await ensureEdge(wanted({ uid, version: "3" }));
    const health = await next.health();
    expect(health.pid).not.toBe(pid);
    expect(await next.putTable({ version: 5, routes: [] })).toEqual({ version: 5 });
    await ended(pid);
  }, 30_000);

  test("what the other user's edge counts at its end is the next one's to read", async () => {
    using server = Bun.serve({
      port: 0,
      async fetch() {
        await Bun.sleep(1_500);
        return new Response("hello");
      },
    });
    const first = await ensureEdge(wanted());
    await first.putTable({ version: 4, routes: [routeTo(["site.test"], toPort(server.port!), {}, "a")] });
    const { pid, listening } = await first.health();
    const slow = fetch(`http://${listening[0]}/`, { headers: { Host: "site.test" } });
    while (Object.keys(await first.active()).length === 0) await Bun.sleep(5);
    const client = await ensureEdge(wanted({ uid }));
    expect(await (await slow).text()).toBe("hello");
    await ended(pid);
    expect((await client.meters()).meters.a!.requests).toBe(1);
    // Nor does it keep the next one from starting.
    await killEdge(join(root, "edge"));
    expect((await (await ensureEdge(wanted({ uid }))).meters()).meters.a!.requests).toBe(1);
  }, 30_000);

  test("a folder that is out of its reach is named, and which one blocks", async () => {
    mkdirSync(join(root, "closed/inner"), { recursive: true });
    chmodSync(join(root, "closed"), 0o700);
    expect(ensureEdge(wanted({ uid, dir: join(root, "closed/inner/edge") }))).rejects.toThrow(
      `may not pass the folder ${join(root, "closed")} on the way`,
    );
  });

  test("program and sources below a folder of mode 0700 are staged", async () => {
    // A checkout and a Bun in somebody's home, as this user sees them.
    const home = join(root, "home");
    mkdirSync(join(home, "checkout/src"), { recursive: true });
    const source = join(import.meta.dir, "..");
    for (const name of ["edge", "domain", "errors.ts"])
      symlinkSync(join(source, name), join(home, "checkout/src", name));
    const bun = join(home, "bun");
    try {
      linkSync(process.execPath, bun);
    } catch {
      await Bun.write(bun, Bun.file(process.execPath));
    }
    chmodSync(bun, 0o755);
    writeFileSync(join(home, "main.ts"), 'import "./checkout/src/edge/entry.ts";');
    chmodSync(home, 0o700);

    const client = await ensureEdge(wanted({ uid, command: [bun, join(home, "main.ts")], version: "9.9" }));
    const health = await client.health();
    expect(health.version).toBe("9.9");
    const bin = join(root, "edge/bin");
    expect(readlinkSync(`/proc/${health.pid}/exe`)).toBe(join(bin, "bun"));
    expect([statSync(bin).uid, statSync(bin).mode & 0o777]).toEqual([0, 0o755]);
    // The second start uses the same copy; the same version is adopted.
    const { ino } = statSync(join(bin, "bun"));
    await killEdge(join(root, "edge"));
    await ensureEdge(wanted({ uid, command: [bun, join(home, "main.ts")], version: "9.9" }));
    expect(statSync(join(bin, "bun")).ino).toBe(ino);
  });

  test("a bin folder that is not root's own is not written to", async () => {
    mkdirSync(join(root, "edge"));
    mkdirSync(join(root, "elsewhere"));
    symlinkSync(join(root, "elsewhere"), join(root, "edge/bin"));
    const home = join(root, "home");
    mkdirSync(home);
    writeFileSync(join(home, "main.ts"), "");
    chmodSync(home, 0o700);
    const command = [process.execPath, join(home, "main.ts")];
    expect(ensureEdge(wanted({ uid, command }))).rejects.toThrow(/does not belong to this user/);
    expect(existsSync(join(root, "elsewhere/edge.js"))).toBe(false);
  });

  test("reach by permission bits", () => {
    const path = join(root, "a/b/file");
    mkdirSync(join(root, "a/b"), { recursive: true });
    writeFileSync(path, "");
    chmodSync(path, 0o640);
    expect(blockingFolder(path, uid)).toBeNull();
    expect(reachable(path, uid, "read")).toBe(false);
    chmodSync(path, 0o644);
    expect(reachable(path, uid, "read")).toBe(true);
    expect(reachable(path, uid, "run")).toBe(false);
    chmodSync(join(root, "a"), 0o750);
    expect(blockingFolder(path, uid)).toBe(join(root, "a"));
    expect(blockingFolder(path, 0)).toBeNull();
  });
});

describe("superviseEdge", () => {
  test("an edge that was killed is there again, with its table", async () => {
    const end = new AbortController();
    let seen = 0;
    const supervision = superviseEdge({ ...wanted(), signal: end.signal, onRestart: () => seen++ });
    const client = createEdgeClient(join(root, "edge"));
    while (seen < 1) await Bun.sleep(5);
    await client.putTable({ version: 2, routes: [] });
    for (let round = 2; round <= 4; round++) {
      process.kill((await client.health()).pid, "SIGKILL");
      while (seen < round) await Bun.sleep(5);
      expect((await client.health()).tableVersion).toBe(2);
    }
    const { pid } = await client.health();
    end.abort();
    await supervision;
    // It serves on without its supervisor.
    expect((await client.health()).pid).toBe(pid);
  });

  test("an edge that hangs is killed, and another one started", async () => {
    const end = new AbortController();
    let seen = 0;
    const supervision = superviseEdge({
      ...wanted(),
      signal: end.signal,
      onRestart: () => seen++,
      patienceMs: 500,
    });
    while (seen < 1) await Bun.sleep(5);
    const client = createEdgeClient(join(root, "edge"));
    const { pid } = await client.health();
    process.kill(pid, "SIGSTOP");
    while (seen < 2) await Bun.sleep(20);
    expect((await client.health()).pid).not.toBe(pid);
    await ended(pid);
    end.abort();
    await supervision;
  }, 30_000);
});
