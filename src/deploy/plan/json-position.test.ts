import { expect, test } from "bun:test";
import { jsonErrorPosition } from "./json-position.ts";

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

test("finds the first character that is wrong", () => {
  for (const [text, line, column] of [
    ["", 1, 1],
    ["{", 1, 2],
    ['{"a": 1,}', 1, 9],
    ["[1 2]", 1, 4],
    ['{\n\t"a": tru }', 2, 7],
    ['{\r\n"a" 1}', 2, 5],
    ['["a\nb"]', 1, 2],
    ["[1] x", 1, 5],
    ["[01]", 1, 3],
    ["{} // comment", 1, 4],
    ["}", 1, 1],
  ] as const)
    expect(jsonErrorPosition(text), JSON.stringify(text)).toEqual({ line, column });
});

test("says the same as JSON.parse about texts with a random change", () => {
  const base = JSON.stringify({
    a: [1, -2.5e3, true, null, "x\\\n\u00e9"],
    b: { c: {}, d: [] },
    "": "\ud83d\ude00",
  });
  const pieces = ["", "{", "}", "[", "]", ",", ":", '"', "\\", "0", "-", " ", "\n", "e", "null", "\t"];
  let state = 7;
  const random = (below: number) => (state = (state * 48_271) % 2_147_483_647) % below;
  for (let i = 0; i < 5000; i++) {
    const at = random(base.length);
    const text = base.slice(0, at) + pieces[random(pieces.length)] + base.slice(at + random(3));
    expect(jsonErrorPosition(text) === null, text).toBe(isJson(text));
  }
});

test("neither depth nor length exhaust it", () => {
  expect(jsonErrorPosition("[".repeat(500_000))).toEqual({ line: 1, column: 500_001 });
  expect(jsonErrorPosition(`["${"a".repeat(1_000_000)}"]`)).toBeNull();
});
