import { expect, test } from "bun:test";
import { guessLevel } from "./guess-level.ts";

test.each([
  ["hello", "info"],
  ["", "info"],
  ['{"level":"warn","msg":"slow"}', "warning"],
  ['{"time":1,"level":50,"msg":"pino"}', "error"],
  ['{"level":30,"msg":"ERROR is only a word here"}', "info"],
  ['{"severity":"CRITICAL","message":"gcp"}', "critical"],
  ['{"message":"no level"}', "info"],
  ['{"log.level":"debug"}', "debug"],
  ["time=2026-01-01T00:00:00Z level=error msg=logrus", "error"],
  ['ts=1 lvl="warn" msg=x', "warning"],
  ["ERROR something broke", "error"],
  ["2026-01-01 00:00:00,123 WARNING root: python", "warning"],
  ["2026-01-01T00:00:00Z  INFO croft::main: rust", "info"],
  ["[error] 29#29: *1 open() failed", "error"],
  ["2026/01/01 00:00:00 [warn] 1#1: nginx", "warning"],
  ["[main] [error] spring", "error"],
  ["WARN: careful", "warning"],
  ["error: cannot find module", "error"],
  ["npm ERR! code 1", "error"],
  ["E1120 15:38:39.000000       1 main.go:1] klog", "error"],
  ["Traceback (most recent call last):", "error"],
  ["TypeError: x is not a function", "error"],
  ["java.lang.NullPointerException: null", "error"],
  ["panic: runtime error", "critical"],
  ["\x1b[31merror\x1b[0m: coloured", "error"],
  ["GET /error 500 in 3 ms", "info"],
  ["GET /x?level=error-page 200", "info"],
  ["fatal: not a git repository", "critical"],
  ["<error> tagged", "error"],
  ["found (info) in brackets", "info"],
  ["everything is in ERROR_CODES", "info"],
] as const)("%j is %s", (line, level) => expect(guessLevel(line)).toBe(level));

test("a line made to be slow to look at is not", () => {
  for (const evil of [
    "[".repeat(100_000),
    "level=".repeat(50_000),
    "a.".repeat(100_000),
    " INF".repeat(99_999),
  ])
    for (let i = 0; i < 1000; i++) expect(guessLevel(evil)).toBe("info");
}, 5_000);
