import { expect, test } from "bun:test";
import { coversHost, isWithin, mayHaveCertificate, parentNames, parseHostName } from "./host-name.ts";

test.each([
  ["Example.ORG", "example.org"],
  [" www.example.org. ", "www.example.org"],
  ["bücher.example", "xn--bcher-kva.example"],
  ["faß.de", "xn--fa-hia.de"],
  ["a-1.b--c.example", "a-1.b--c.example"],
])("%s is %s", (text, name) => {
  expect(parseHostName(text)).toEqual({ name });
});

test.each([
  "",
  "localhost",
  "org",
  "192.0.2.1",
  "1.2.3",
  "0x7f.1",
  "[2001:db8::1]",
  "2001:db8::1",
  "*.example.org",
  "https://example.org",
  "example.org/path",
  "example.org:80",
  "user@example.org",
  "exa mple.org",
  "-a.example.org",
  "a-.example.org",
  "a..example.org",
  ".example.org",
  "exam_ple.org",
  "example.123",
  "$(id).example.org",
  "a\n.example.org",
  "example.org\0",
  `${"a".repeat(64)}.org`,
  `${"a.".repeat(127)}org`,
])("%j is refused in words", (text) => {
  expect(parseHostName(text)).toEqual({ problem: expect.stringContaining("must") });
});

test("a star stands for one label", () => {
  expect(coversHost("*.example.org", "a.example.org")).toBe(true);
  for (const host of ["example.org", "a.b.example.org", "xexample.org", "org", ""])
    expect(coversHost("*.example.org", host), host).toBe(false);
  expect(coversHost("example.org", "example.org")).toBe(true);
  expect(coversHost("example.org", "a.example.org")).toBe(false);
});

test("names lie within domains by whole labels", () => {
  expect(isWithin("a.example.org", "example.org")).toBe(true);
  expect(isWithin("badexample.org", "example.org")).toBe(false);
  expect(parentNames("a.b.example.org")).toEqual(["b.example.org", "example.org"]);
  expect(parentNames("example.org")).toEqual([]);
});

test("what no authority can look up gets no certificate", () => {
  expect(mayHaveCertificate("a.example.org")).toBe(true);
  for (const name of ["localhost", "a.localhost", "host", "127.0.0.1"])
    expect(mayHaveCertificate(name), name).toBe(false);
});
