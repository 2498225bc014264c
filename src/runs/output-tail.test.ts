import { expect, test } from "bun:test";
import { maskSecrets } from "../domain/mask-secrets.ts";
import { createOutputTail } from "./output-tail.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

test("the last lines are kept, and that there were more is seen", () => {
  const tail = createOutputTail({ lines: 3, chars: 1000 });
  for (let i = 1; i <= 5; i++) tail.add("stdout", bytes(`line ${i}\n`));
  expect(tail.text()).toBe("…\nline 3\nline 4\nline 5\n");
  const whole = createOutputTail({ lines: 3, chars: 1000 });
  whole.add("stdout", bytes("one\ntwo\nthree"));
  expect(whole.text()).toBe("one\ntwo\nthree");
  whole.add("stdout", bytes(" and\nfour"));
  expect(whole.text()).toBe("…\ntwo\nthree and\nfour");
});

test("a flood costs no more than what is kept, also as one line", () => {
  const tail = createOutputTail({ lines: 10, chars: 100 });
  for (let i = 0; i < 1000; i++) tail.add("stderr", bytes("x".repeat(1000)));
  expect(tail.text()).toBe(`…\n${"x".repeat(100)}`);
});

test("letters that come in two pieces stay whole, for each output by itself", () => {
  const tail = createOutputTail({ lines: 10, chars: 100 });
  const [a, b] = [bytes("ä"), bytes("ö")];
  tail.add("stdout", a.subarray(0, 1));
  tail.add("stderr", b.subarray(0, 1));
  tail.add("stdout", a.subarray(1));
  tail.add("stderr", b.subarray(1));
  expect(tail.text()).toBe("äö");
});

test("no half of a secret remains where the beginning is cut, wherever that falls", () => {
  const secret = "correct-horse-battery";
  for (let before = 60; before < 140; before++) {
    const tail = createOutputTail({ lines: 10, chars: 100 }, maskSecrets([secret]));
    tail.add("stdout", bytes("x".repeat(before)));
    tail.add("stdout", bytes(`${secret}${"y".repeat(300 - before)}`));
    const text = tail.text();
    for (let from = 0; from + 7 <= secret.length; from++)
      expect(text).not.toContain(secret.slice(from, from + 7));
  }
});
