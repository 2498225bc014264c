import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { migrations } from "../../../migrations/index.ts";
import { migrate } from "../migrator.ts";
import { openDatabase } from "../open.ts";
import { createStore } from "../store.ts";

test("the migration keeps accounts and certificates; a zone has one provider", async () => {
  const dir = await mkdtemp(join(tmpdir(), "croft-dns-providers-"));
  const { db, raw } = openDatabase(join(dir, "croft.db"));
  try {
    const before = Object.entries(migrations).filter(([name]) => name < "0005");
    await migrate(db, Object.fromEntries(before));
    raw.run(
      "INSERT INTO acme_accounts VALUES ('https://a.test/dir', 'https://a.test/1', 'sealed', 1, NULL, 5)",
    );
    raw.run(
      `INSERT INTO certificates (id, source, name, next_attempt_at, created_at, updated_at)
       VALUES ('crt_1', 'acme', 'a.example.org', 7, 5, 6)`,
    );
    expect(await migrate(db)).toContain("0005_dns_providers");
    const store = createStore(db);
    const account = await store.acmeAccount("https://a.test/dir");
    expect(account).toEqual({
      directory: "https://a.test/dir",
      url: "https://a.test/1",
      keyCiphertext: "sealed",
      keyVersion: 1,
      email: null,
      createdAt: 5,
      pausedUntil: null,
      pauseReason: null,
    });
    await store.putAcmeAccount({ ...account!, pausedUntil: 9, pauseReason: "too many" });
    expect(await store.acmeAccount("https://a.test/dir")).toMatchObject({
      pausedUntil: 9,
      url: "https://a.test/1",
    });
    expect(await store.certificates()).toMatchObject([
      { id: "crt_1", nextAttemptAt: 7, renewalCheckAt: null, attempts: 0 },
    ]);

    const provider = {
      id: "dns_1",
      zone: "example.org",
      kind: "rfc2136" as const,
      settings: "{}",
      secretCiphertext: "sealed",
      keyVersion: 1,
      usedAt: null,
      lastError: null,
      createdAt: 1,
      createdBy: "ada",
    };
    expect(await store.insertDnsProvider(provider)).toBe(true);
    expect(await store.insertDnsProvider({ ...provider, id: "dns_2" })).toBe(false);
    await store.updateDnsProvider("dns_1", { usedAt: 3, lastError: "no" });
    expect(await store.dnsProviders()).toEqual([{ ...provider, usedAt: 3, lastError: "no" }]);
    expect(
      store.insertDnsProvider({ ...provider, id: "x", zone: "y", kind: "cloud" as never }),
    ).rejects.toThrow("CHECK");
    expect(await store.deleteDnsProvider("example.org")).toBe(true);
    expect(await store.deleteDnsProvider("example.org")).toBe(false);
  } finally {
    await db.destroy();
    await rm(dir, { recursive: true, force: true });
  }
});
