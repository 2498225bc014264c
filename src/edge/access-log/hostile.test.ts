import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { combinedLine } from "../../domain/access-log.ts";
import { linesWhen, logInto } from "../testing/access-logs.ts";
import { type EdgeFixture, routeTo, startEdge, toPort } from "../testing/edge-fixture.ts";
import { connectRaw } from "../testing/raw-client.ts";
import { type RawUpstream, startOkUpstream } from "../testing/raw-upstream.ts";
import { networkOf, originOf, withoutUserinfo } from "./anonymous.ts";

/** Nothing that a visitor sends ends a line, begins one, or steers a terminal that shows it. */

let dir: string;
let fixture: EdgeFixture;
let upstream: RawUpstream;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-hostile-"));
  upstream = startOkUpstream();
  fixture = startEdge(
    [
      {
        ...routeTo(["site.test"], toPort(upstream.port), {}, "env_1"),
        accessLog: logInto("env_1", { detail: "full" }),
      },
    ],
    { lingerMs: 20 },
    undefined,
    { dir },
  );
});
afterAll(async () => {
  await fixture.close();
  upstream.close();
  rmSync(dir, { recursive: true });
});

const forged = '{"time":"2026-01-01T00:00:00.000Z","id":"forged"}';
const nasty = [
  `\r\n${forged}\r\n`,
  `\n${forged}\n`,
  `","status":200,"x":"`,
  "\\",
  '\\"',
  "\x1b]0;owned\x07\x1b[2J",
  "\x00\x01\x7f",
  "\x85\u2028",
  "\xff\xfe\xc3\x28",
  "'%s%n$(id)`id`",
  "<script>alert(1)</script>",
  "é✓",
  "x".repeat(20_000),
];

test("whatever stands in path, query, fields or method: one whole line, or none", async () => {
  let sent = 0;
  for (const text of nasty)
    for (const request of [
      `GET /${text} HTTP/1.1\r\nHost: site.test\r\n\r\n`,
      `GET /?${text} HTTP/1.1\r\nHost: site.test\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: site.test\r\nUser-Agent: ${text}\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: site.test\r\nReferer: https://u:p@x.test/${text}\r\n\r\n`,
      `${text} / HTTP/1.1\r\nHost: site.test\r\n\r\n`,
    ]) {
      const client = await connectRaw(fixture.port);
      client.send(Buffer.from(request, "latin1"));
      await client.until((answer) => /^HTTP\/1\.1 \d{3}/.test(answer));
      client.close();
      sent++;
    }
  // Some name no site once they are taken apart, so that they are nobody's.
  const lines = await linesWhen(fixture.edge, "env_1", sent - 20);
  expect(lines.length).toBeLessThanOrEqual(sent);
  expect(lines.filter((line) => line.id === "forged")).toEqual([]);
  const folder = join(dir, "access-log/env_1");
  const raw = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), "latin1"))
    .join("");
  expect(raw).toMatch(/^[\x20-\x7e\n]*$/);
  const rows = raw.split("\n").filter((row) => row !== "");
  expect(rows).toHaveLength(lines.length);
  for (const row of rows) expect(row.length).toBeLessThan(8_000);
  for (const line of lines) {
    const combined = combinedLine(line);
    expect(combined).toMatch(
      /^127\.0\.0\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "(?:[^"\\]|\\.)*" \d{3} \d+ "(?:[^"\\]|\\.)*" "(?:[^"\\]|\\.)*"$/,
    );
    expect(combined).toMatch(/^[\x20-\x7e]*$/);
    expect(combined).not.toContain("u:p@");
  }
  // A line is as true as it is safe: what was sent can be read from it.
  const agents = lines.map((line) => line.userAgent);
  expect(agents).toContain(`","status":200,"x":"`);
  expect(agents).toContain("\\");
  expect(agents).toContain("<script>alert(1)</script>");
  expect(lines.map((line) => line.path)).toContain(`/","status":200,"x":"`);
});

test("addresses are cut to their network, whatever their form", () => {
  expect(
    [
      "203.0.113.77",
      "2001:db8:12:3456::77",
      "2001:db8::1",
      "::1",
      "fe80::1%eth0",
      "2001:DB8:0012:0:0:0:0:1",
      "64:ff9b::192.0.2.33",
      "1:2::",
      "not an address",
      "",
    ].map(networkOf),
  ).toEqual([
    "203.0.113.0",
    "2001:db8:12::",
    "2001:db8::",
    "::",
    "fe80::",
    "2001:db8:12::",
    "64:ff9b::",
    "1:2::",
    "",
    "",
  ]);
});

test("of a referrer only scheme and host are left, and never a name or password", () => {
  expect(
    [
      "https://shop.example/cart?id=7#top",
      "HTTP://user:pass@shop.example:8080/a",
      "https://a@b@shop.example/",
      "https://[2001:db8::1]/x",
      "javascript:alert(1)",
      "android-app://com.example/",
      "https:///nothing",
      "/relative?q=secret",
      "https://shop.example",
    ].map(originOf),
  ).toEqual([
    "https://shop.example",
    "HTTP://shop.example:8080",
    "https://shop.example",
    "https://[2001:db8::1]",
    null,
    null,
    null,
    null,
    "https://shop.example",
  ]);
  expect(withoutUserinfo("https://ada:pw@x.test/a?b=c@d")).toBe("https://x.test/a?b=c@d");
  expect(withoutUserinfo("https://x.test/?mail=a@b")).toBe("https://x.test/?mail=a@b");
});
