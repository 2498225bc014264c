import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, stat, writeFile } from "node:fs/promises";
import { createStore } from "../db/store.ts";
import { silentLog } from "../domain/log.ts";
import { type FakeClock, fakeClock } from "../testing/fake-clock.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../testing/temporary-database.ts";
import { createIdentity, type Identity } from "./identity.ts";
import { sessionIdleMs, sessionMaxMs } from "./sessions.ts";
import { ensureSetupToken, readSetupToken, setupTokenPath } from "./setup-token.ts";

const caller = { ip: "192.0.2.1", userAgent: "test" };
const elsewhere = { ip: "198.51.100.9", userAgent: "test" };
const owner = { username: "ada", email: "ada@example.org", password: "right horse battery" };

let database: TemporaryDatabase;
let clock: FakeClock;
let identity: Identity;
beforeEach(async () => {
  database = await temporaryDatabase();
  clock = fakeClock();
  identity = createIdentity({
    store: createStore(database.db),
    dataDir: database.dir,
    clock,
    log: silentLog,
  });
});
afterEach(() => database.close());

const rows = (table: "auditLog" | "securityEvents") =>
  database.db.selectFrom(table).selectAll().orderBy("id").execute();

const setUp = async () => {
  const token = (await ensureSetupToken(database.dir, false))!;
  return identity.setupOwner({ token, ...owner }, caller);
};

const actorOf = async (token: string) => (await identity.authenticateApiKey(token, caller))!.actor;

describe("setup", () => {
  test("the token makes the owner once, with a key that works, and is gone afterwards", async () => {
    expect(await identity.needsSetup()).toBe(true);
    const { user, token } = await setUp();
    expect(user).toMatchObject({ username: "ada", isAdmin: 1 });
    expect((await identity.authenticateApiKey(token, caller))!.actor.isAdmin).toBe(true);
    expect(await identity.needsSetup()).toBe(false);
    expect(await readSetupToken(database.dir)).toBeNull();
    await expect(identity.setupOwner({ token: "x", ...owner }, caller)).rejects.toMatchObject({
      code: "conflict",
    });
    expect((await rows("auditLog")).map((row) => "action" in row && row.action)).toEqual(["user.setup"]);
  });

  test("the token's file is for its user alone and survives a restart", async () => {
    const token = await ensureSetupToken(database.dir, false);
    expect((await stat(setupTokenPath(database.dir))).mode & 0o777).toBe(0o600);
    expect(await ensureSetupToken(database.dir, false)).toBe(token);
    expect(await ensureSetupToken(database.dir, true)).toBeNull();
    expect(await readSetupToken(database.dir)).toBeNull();
  });

  test("a token that others could read, or a torn one, is replaced", async () => {
    const token = await ensureSetupToken(database.dir, false);
    await chmod(setupTokenPath(database.dir), 0o644);
    const second = await ensureSetupToken(database.dir, false);
    expect(second).not.toBe(token);
    await writeFile(setupTokenPath(database.dir), "abc");
    expect(await ensureSetupToken(database.dir, false)).toMatch(/^[0-9a-z]{32}$/);
  });

  test("a wrong token, an empty one and a missing file make nobody an owner, and are remembered", async () => {
    await expect(identity.setupOwner({ token: "", ...owner }, caller)).rejects.toMatchObject({
      code: "forbidden",
    });
    await ensureSetupToken(database.dir, false);
    for (const token of ["", "0".repeat(32)])
      await identity
        .setupOwner({ token, ...owner }, caller)
        .catch((error) => expect(error.code).toBe("forbidden"));
    expect(await identity.needsSetup()).toBe(true);
    const events = await rows("securityEvents");
    expect(events.length).toBe(3);
    expect(events[0]).toMatchObject({ type: "setup_token_wrong", severity: "high", ip: "192.0.2.1" });
  });

  test("guessing is throttled by address", async () => {
    const token = (await ensureSetupToken(database.dir, false))!;
    const codes: string[] = [];
    for (let i = 0; i < 12; i++)
      await identity
        .setupOwner({ token: "guess", ...owner }, caller)
        .catch((error) => codes.push(error.code));
    expect(codes.slice(-2)).toEqual(["rate_limited", "rate_limited"]);
    await expect(identity.setupOwner({ token, ...owner }, caller)).rejects.toMatchObject({
      code: "rate_limited",
    });
    await identity.setupOwner({ token, ...owner }, elsewhere);
  });

  test("of two at once, one becomes the owner and the other is told so", async () => {
    const token = (await ensureSetupToken(database.dir, false))!;
    const results = await Promise.allSettled([
      identity.setupOwner({ token, ...owner }, caller),
      identity.setupOwner({ token, ...owner, username: "eve", email: "eve@example.org" }, elsewhere),
    ]);
    expect(results.map((result) => result.status).sort()).toEqual(["fulfilled", "rejected"]);
    const refused = results.find((result) => result.status === "rejected")!;
    expect(refused.reason).toMatchObject({ code: "conflict" });
    expect((await database.db.selectFrom("users").selectAll().execute()).length).toBe(1);
  });

  test("a refused password leaves the token usable", async () => {
    const token = (await ensureSetupToken(database.dir, false))!;
    await expect(identity.setupOwner({ token, ...owner, password: "short" }, caller)).rejects.toThrow(
      "10 to 200",
    );
    await identity.setupOwner({ token, ...owner }, caller);
  });
});

