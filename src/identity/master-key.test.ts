import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkMasterKey, openMasterKey } from "./master-key.ts";
import { createSecretBox } from "./secret-box.ts";

let dir: string;
let path: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "croft-key-"));
  path = join(dir, "master.key");
});
afterEach(() => rm(dir, { recursive: true, force: true }));

test("a new installation gets a key of its own, readable by its user alone, and finds it again", async () => {
  const made = await openMasterKey(path, { create: true });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(made.keys.get(1)!.length).toBe(32);
  const again = await openMasterKey(path, { create: true });
  expect(again).toEqual(made);
  const bytes = Buffer.from(made.keys.get(1)!);
  expect(made.fingerprint).not.toContain(bytes.toString("hex").slice(0, 8));
});

test("two starts at once on a new installation agree on one key", async () => {
  const both = await Promise.all([
    openMasterKey(path, { create: true }),
    openMasterKey(path, { create: true }),
  ]);
  expect(both[0]).toEqual(both[1]);
});

test("a missing key beside an existing database is refused and nothing is made in its place", async () => {
  await expect(openMasterKey(path, { create: false })).rejects.toThrow("is missing");
  expect(await Bun.file(path).exists()).toBe(false);
});

test.each([
  ["empty", ""],
  ["torn", '{"current":1,"ke'],
  ["a short key", '{"current":1,"keys":{"1":"AAAA"}}'],
  ["without the current version", `{"current":2,"keys":{"1":"${Buffer.alloc(32).toString("base64")}"}}`],
])("a key file that is %s is refused and left as it was", async (_, text) => {
  await writeFile(path, text, { mode: 0o600 });
  await expect(openMasterKey(path, { create: true })).rejects.toThrow("cannot be read");
  expect(await readFile(path, "utf8")).toBe(text);
});

test("a key file that others may read is refused with the command that mends it", async () => {
  await openMasterKey(path, { create: true });
  await chmod(path, 0o640);
  await expect(openMasterKey(path, { create: false })).rejects.toThrow(`chmod 600 ${path}`);
});

test("a symbolic link is no key file", async () => {
  await openMasterKey(join(dir, "other"), { create: true });
  await symlink(join(dir, "other"), path);
  await expect(openMasterKey(path, { create: true })).rejects.toThrow("not a regular file");
});

test("another installation's key is told apart from the one the database was made with", async () => {
  const settings = new Map<string, string>();
  const store = {
    setting: async (key: string) => settings.get(key) ?? null,
    putSetting: async (key: string, value: string) => void settings.set(key, value),
  };
  const ours = await openMasterKey(path, { create: true });
  const other = await openMasterKey(join(dir, "other"), { create: true });
  await checkMasterKey(store, ours, 0);
  await checkMasterKey(store, ours, 0);
  await expect(checkMasterKey(store, other, 0)).rejects.toThrow("is not the one this database was made with");
});

test("what is sealed opens in its place only, and not after a change", async () => {
  const box = createSecretBox(await openMasterKey(path, { create: true }));
  const sealed = await box.seal("s3cret ✓", "env_1/DATABASE_URL");
  expect(sealed).not.toContain("s3cret");
  expect(await box.open(sealed, "env_1/DATABASE_URL")).toBe("s3cret ✓");
  expect(await box.seal("s3cret ✓", "env_1/DATABASE_URL")).not.toBe(sealed);
  await expect(box.open(sealed, "env_2/DATABASE_URL")).rejects.toThrow("cannot be decrypted");

  const parts = sealed.split(".");
  const header = { ...JSON.parse(Buffer.from(parts[0]!, "base64url").toString()), place: "env_2/X" };
  const moved = [Buffer.from(JSON.stringify(header)).toString("base64url"), ...parts.slice(1)].join(".");
  await expect(box.open(moved, "env_2/X")).rejects.toThrow("cannot be decrypted");
  await expect(box.open("", "env_2/X")).rejects.toThrow("cannot be decrypted");
});

test("an empty value and a large one survive", async () => {
  const box = createSecretBox(await openMasterKey(path, { create: true }));
  for (const plain of ["", "x".repeat(32_768)])
    expect(await box.open(await box.seal(plain, "p"), "p")).toBe(plain);
});

test("a secret of a key version that the file does not hold stays closed", async () => {
  const first = createSecretBox(await openMasterKey(path, { create: true }));
  const sealed = await first.seal("x", "p");
  const key = new Uint8Array(32).fill(7);
  const second = createSecretBox({ current: 2, keys: new Map([[2, key]]), fingerprint: "2:x" });
  await expect(second.open(sealed, "p")).rejects.toThrow("cannot be decrypted");
});
