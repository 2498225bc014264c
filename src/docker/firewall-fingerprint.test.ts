import { expect, test } from "bun:test";
import { fingerprint, lacks } from "./firewall-fingerprint.ts";

const chains = ["CROFT-INPUT", "CROFT-FORWARD"];
const saved = (...input: string[]): string =>
  [
    "*filter",
    ":INPUT ACCEPT [10:200]",
    ":CROFT-INPUT - [0:0]",
    ...input.map((rule) => `-A INPUT ${rule}`),
    "-A CROFT-INPUT -i croft+ -j DROP",
    "COMMIT",
  ].join("\n");
const jump = "-i croft+ -j CROFT-INPUT";
const placed = fingerprint(saved(jump), chains);

test("counters, other rules behind ours, and chains of other installations before them are nothing to mend", () => {
  for (const present of [
    saved(jump).replace("[10:200]", "[11:400]"),
    saved(jump, "-p tcp -j ACCEPT"),
    saved("-j CROFT-CLOSED-12345678", jump),
  ])
    expect(lacks(fingerprint(present, chains), placed)).toBe(false);
});

test("rules that were flushed, jumps that are gone or overtaken are", () => {
  for (const present of [
    saved(jump).replace("-A CROFT-INPUT -i croft+ -j DROP\n", ""),
    saved(),
    saved("-p tcp -j ACCEPT", jump),
    "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT",
  ])
    expect(lacks(fingerprint(present, chains), placed)).toBe(true);
});
