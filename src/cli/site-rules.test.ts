import { afterEach, beforeEach, expect, test } from "bun:test";
import { defaultEdgeRules as rules, edgeRulesView } from "../domain/edge-rules.ts";
import { type Answer, type FakeCroft, fakeCroft } from "./testing/fake-croft.ts";

const defaultEdgeRules = edgeRulesView(rules);

let croft: FakeCroft;
let answers: Record<string, Answer>;
beforeEach(async () => {
  answers = {};
  croft = await fakeCroft(answers);
});
afterEach(() => croft.close());

test("site rules shows what holds, and sends only what was given", async () => {
  answers["GET /sites/blog/rules"] = () => defaultEdgeRules;
  const { out } = await croft.run(["site", "rules", "blog"]);
  expect(out).toMatch(/one address +no limit\n/);
  expect(out).toMatch(/bandwidth used up +slowed down to 256 KB a second\n/);

  answers["PUT /sites/blog/rules"] = () => defaultEdgeRules;
  const argv = "site rules blog --client-rpm 60 --bandwidth-policy block --throttle 1m";
  expect((await croft.run(argv.split(" "))).exitCode).toBe(0);
  expect(croft.seen.at(-1)!.body).toEqual({
    clientRequestsPerMinute: 60,
    bandwidthPolicy: "block",
    bandwidthThrottleBytesPerSecond: 1_048_576,
  });
  await croft.run(["site", "rules", "blog", "--client-rpm", "none"]);
  expect(croft.seen.at(-1)!.body).toEqual({ clientRequestsPerMinute: null });
});

test("a user is added beside the others, with a password that is not in the command", async () => {
  answers["GET /sites/blog/rules"] = () => ({
    ...defaultEdgeRules,
    basicAuth: [{ name: "lin" }, { name: "ada" }],
  });
  answers["PUT /sites/blog/rules"] = () => defaultEdgeRules;
  await croft.run("site rules blog --user ada --password-stdin --maintenance 90".split(" "), {
    stdin: "love lace",
  });
  expect(croft.seen.at(-1)!.body).toEqual({
    maintenance: { retryAfterSeconds: 90 },
    basicAuth: [{ name: "lin" }, { name: "ada", password: "love lace" }],
  });
  await croft.run("site rules blog --remove-user ada --maintenance off".split(" "));
  expect(croft.seen.at(-1)!.body).toEqual({ maintenance: null, basicAuth: [{ name: "lin" }] });
});

test("a file that is no JSON object is refused before anything is sent", async () => {
  const { exitCode, err } = await croft.run(["site", "rules", "blog", "--from", import.meta.path]);
  expect(exitCode).not.toBe(0);
  expect(err).toContain("site-rules.test.ts");
  expect(croft.seen).toEqual([]);
});
