/**
 * Where a text stops being JSON (RFC 8259), since `JSON.parse` does not say: line and column, both from 1. Null when
 * it is JSON.
 */
export const jsonErrorPosition = (text: string): { line: number; column: number } | null => {
  const at = firstError(text);
  if (at === null) return null;
  const before = text.slice(0, at).split("\n");
  return { line: before.length, column: before.at(-1)!.length + 1 };
};

const blanks = /[ \t\r\n]*/y;
const scalar =
  /(?:"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;
const string = /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;

/** A machine with a stack of its own: nesting in a tenant's file must not exhaust ours. */
const firstError = (text: string): number | null => {
  let at = 0;
  const skip = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    if (!pattern.test(text)) return false;
    at = pattern.lastIndex;
    return true;
  };
  const open: ("]" | "}")[] = [];
  let expected: "value" | "value or ]" | "key" | "key or }" | "separator" = "value";
  for (;;) {
    skip(blanks);
    const char = text[at];
    if (expected === "separator") {
      const close = open.at(-1);
      if (close === undefined) return char === undefined ? null : at;
      if (char === close) open.pop();
      else if (char === ",") expected = close === "}" ? "key" : "value";
      else return at;
      at++;
    } else if ((expected === "key or }" && char === "}") || (expected === "value or ]" && char === "]")) {
      open.pop();
      at++;
      expected = "separator";
    } else if (expected === "key" || expected === "key or }") {
      if (!skip(string)) return at;
      skip(blanks);
      if (text[at] !== ":") return at;
      at++;
      expected = "value";
    } else if (char === "{" || char === "[") {
      open.push(char === "{" ? "}" : "]");
      expected = char === "{" ? "key or }" : "value or ]";
      at++;
    } else {
      if (!skip(scalar)) return at;
      expected = "separator";
    }
  }
};
