import { expect, test } from "bun:test";
import { parseAnsi } from "./ansi.ts";

const E = "\u001b";

test("foreground colours become runs, all else in a sequence goes", () => {
  expect(parseAnsi(`${E}[32m✓${E}[0m built`)).toEqual([
    { text: "✓", tone: "green" },
    { text: " built", tone: null },
  ]);
  expect(parseAnsi(`${E}[1;31mfail${E}[39;1m ok`)).toEqual([
    { text: "fail", tone: "red" },
    { text: " ok", tone: null },
  ]);
  expect(parseAnsi(`${E}[90mold${E}[m`)).toEqual([{ text: "old", tone: "dim" }]);
});

test("arguments of palette and true colours are not read as colours", () => {
  expect(parseAnsi(`${E}[38;5;31mx`)).toEqual([{ text: "x", tone: null }]);
  expect(parseAnsi(`${E}[38;2;31;32;33;32mx`)).toEqual([{ text: "x", tone: "green" }]);
  expect(parseAnsi(`${E}[48;5;32;31mx`)).toEqual([{ text: "x", tone: "red" }]);
});

test.each([
  [`${E}]8;;https://evil.example${E}\\click${E}]8;;${E}\\`, "click"],
  [`${E}]0;title\u0007text`, "text"],
  [`${E}]52;c;c2VjcmV0\u0007text`, "text"],
  [`${E}P1$r payload${E}\\text`, "text"],
  [`${E}[2J${E}[1;1Htext${E}[?25l`, "text"],
  ["\u009b31mtext", "text"],
  [`te${E}(Bxt${E}=`, "text"],
  [`${E}]0;never ended`, ""],
  [`text${E}`, "text"],
  ["a\u0000b\u0008c\u007fd\u0085e", "abcde"],
  ["safe\u202egnp.exe\u2066", "safegnp.exe"],
  ["10 %\r50 %\r100 %\r", "100 %"],
  ["tab\tstays", "tab\tstays"],
])("%j reads %j", (line, text) => {
  expect(
    parseAnsi(line)
      .map((run) => run.text)
      .join(""),
  ).toBe(text);
});

test("a hostile line of 200,000 characters is read at once", () => {
  for (const piece of [`${E}[`, `${E}]`, `${E}[1;`, `${E}P`, "\u009b0", `${E}[38;5;`]) {
    const runs = parseAnsi(piece.repeat(200_000 / piece.length));
    expect(runs.map((run) => run.text).join("")).not.toContain(E);
  }
}, 5000);
