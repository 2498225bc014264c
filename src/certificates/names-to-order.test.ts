import { expect, test } from "bun:test";
import type { CertificateRecord } from "../domain/records.ts";
import { namesToOrder } from "./names-to-order.ts";

const base = "*.sites.example.org";
const hosts = ["a", "b", "c"].map((label) => ({
  name: `${label}.sites.example.org`,
  environmentId: label,
  automatic: true,
  coveredBy: [base],
}));
const own = hosts.map(({ name }) => name);
const ordered = (row: Partial<CertificateRecord> | null): string[] =>
  namesToOrder(hosts, new Map(row ? [[base, row as CertificateRecord]] : []), base, 100).sort();

test("one failure of the common certificate does not make every site order one of its own", () => {
  expect(ordered(null)).toEqual([base]);
  expect(ordered({ attempts: 2, notAfter: null })).toEqual([base]);
  expect(ordered({ attempts: 3, notAfter: null })).toEqual([base, ...own]);
  // As long as it serves, nobody needs another.
  expect(ordered({ attempts: 9, notAfter: 101 })).toEqual([base]);
  expect(ordered({ attempts: 9, notAfter: 100 })).toEqual([base, ...own]);
});
