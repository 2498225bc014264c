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

test("single rules are options: lists are added to, toggles are on or off, pages are files", async () => {
  answers["GET /sites/blog/rules"] = () => ({
    ...defaultEdgeRules,
    redirects: [
      { from: "/old", to: "/x", status: 302, prefix: false },
      { from: "/kept", to: "/y", status: 302, prefix: false },
    ],
    responseHeaders: [{ name: "X-Gone", value: "1" }],
    pages: { notFound: null, error: "<p>kept", maintenance: null },
  });
  answers["PUT /sites/blog/rules"] = () => defaultEdgeRules;
  const run = (...argv: string[]) => croft.run(["site", "rules", "blog", ...argv]);
  await run(
    ...["--redirect", "/old* /new 301", "--remove-header", "x-gone", "--header", "X-Frame-Options: DENY"],
    ...["--hsts", "365d", "--spa", "on", "--compression", "off", "--allow", "192.0.2.0/24, 2001:db8::/32"],
    ...["--deny", "none", "--websocket-message", "1m", "--page", `notFound=${import.meta.path}`],
  );
  expect(croft.seen.at(-1)!.body).toEqual({
    redirects: [
      { from: "/kept", to: "/y", status: 302, prefix: false },
      { from: "/old", to: "/new", status: 301, prefix: true },
    ],
    responseHeaders: [{ name: "X-Frame-Options", value: "DENY" }],
    pages: { notFound: await Bun.file(import.meta.path).text(), error: "<p>kept", maintenance: null },
    hstsSeconds: 31_536_000,
    spaFallback: true,
    compression: false,
    allow: ["192.0.2.0/24", "2001:db8::/32"],
    deny: [],
    webSocketMessageBytes: 1_048_576,
  });
  await run("--remove-redirect", "/old", "--hsts", "off", "--page", "error=none");
  expect(croft.seen.at(-1)!.body).toEqual({
    redirects: [{ from: "/kept", to: "/y", status: 302, prefix: false }],
    pages: { notFound: null, error: null, maintenance: null },
    hstsSeconds: null,
  });
});

test("what an option cannot mean is wrong usage, and nothing is sent", async () => {
  for (const [option, value] of [
    ["--redirect", "/only"],
    ["--header", "no colon"],
    ["--page", "lost=x.html"],
    ["--page", "error=/no/such/file"],
    ["--spa", "yes"],
    ["--hsts", "long"],
  ] as const) {
    const { exitCode, err } = await croft.run(["site", "rules", "blog", option, value]);
    expect([option, exitCode]).toEqual([option, 2]);
    expect(err).not.toBe("");
    if (option === "--hsts") expect(err).toContain('takes days such as 365d, seconds, or off, not "long"');
  }
  expect(croft.seen).toEqual([]);
});
