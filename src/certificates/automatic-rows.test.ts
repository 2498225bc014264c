import { afterEach, beforeEach, expect, test } from "bun:test";
import type { CertificateRecord } from "../domain/records.ts";
import { automaticRows } from "./automatic-rows.ts";
import { type CertificatesFixture, certificatesFixture } from "./testing/certificates-fixture.ts";

let fixture: CertificatesFixture;
beforeEach(async () => {
  fixture = await certificatesFixture(null);
});
afterEach(() => fixture.close());

const nowMs = 1_800_000_000_000;
const rowsFor = async (...names: string[]) =>
  automaticRows(
    {
      store: fixture.store,
      clock: { nowMs: () => nowMs, monotonicMs: () => 0 },
      dns: { covers: async () => false, present: async () => async () => {}, tidy: async () => {} },
      baseDomain: "sites.example.test",
    },
    names.map((name) => ({ name, environmentId: null, automatic: true })),
    await fixture.store.certificates(),
    "https://authority.example.test/dir",
  );

test("of names that nobody wants any more the last 500 are kept, those that are over not", async () => {
  const [first] = (await rowsFor("n0.example.test")) as [CertificateRecord];
  const serving = {
    ...first,
    chain: "chain",
    keyCiphertext: "key",
    keyVersion: 1,
    notBefore: nowMs - 1,
    notAfter: nowMs + 1,
  };
  await fixture.store.transaction(async (queries) => {
    for (let i = 1; i <= 600; i++)
      await queries.insertCertificate({
        ...serving,
        id: `crt_${i}`,
        name: `n${i}.example.test`,
        updatedAt: i,
        ...(i === 600 && { notAfter: nowMs }),
      });
  });
  await rowsFor("n0.example.test", "n1.example.test");
  const left = new Set((await fixture.store.certificates()).map(({ name }) => name));
  expect(left.size).toBe(2 + 499);
  expect(["n0", "n1", "n599", "n101"].every((label) => left.has(`${label}.example.test`))).toBe(true);
  expect(["n600", "n100", "n2"].some((label) => left.has(`${label}.example.test`))).toBe(false);
});
