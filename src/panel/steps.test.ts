import { expect, test } from "bun:test";
import { progressSentence, segments, servingSentence } from "./deployment-lines.ts";
import { stepStates } from "./steps.ts";
import { fakeDeployment, fakeSteps } from "./testing/fake-data.ts";

const at = Date.UTC(2026, 10, 20);
const iso = (ms: number) => new Date(ms).toISOString();
const words = (fields: Parameters<typeof fakeDeployment>[0]) =>
  stepStates(fakeDeployment(fields)).map((step) => `${step.name} ${step.state}`);
const base = { id: "dep_1", site: "choir" };

test("one that waits shows all steps to come", () => {
  expect(words({ ...base, status: "pending" })).toEqual(
    ["fetch", "plan", "build", "release", "start", "probe", "switch", "drain"].map(
      (name) => `${name} waiting`,
    ),
  );
});

test("one under way: what is done, what runs, what comes", () => {
  const steps = fakeSteps(at, [
    ["fetch", 600],
    ["plan", 200],
    ["build", null],
  ]);
  expect(words({ ...base, status: "building", completedAt: null, steps })).toEqual([
    "fetch done",
    "plan done",
    "build running",
    "release waiting",
    "start waiting",
    "probe waiting",
    "switch waiting",
    "drain waiting",
  ]);
});

test("a rollback fetches and builds nothing", () => {
  expect(words({ ...base, status: "pending", trigger: "rollback" })).toEqual([
    "start waiting",
    "probe waiting",
    "switch waiting",
    "drain waiting",
  ]);
});

test("one that went through shows only what it entered, such as a static site without replicas", () => {
  const steps = fakeSteps(at, [
    ["fetch", 1],
    ["plan", 1],
    ["build", 1],
    ["release", 1],
    ["switch", 1],
  ]);
  expect(words({ ...base, steps })).toEqual([
    "fetch done",
    "plan done",
    "build done",
    "release done",
    "switch done",
  ]);
});

test("one that failed: where, how long that step took, and what was not reached", () => {
  const deployment = fakeDeployment({
    ...base,
    status: "failed",
    replaces: 18,
    completedAt: iso(at + 9_000),
    steps: fakeSteps(at, [
      ["fetch", 1_000],
      ["plan", null],
    ]),
  });
  const line = segments(deployment, at + 60 * 60_000);
  expect(line.slice(0, 3).map((one) => `${one.label} ${one.state} ${one.detail}`)).toEqual([
    "Fetch done 1.0 s",
    "Plan failed 8.0 s",
    "Build skipped ",
  ]);
  expect(servingSentence(deployment)).toBe("Release 18 still serves; nothing changed for visitors.");
  expect(progressSentence(deployment)).toBe("The deployment failed.");
});

test("one that was cancelled did not fail", () => {
  const steps = fakeSteps(at, [["fetch", null]]);
  expect(words({ ...base, status: "cancelled", steps })[0]).toBe("fetch skipped");
});

test("what serves is said while it runs", () => {
  const running = { ...base, status: "deploying", completedAt: null } as const;
  expect(servingSentence(fakeDeployment({ ...running, replaces: 18 }))).toBe(
    "replaces release 18, which is still serving",
  );
  expect(servingSentence(fakeDeployment({ ...running, replaces: null }))).toBe(
    "first release, no release serves yet",
  );
  expect(progressSentence(fakeDeployment({ ...running, steps: fakeSteps(at, [["probe", null]]) }))).toBe(
    "Probe is under way.",
  );
});
