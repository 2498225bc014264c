import { expect, test } from "bun:test";
import { redirectOf, servingDomains } from "./domain-redirects.ts";

const domain = (name: string, change: { primary?: boolean; to?: string; waiting?: boolean } = {}) => ({
  name,
  isPrimary: change.primary ? 1 : 0,
  redirectTo: change.to ?? null,
  verifiedAt: change.waiting ? null : 1,
});
const leads = (...all: ReturnType<typeof domain>[]) =>
  Object.fromEntries(all.map((one) => [one.name, redirectOf(one, all)]));

test("without a primary domain each answers itself, or leads where it says", () => {
  const all = [domain("a"), domain("www.a", { to: "a" }), domain("b")];
  expect(leads(...all)).toEqual({ a: null, "www.a": "a", b: null });
  expect(servingDomains(all)).toEqual(["a", "b"]);
});

test("every other domain leads to the primary one, over what it named itself", () => {
  expect(leads(domain("a", { primary: true }), domain("b"), domain("www.b", { to: "b" }))).toEqual({
    a: null,
    b: "a",
    "www.b": "a",
  });
});

test("nobody is led to a domain that does not lead here yet", () => {
  const all = [domain("a", { primary: true, waiting: true }), domain("b"), domain("c", { to: "a" })];
  expect(leads(...all)).toMatchObject({ b: null, c: null });
  expect(servingDomains(all)).toEqual(["b", "c"]);
});

test("a circle leads nowhere for ever", () => {
  const all = [domain("a", { to: "b" }), domain("b", { to: "a" })];
  expect(leads(...all)).toEqual({ a: "b", b: "a" });
});