describe("signing in", () => {
  test("by user name or address, in any case, to a session that works until it is ended", async () => {
    await setUp();
    for (const username of ["ada", "ADA@example.org"]) {
      const { token } = await identity.signIn({ username, password: owner.password }, caller);
      const session = (await identity.authenticateSession(token, caller))!;
      expect(session.actor).toMatchObject({ username: "ada", via: "session", ip: "192.0.2.1" });
      await identity.endSession(session.actor, session.sessionId);
      await identity.endSession(session.actor, session.sessionId);
      expect(await identity.authenticateSession(token, caller)).toBeNull();
    }
    const actions = (await rows("auditLog")).map((row) => "action" in row && row.action);
    expect(actions).toEqual(expect.arrayContaining(["session.start", "session.end"]));
    expect(actions.filter((action) => action === "session.end").length).toBe(2);
  });

  test("a wrong password and an unknown user get the same words; what was typed is not kept", async () => {
    await setUp();
    const attempts = [
      { username: "ada", password: "wrong horse battery" },
      { username: "hunter2-typed-here", password: "wrong horse battery" },
      { username: "ada", password: "x".repeat(201) },
    ];
    for (const attempt of attempts)
      await identity.signIn(attempt, caller).then(
        () => expect.unreachable(),
        (error) => {
          expect(error.code).toBe("unauthenticated");
          expect(error.message).toBe("the user name or the password is wrong");
        },
      );
    const kept = JSON.stringify(await rows("securityEvents"));
    expect(kept).toContain("ada");
    expect(kept).not.toContain("hunter2");
    expect(kept).not.toContain("horse");
  });

  test("tokens and passwords stand nowhere in the database", async () => {
    const { token: key } = await setUp();
    const { token } = await identity.signIn(owner, caller);
    database.raw.run("PRAGMA wal_checkpoint(TRUNCATE)");
    const bytes = Buffer.from(await Bun.file(`${database.dir}/croft.db`).arrayBuffer());
    expect(bytes.includes("ada@example.org")).toBe(true);
    for (const secret of [key, token, key.split("_")[2]!, owner.password])
      expect(bytes.includes(secret)).toBe(false);
  });

  test("a session ends after 7 days of silence and after 30 days whatever happens", async () => {
    await setUp();
    const idle = await identity.signIn(owner, caller);
    const busy = await identity.signIn(owner, caller);
    clock.advance(sessionIdleMs - 1);
    expect(await identity.authenticateSession(busy.token, caller)).not.toBeNull();
    clock.advance(1);
    expect(await identity.authenticateSession(idle.token, caller)).toBeNull();
    expect(await identity.authenticateSession(busy.token, caller)).not.toBeNull();
    expect(await identity.pruneSessions()).toBe(1);
    for (let i = 0; i < 3; i++) {
      clock.advance(sessionIdleMs - 60_000);
      expect(await identity.authenticateSession(busy.token, caller)).not.toBeNull();
    }
    clock.advance(sessionMaxMs - 4 * sessionIdleMs + 180_000 - 1);
    expect(await identity.authenticateSession(busy.token, caller)).not.toBeNull();
    clock.advance(1);
    expect(await identity.authenticateSession(busy.token, caller)).toBeNull();
  });

  test("a thousand wrong attempts from one address are cut short, and do not lock the owner out elsewhere", async () => {
    await setUp();
    const codes = await Promise.all(
      Array.from({ length: 1000 }, () =>
        identity.signIn({ username: "ada", password: "wrong horse" }, elsewhere).catch((error) => error.code),
      ),
    );
    expect(codes.filter((code) => code === "unauthenticated").length).toBe(20);
    expect(codes.filter((code) => code === "rate_limited").length).toBe(980);
    await identity.signIn(owner, caller);
  });

  test("many addresses guessing one account are slowed down, and lock its owner out nowhere", async () => {
    await setUp();
    await identity.signIn(owner, caller);
    const guess = (ip: string) =>
      identity
        .signIn({ username: "ada", password: "x".repeat(201) }, { ip, userAgent: null })
        .catch((error) => error.code as string);
    for (let i = 0; i < 60; i++) expect(await guess(`203.0.113.${i}`)).toBe("unauthenticated");
    const codes = [];
    for (let i = 0; i < 4; i++) codes.push(await guess("203.0.113.200"));
    expect(codes).toEqual(["unauthenticated", "unauthenticated", "rate_limited", "rate_limited"]);
    await identity.signIn(owner, elsewhere);
    await identity.signIn(owner, caller);
  });

  test("an inactive user gets in by no door", async () => {
    const { user, token: key } = await setUp();
    const { token } = await identity.signIn(owner, caller);
    await database.db.updateTable("users").set({ isActive: 0 }).where("id", "=", user.id).execute();
    expect(await identity.authenticateApiKey(key, caller)).toBeNull();
    expect(await identity.authenticateSession(token, caller)).toBeNull();
    await expect(identity.signIn(owner, caller)).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test("a bcrypt hash is upgraded by signing in", async () => {
    const { user } = await setUp();
    const passwordHash = await Bun.password.hash(owner.password, { algorithm: "bcrypt", cost: 4 });
    await database.db.updateTable("users").set({ passwordHash }).where("id", "=", user.id).execute();
    await identity.signIn(owner, caller);
    const row = await database.db.selectFrom("users").select("passwordHash").executeTakeFirstOrThrow();
    expect(row.passwordHash).toStartWith("$argon2id$");
    await identity.signIn(owner, caller);
  });
});

describe("API keys", () => {
  test("are shown once, listed without the secret, and stop working when revoked", async () => {
    const actor = await actorOf((await setUp()).token);
    const { token, key } = await identity.createApiKey(actor, ["admin"], {
      name: "ci",
      scopes: ["write", "read"],
    });
    expect(token).toMatch(/^croft_[0-9a-z]{8}_[0-9a-z]{40}$/);
    expect(key.scopes).toEqual(["read", "write"]);
    const listed = await identity.listApiKeys(actor);
    expect(listed.map((one) => one.name)).toEqual(expect.arrayContaining(["ci", "setup"]));
    expect(JSON.stringify(listed)).not.toContain(token.split("_")[2]!);
    expect((await identity.authenticateApiKey(token, caller))!.scopes).toEqual(["read", "write"]);
    await identity.revokeApiKey(actor, key.id);
    expect(await identity.authenticateApiKey(token, caller)).toBeNull();
    await expect(identity.revokeApiKey(actor, key.id)).rejects.toMatchObject({ code: "not_found" });
    const audit = JSON.stringify(await rows("auditLog"));
    expect(audit).toContain("key.revoke");
    expect(audit).not.toContain(token.split("_")[2]!);
  });

  test("expire", async () => {
    const actor = await actorOf((await setUp()).token);
    const { token } = await identity.createApiKey(actor, ["admin"], {
      name: "short",
      scopes: ["read"],
      expiresInDays: 1,
    });
    clock.advance(24 * 3600 * 1000 - 1);
    expect(await identity.authenticateApiKey(token, caller)).not.toBeNull();
    clock.advance(1);
    expect(await identity.authenticateApiKey(token, caller)).toBeNull();
  });

  test("note their last use at most once a minute", async () => {
    const { token } = await setUp();
    const lastUsed = async () =>
      (await database.db.selectFrom("apiKeys").select("lastUsedAt").executeTakeFirstOrThrow()).lastUsedAt;
    await identity.authenticateApiKey(token, caller);
    const first = await lastUsed();
    clock.advance(59_999);
    await identity.authenticateApiKey(token, caller);
    expect(await lastUsed()).toBe(first);
    clock.advance(1);
    await identity.authenticateApiKey(token, caller);
    expect(await lastUsed()).toBe(first! + 60_000);
  });

  test("cannot give what they do not hold", async () => {
    const actor = await actorOf((await setUp()).token);
    for (const scope of ["write", "admin", "metrics"] as const)
      await expect(
        identity.createApiKey(actor, ["deploy"], { name: "x", scopes: [scope] }),
      ).rejects.toMatchObject({
        code: "forbidden",
      });
    await identity.createApiKey(actor, ["deploy"], { name: "x", scopes: ["read", "deploy"] });
  });

  test.each(["", "croft_", "croft_aaaaaaaa_" + "a".repeat(40), "Bearer x", "'; DROP TABLE users; --"])(
    "%p is nobody's",
    async (token) => {
      await setUp();
      expect(await identity.authenticateApiKey(token, caller)).toBeNull();
    },
  );

  test.each([
    [{ name: "", scopes: ["read"] }, "name"],
    [{ name: "x\ny", scopes: ["read"] }, "name"],
    [{ name: "x", scopes: [] }, "scopes"],
    [{ name: "x", scopes: ["root"] }, "scopes.0"],
    [{ name: "x", scopes: ["read"], expiresInDays: 0 }, "expiresInDays"],
    [{ name: "x", scopes: ["read"], forever: true }, "forever"],
  ])("%p is refused, naming the field", async (input, path) => {
    const actor = await actorOf((await setUp()).token);
    await identity.createApiKey(actor, ["admin"], input as never).then(
      () => expect.unreachable(),
      (error) => expect(error.fields[0].path).toBe(path),
    );
  });
});

describe("users", () => {
  test("are made and listed by operators alone; names and addresses are unique in any case", async () => {
    const admin = await actorOf((await setUp()).token);
    const made = await identity.createUser(admin, { ...owner, username: "bob", email: "bob@example.org" });
    expect(made.isAdmin).toBe(false);
    expect((await identity.listUsers(admin)).map((user) => user.username)).toEqual(["ada", "bob"]);
    const taken = { ...owner, username: "bob2", email: "BOB@example.org" };
    await expect(identity.createUser(admin, taken)).rejects.toMatchObject({ code: "conflict" });

    const { token } = await identity.signInForKey(
      { username: "bob", password: owner.password },
      "login",
      caller,
    );
    const bob = await actorOf(token);
    await expect(identity.listUsers(bob)).rejects.toMatchObject({ code: "forbidden" });
    await expect(identity.createUser(bob, { ...owner, username: "eve", email: "e@e" })).rejects.toMatchObject(
      {
        code: "forbidden",
      },
    );
    const [adminKey] = await identity.listApiKeys(admin);
    await expect(identity.revokeApiKey(bob, adminKey!.id)).rejects.toMatchObject({ code: "not_found" });
  });
});

test("one person has so many keys at most, by whatever door they are made", async () => {
  const { user, token } = await setUp();
  const actor = await actorOf(token);
  const insert = database.raw.query(
    "INSERT INTO api_keys (id, user_id, name, prefix, key_hash, scopes, created_at) VALUES (?, ?, 'k', ?, ?, 'read', 0)",
  );
  for (let i = 0; i < 199; i++) insert.run(`key_${i}`, user.id, `p${i}`, `h${i}`);
  await expect(
    identity.createApiKey(actor, ["admin"], { name: "more", scopes: ["read"] }),
  ).rejects.toMatchObject({ code: "conflict" });
  const credentials = { username: "ada", password: owner.password };
  await expect(identity.signInForKey(credentials, "login", caller)).rejects.toMatchObject({
    code: "conflict",
  });
  await identity.revokeApiKey(actor, "key_7");
  expect((await identity.signInForKey(credentials, "login", caller)).token).toStartWith("croft_");
});
