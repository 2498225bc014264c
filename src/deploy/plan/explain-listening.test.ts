import { expect, test } from "bun:test";
import { explainListening } from "./explain-listening.ts";

const explain = (...seen: [port: number, loopbackOnly: boolean][]) =>
  explainListening({
    expectedPort: 3000,
    seen: seen.map(([port, loopbackOnly]) => ({ port, loopbackOnly })),
  });

test("says which port was seen and what to do", () => {
  expect(explain([8080, false])).toBe(
    "nothing listened on port 3000; the app listens on 8080: set the site's port to 8080, or make the app listen on $PORT",
  );
  expect(explain([9090, false], [8080, false], [8080, false], [5432, true])).toContain(
    "listens on 8080 and 9090:",
  );
  expect(explain([3000, true])).toBe(
    "the app listens on 127.0.0.1:3000 only, which nobody outside its container reaches: listen on 0.0.0.0",
  );
  expect(explain([5000, true])).toBe(
    "nothing listened on port 3000; the app listens on 127.0.0.1:5000 only: listen on 0.0.0.0 and $PORT",
  );
  expect(explain()).toBe(
    "nothing listened on port 3000, and the app listens on no port at all: make it listen on 0.0.0.0 and $PORT",
  );
});

test("is silent when the port was open: the reason is another then", () => {
  expect(explain([3000, false])).toBe("");
  expect(explain([3000, true], [3000, false])).toBe("");
});
