import { expect, test } from "bun:test";
import { exitSentence } from "./exit-sentence.ts";

test("exit codes in words: by itself, by a signal, by a shell that found nothing", () => {
  expect(exitSentence(null)).toBe("ended");
  expect(exitSentence(0)).toBe("ended by itself with exit code 0");
  expect(exitSentence(3)).toBe("ended by itself with exit code 3");
  expect(exitSentence(127)).toContain("not found");
  expect(exitSentence(126)).toContain("may not be executed");
  expect(exitSentence(128)).toBe("ended by itself with exit code 128");
  expect(exitSentence(137)).toContain("SIGKILL");
  expect(exitSentence(143)).toContain("SIGTERM");
  expect(exitSentence(129)).toBe("was ended by signal 1");
  expect(exitSentence(255)).toBe("ended by itself with exit code 255");
});
