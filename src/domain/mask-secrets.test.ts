import { expect, test } from "bun:test";
import { maskSecrets } from "./mask-secrets.ts";

test("values are masked wherever they stand, the longest first; short ones are left", () => {
  const mask = maskSecrets(["hunter22", "hunter22-long", "abc"]);
  expect(mask("a hunter22-long b hunter22hunter22 c abc")).toBe("a ******** b **************** c abc");
});

test("a value of several lines is masked as a whole, by the line, and with its lines joined", () => {
  const mask = maskSecrets(["-----BEGIN-----\r\nMIIEpAIBAAKC\nAQEA7bq\n-----END-----\n"]);
  for (const text of ["MIIEpAIBAAKC", "key: AQEA7bq.", "-----BEGIN----- MIIEpAIBAAKC AQEA7bq -----END-----"])
    expect(mask(text)).not.toMatch(/MIIE|AQEA/);
});

test("values with characters of patterns and replacements mean themselves", () => {
  expect(maskSecrets(["$&.*(a+)+"])("x $&.*(a+)+ y aaaaaa")).toBe("x ******** y aaaaaa");
  expect(maskSecrets([""])("text")).toBe("text");
});

test("values are found as JSON and addresses write them, too", () => {
  const mask = maskSecrets(['pa"ss\\wo rd&x']);
  expect(mask(JSON.stringify({ password: 'pa"ss\\wo rd&x' }))).toBe('{"password":"********"}');
  expect(mask(`postgres://u:${encodeURIComponent('pa"ss\\wo rd&x')}@db/x`)).toBe(
    "postgres://u:********@db/x",
  );
});
