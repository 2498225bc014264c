import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { temporaryDatabase } from "./temporary-database.ts";

test("a temporary database has the whole schema, enforces foreign keys and leaves nothing behind", async () => {
  const { db, raw, dir, close } = await temporaryDatabase();
  expect(await db.selectFrom("users").selectAll().execute()).toEqual([]);
  expect(raw.query("PRAGMA foreign_keys").get()).toEqual({ foreign_keys: 1 });
  expect(() =>
    raw.run(
      "INSERT INTO api_keys (id, user_id, name, prefix, key_hash, scopes, created_at) VALUES ('k', 'nobody', '', '', '', '', 0)",
    ),
  ).toThrow("FOREIGN KEY");
  await close();
  expect(existsSync(dir)).toBe(false);
});
