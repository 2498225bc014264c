import { afterAll, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import type { CertificateSet } from "../../domain/edge.ts";
import {
  bookOf,
  type CertificateBook,
  certificateFor,
  emptyBook,
  parseCertificateSet,
} from "./certificate-set.ts";
import { createSelfSigned } from "./self-signed.ts";
import { createAuthority } from "./testing/authority.ts";

const authority = createAuthority();
afterAll(() => authority.remove());
const one = authority.issue(["one.test", "www.one.test"]);
const wild = authority.issue(["*.one.test", "deep.two.test"], "rsa");

const setOf = (...certificates: CertificateSet["certificates"]): CertificateSet => ({
  version: 1,
  certificates,
  fallback: "refuse",
});
const bookFrom = (set: CertificateSet, before = emptyBook): CertificateBook => {
  const made = bookOf(set, before);
  if ("problem" in made) throw new Error(made.problem);
  return made.book;
};

describe("which certificate a name gets", () => {
  const book = bookFrom(setOf(one, wild));
  const [first, second] = [book.byName.get("one.test")!, book.byName.get("*.one.test")!];
  for (const [host, expected] of [
    ["one.test", first],
    ["www.one.test", first],
    ["shop.one.test", second],
    ["deep.two.test", second],
    ["a.shop.one.test", null],
    ["two.test", null],
    ["test", null],
    ["", null],
    ["*.one.test", second],
  ] as const)
    test(`${host === "" ? "an empty name" : host}`, () => expect(certificateFor(book, host)).toBe(expected));

  test("the same certificate keeps its context, a changed one gets another", () => {
    const next = bookFrom({ ...setOf(one, authority.issue(["*.one.test"])), version: 2 }, book);
    expect(next.byName.get("one.test")!.context).toBe(first.context);
    expect(next.byName.get("*.one.test")!.context).not.toBe(second.context);
  });
});

describe("refused, with the certificate's names and never its key", () => {
  for (const [what, certificate, problem] of [
    ["another's key", { ...one, key: wild.key }, "key: does not belong to the certificate"],
    ["no certificate", { ...one, certificate: "hello" }, "certificate: is not a PEM certificate"],
    ["no key", { ...one, key: one.certificate }, "key: is not an unencrypted PEM private key"],
    ["a broken chain", { ...one, certificate: `${one.certificate}-----BEGIN CERTIFICATE-----\nAAAA\n` }, ""],
  ] as const)
    test(what, () => {
      const made = bookOf(setOf(wild, certificate), emptyBook);
      expect(made).toEqual({ problem: expect.stringContaining("one.test, www.one.test") });
      expect(made).toEqual({ problem: expect.stringContaining(problem) });
      expect(JSON.stringify(made)).not.toContain("PRIVATE KEY");
    });

  test("two for one name", () => {
    expect(bookOf(setOf(one, { ...wild, names: ["one.test"] }), emptyBook)).toEqual({
      problem: "two certificates are given for one.test",
    });
  });

  for (const names of [[], ["One.test"], ["*.*.test"], ["a.*.test"], ["a b.test"], [".test"], ["*"]])
    test(`the names ${JSON.stringify(names)}`, () =>
      expect(parseCertificateSet(setOf({ ...one, names }))).toHaveProperty("problem"));
});

test("a self-signed certificate is whole, and signed by its own key", () => {
  const nowMs = Date.UTC(2030, 0, 2, 3, 4, 5, 678);
  const { certificate, key } = createSelfSigned("nobody", nowMs);
  const parsed = new X509Certificate(certificate);
  expect(parsed.verify(parsed.publicKey)).toBe(true);
  expect([parsed.subject, parsed.issuer, parsed.ca]).toEqual(["CN=nobody", "CN=nobody", false]);
  expect(new Date(parsed.validFrom)).toEqual(new Date(Date.UTC(2030, 0, 1, 3, 4, 5)));
  const read = Bun.spawnSync(["openssl", "x509", "-noout", "-text"], { stdin: Buffer.from(certificate) });
  expect(read.stdout.toString()).toMatch(/prime256v1[^]+CA:FALSE/);
  expect(key).toStartWith("-----BEGIN PRIVATE KEY-----");
});
