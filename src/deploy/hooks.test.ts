import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type HookFixture, hookFixture, operator } from "../testing/hook-fixture.ts";
import { createHook, deleteHook, listDeliveries, listHooks, rotateHook } from "./hooks.ts";

let at: HookFixture;
beforeEach(async () => {
  at = await hookFixture();
});
afterEach(() => at[Symbol.asyncDispose]());

describe("managing hooks", () => {
  test("the secret is shown once and kept sealed", async () => {
    expect(at.hook.secret).toMatch(/^[0-9a-f]{64}$/);
    const [shown] = await listHooks(at.hooks, operator, "shop");
    expect(shown).toEqual({
      id: at.hook.id,
      provider: "github",
      url: `https://croft.example.org/hooks/github/${at.hook.id}`,
      createdAt: "2026-01-01T00:00:00.000Z",
    });
    const row = await at.database.db.selectFrom("hooks").selectAll().executeTakeFirstOrThrow();
    expect(row.secretCiphertext).not.toContain(at.hook.secret);
    expect(await at.secretBox.open(row.secretCiphertext, `hook:${at.hook.id}`)).toBe(at.hook.secret);
    const audit = await at.database.db.selectFrom("auditLog").selectAll().execute();
    expect(audit).toMatchObject([{ action: "hook.create", objectId: at.hook.id }]);
    expect(JSON.stringify(audit)).not.toContain(at.hook.secret);
  });

  test("after a rotation only the new secret counts", async () => {
    const rotated = await rotateHook(at.hooks, operator, "shop", at.hook.id);
    expect(rotated.secret).not.toBe(at.hook.secret);
    expect((await at.deliver()).status).toBe(401);
    expect((await at.deliver({ secret: rotated.secret })).status).toBe(202);
  });

  test("a deleted hook is gone with its deliveries", async () => {
    await at.deliver();
    await deleteHook(at.hooks, operator, "shop", at.hook.id);
    expect(await listHooks(at.hooks, operator, "shop")).toEqual([]);
    expect((await at.deliver()).status).toBe(404);
    expect(await at.database.db.selectFrom("hookDeliveriesIn").selectAll().execute()).toEqual([]);
  });

  test("another site's hook is not found", async () => {
    for (const act of [
      () => rotateHook(at.hooks, operator, "blog", at.hook.id),
      () => deleteHook(at.hooks, operator, "blog", at.hook.id),
      () => listDeliveries(at.hooks, operator, "blog", at.hook.id),
    ])
      expect(await act().catch((error) => error.code)).toBe("not_found");
    expect((await at.deliver()).status).toBe(202);
  });

  test("an unknown provider is refused, and there is an end to hooks", async () => {
    const wrong = createHook(at.hooks, operator, "shop", { provider: "svn" as "github" });
    expect(await wrong.catch((error) => error.publicMessage)).toBe("provider: must be github");
    for (let i = 1; i < 20; i++) await createHook(at.hooks, operator, "shop", { provider: "github" });
    const tooMany = createHook(at.hooks, operator, "shop", { provider: "github" });
    expect(await tooMany.catch((error) => error.code)).toBe("conflict");
  });
});
