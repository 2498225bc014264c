import { afterEach, beforeEach, expect, test } from "bun:test";
import { systemClock } from "../domain/clock.ts";
import type { CommandEnd, CommandProcess, OnOutput } from "../domain/command-process.ts";
import type { ReplicaSpec } from "../domain/engine.ts";
import { newId } from "../domain/id.ts";
import { silentLog } from "../domain/log.ts";
import { AppError } from "../errors.ts";
import { reachSite } from "../sites/access.ts";
import { type SiteFixture, siteFixture } from "../testing/site-fixture.ts";
import { defaultRunSettings, type RunsDeps } from "./deps.ts";
import { type CommandRequest, createSessions } from "./sessions.ts";

// What ends a session, on a real database; the engine is made up, since a real one has nothing to be late with.

let fixture: SiteFixture;
let deps: RunsDeps;
let failStart: Error | null;
let print: OnOutput;
let signedIn: boolean;

const startedProcess = (): CommandProcess => {
  const ended = Promise.withResolvers<CommandEnd>();
  return {
    write: async () => {},
    endInput: () => ended.resolve({ exitCode: 0, oomKilled: false, endedAtMs: null }),
    resize: async () => {},
    kill: async () => ended.resolve({ exitCode: 137, oomKilled: false, endedAtMs: null }),
    ended: ended.promise,
  };
};

beforeEach(async () => {
  fixture = await siteFixture();
  failStart = null;
  signedIn = true;
  const { store, database, environmentId } = fixture;
  const releaseId = newId("rel");
  database.raw.run("PRAGMA foreign_keys = OFF");
  database.raw.run(
    "INSERT INTO releases (id, environment_id, number, deployment_id, image_id, config, env, created_at) VALUES (?, ?, 1, 'dep', 'sha256:x', '{}', '[]', 0)",
    [releaseId, environmentId],
  );
  database.raw.run("PRAGMA foreign_keys = ON");
  await store.updateEnvironment(environmentId, { currentReleaseId: releaseId });
  deps = {
    store,
    clock: systemClock,
    log: silentLog,
    settings: { ...defaultRunSettings, checkMs: 10 },
    engineUp: () => true,
    engine: {
      startOneOff: async (_, onOutput) => {
        if (failStart) throw failStart;
        print = onOutput;
        return startedProcess();
      },
      followOneOff: async () => null,
      removeOneOff: async () => {},
      listOneOffs: async () => [],
      execInReplica: () => Promise.reject(new Error("not here")),
      endInReplica: async () => {},
    },
    reachSite: (actor, slug, action, environment) => reachSite({ store }, actor, slug, action, environment),
    specOf: async () => ({}) as ReplicaSpec,
    openSecret: async () => "",
    nextTime: () => null,
    wake: async () => {},
  };
});
afterEach(() => fixture[Symbol.asyncDispose]());

const request = (change: Partial<CommandRequest> = {}): CommandRequest => ({
  actor: fixture.owner,
  slug: fixture.slug,
  environment: undefined,
  kind: "terminal",
  argv: ["sh"],
  terminal: { columns: 80, rows: 24 },
  stdin: true,
  inReplica: false,
  timeoutSeconds: null,
  stillSignedIn: async () => signedIn,
  ...change,
});

test("a terminal in which nothing happens is closed; typing and printing keep it open", async () => {
  let monotonicMs = 0;
  deps.clock = { ...systemClock, monotonicMs: () => monotonicMs };
  const sessions = createSessions(deps);
  const session = await sessions.open(request(), () => {});
  let isOpen = true;
  void session.ended.then(() => (isOpen = false));
  const bytes = new Uint8Array([1]);
  for (let i = 0; i < 6; i++) {
    await (i % 2 === 0 ? session.write(bytes) : print("stdout", bytes));
    monotonicMs += deps.settings.idleMs * 0.9;
    await Bun.sleep(5 * deps.settings.checkMs);
  }
  expect(isOpen).toBe(true);
  monotonicMs += deps.settings.idleMs;
  const reason = "nothing happened for 15 minutes";
  expect(await session.ended).toMatchObject({ status: "cancelled", reason });
});

test("a silent command is not closed for that, but ends at its time", async () => {
  deps.settings.idleMs = 20;
  const sessions = createSessions(deps);
  const session = await sessions.open(request({ kind: "exec", timeoutSeconds: 1 }), () => {});
  expect(await session.ended).toMatchObject({ status: "timed_out", reason: "it took longer than 1 s" });
});

test("who is signed out, or whose site is gone, is put out", async () => {
  const sessions = createSessions(deps);
  const first = await sessions.open(request(), () => {});
  signedIn = false;
  expect(await first.ended).toMatchObject({ status: "cancelled", reason: "signed out meanwhile" });
  signedIn = true;
  const second = await sessions.open(request(), () => {});
  await fixture.store.markSiteDeleted(fixture.siteId, 1, false);
  expect(await second.ended).toMatchObject({
    status: "cancelled",
    reason: expect.stringContaining("not found"),
  });
});

test("what could not start is noted with its reason, in the history and in the audit log, and frees its place", async () => {
  const sessions = createSessions(deps);
  failStart = new AppError("deploy_failed", "the image is gone");
  for (let i = 0; i <= deps.settings.perPerson; i++)
    await expect(sessions.open(request(), () => {})).rejects.toThrow("the image is gone");
  const [run] = await fixture.store.runsOf(fixture.environmentId, ["terminal"], 1, null);
  expect(run).toMatchObject({ status: "failed", reason: "the image is gone", askedBy: "ada" });
  const audit = fixture.database.raw.query("SELECT action, new_value FROM audit_log ORDER BY id").all();
  expect(audit).toHaveLength(2 * (deps.settings.perPerson + 1));
  expect(JSON.stringify(audit)).toContain("the image is gone");
});

test("starts are bounded by the minute, whatever became of them", async () => {
  deps.settings.startsPerMinute = 3;
  // Within one minute, whenever the test begins.
  deps.clock = { ...systemClock, monotonicMs: () => 0 };
  const sessions = createSessions(deps);
  for (let i = 0; i < 3; i++) {
    const session = await sessions.open(request({ kind: "exec" }), () => {});
    session.endInput();
    await session.ended;
  }
  await expect(sessions.open(request(), () => {})).rejects.toMatchObject({ code: "rate_limited" });
});
