import { describe, expect, test } from "bun:test";
import { jobPatchSchema, newJobSchema } from "./job.ts";
import { commandSchema, commandText, isOpen, mayFollow, runStatuses } from "./run.ts";

describe("a command", () => {
  test("is words, or one line for the image's shell", () => {
    expect(commandSchema.parse(["node", "-e", "1; $(x)\n"])).toEqual(["node", "-e", "1; $(x)\n"]);
    expect(commandSchema.parse("a && b\nc")).toEqual(["/bin/sh", "-c", "a && b\nc"]);
  });

  test.each([
    [[]],
    [[""]],
    [""],
    ["  "],
    ["a\0b"],
    [["a", "b\0"]],
    [42],
    [null],
    ["x".repeat(8001)],
    [Array(201).fill("x")],
  ])("%p is none", (given) => expect(commandSchema.safeParse(given).success).toBe(false));

  test("is shown as it would be typed", () => {
    expect(commandText(["node", "a b.js", "it's", "$x", ""])).toBe(`node 'a b.js' 'it'\\''s' '$x' ''`);
    expect(commandText(["/bin/sh", "-c", "a | b"])).toBe("a | b");
  });
});

test("nothing follows the end of a run", () => {
  for (const from of runStatuses)
    for (const to of runStatuses) if (mayFollow(from, to)) expect([from, isOpen(from)]).toEqual([from, true]);
  expect(runStatuses.filter(isOpen)).toEqual(["queued", "running"]);
});

const job = { name: "tidy", schedule: "30 3 * * 1-5", command: ["true"] };

describe("a job", () => {
  test("has defaults, but a change of it has none", () => {
    expect(newJobSchema.parse(job)).toMatchObject({
      timeZone: "UTC",
      timeoutSeconds: 3600,
      overlap: "skip",
      missed: "skip",
      enabled: true,
    });
    expect(jobPatchSchema.parse({ enabled: false })).toEqual({ enabled: false });
  });

  test.each([
    [{ schedule: "* * * * *\n* * * * *" }, "schedule"],
    [{ schedule: "* * * * * *" }, "schedule"],
    [{ schedule: "2026-01-01T00:00:00" }, "schedule"],
    [{ schedule: "@reboot" }, "schedule"],
    [{ schedule: "$(id) * * * *" }, "schedule"],
    [{ timeZone: "Mars/Olympus" }, "timeZone"],
    [{ timeZone: "+02:00" }, "timeZone"],
    [{ timeZone: "" }, "timeZone"],
    [{ timeoutSeconds: 0 }, "timeoutSeconds"],
    [{ timeoutSeconds: 86_401 }, "timeoutSeconds"],
    [{ overlap: "both" }, "overlap"],
    [{ missed: "all" }, "missed"],
    [{ name: "-x" }, "name"],
    [{ name: "a/../b" }, "name"],
    [{ command: "" }, "command"],
    [{ more: 1 }, ""],
  ] as const)("%p is refused at its field", (change, path) => {
    const parsed = newJobSchema.safeParse({ ...job, ...change });
    expect(parsed.error?.issues.map((issue) => issue.path.join("."))).toEqual([path]);
  });
});
