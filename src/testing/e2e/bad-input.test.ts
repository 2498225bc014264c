import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { answering, nodeApp, startCroft, type TestCroft, uniqueSlug } from "./croft.ts";
import { type Tenant, tenantOf } from "./tenant.ts";

setDefaultTimeout(180_000);

let croft: TestCroft;
let eve: Tenant;
const slug = uniqueSlug("bad");

beforeAll(async () => {
  croft = await startCroft();
  eve = await tenantOf(croft, "eve");
  await croft.createSite(slug, { healthCheck: { deadlineSeconds: 3 } });
});
afterAll(() => croft.destroy());

interface Problem {
  code: string;
  detail: string;
  errors?: { path: string; message: string }[];
}

/** Refused with 422, naming the field and saying what is allowed. */
const refused = async (method: string, path: string, body: object, field: string, allowed: string) => {
  const answer = await croft.api<Problem>(method, path, body);
  expect([field, answer.status, answer.body.code]).toEqual([field, 422, "invalid_input"]);
  const error = answer.body.errors?.find((one) => one.path === field);
  expect(error?.message ?? JSON.stringify(answer.body)).toContain(allowed);
};

test("fields of a site: each refusal names the field and what is allowed", async () => {
  const create = (fields: object, field: string, allowed: string) =>
    refused("POST", "/sites", { slug: uniqueSlug("no"), ...fields }, field, allowed);
  await create({ slug: "Not_A-Slug" }, "slug", "a-z, 0-9 and -");
  await create({ slug: "two--hyphens" }, "slug", "two hyphens");
  await create({ slug: "-begins" }, "slug", "start and end with a letter or digit");
  await create({ slug: "x".repeat(41) }, "slug", "40");
  await create({ slug: "" }, "slug", "1 to 40");
  await create({ slug: "www" }, "slug", "reserved");
  await create({ type: "lambda" }, "type", "static, app, dockerfile, image");
  await create({ port: 0 }, "port", "between 1 and 65535");
  await create({ port: 70000 }, "port", "between 1 and 65535");
  await create({ port: "80" }, "port", "number between 1 and 65535");
  await create({ branch: "a..b" }, "branch", "not a valid branch");
  await create({ repositoryUrl: "git@github.com:a/b.git" }, "repositoryUrl", "https://");
  await create({ repositoryUrl: "file:///etc" }, "repositoryUrl", "https://");
  await create({ rootDirectory: "../up" }, "rootDirectory", "inside the repository");
  await create({ startCommand: "a\nb" }, "startCommand", "one line");
  await create({ type: "image" }, "image", "needed");
  await create({ healthCheck: { path: "no-slash" } }, "healthCheck.path", "start with /");
  await create({ surprise: true }, "surprise", "");
  expect((await croft.api("POST", "/sites", { slug })).status).toBe(409);
});

test("limits: negative and absurd ones are refused and change nothing", async () => {
  const before = (await croft.site(slug)).limits.asked;
  const put = (limits: object, field: string, allowed: string) =>
    refused("PUT", `/sites/${slug}/limits`, limits, field, allowed);
  await put({ memoryBytes: 1 }, "memoryBytes", "between 16 MB and");
  await put({ memoryBytes: -5 }, "memoryBytes", "between 16 MB and");
  await put({ cpuMillicores: 0 }, "cpuMillicores", "between 0.01 cores and");
  await put({ pids: 1e9 }, "pids", "between 8 and");
  await put({ diskBytes: 1 }, "diskBytes", "between");
  await put({ requestsPerMinute: 0 }, "requestsPerMinute", "between");
  await put({ memoryBytes: "128m" }, "memoryBytes", "between");
  await put({ memoryBytes: 64 * 1024 ** 2, unknown: 1 }, "unknown", "");
  expect((await croft.site(slug)).limits.asked).toEqual(before);
});

test("a volume of a static site, and a list of an environment that nobody has", async () => {
  const still = uniqueSlug("still");
  await croft.createSite(still, { type: "static" });
  const volume = await croft.api<Problem>("POST", `/sites/${still}/volumes`, {
    name: "data",
    mountPath: "/data",
  });
  expect([volume.status, volume.body.detail]).toEqual([
    409,
    `${still} is a static site: nothing runs that could write to a volume; change its type first`,
  ]);
  const listed = await croft.cli(["site", "list", "--environment", "nope"]);
  expect([listed.exitCode, listed.stderr]).toEqual([
    1,
    expect.stringContaining("environment: must be one of production"),
  ]);
  expect((await croft.cli(["site", "list", "--environment", "production"])).stdout).toContain(still);
});

test("env keys with spaces, newlines or a leading digit are refused, the others of the call too", async () => {
  for (const key of ["A B", "A\nB", "1A", "", "A=B", "$(touch /tmp/x)", "-A"])
    await refused(
      "PUT",
      `/sites/${slug}/env`,
      { set: { GOOD: "1", [key]: "x" } },
      `set.${key}`,
      "letters, digits and _",
    );
  await refused("PUT", `/sites/${slug}/env`, { set: { PORT: "1" } }, "set.PORT", "set by Croft");
  expect((await croft.api<{ items: unknown[] }>("GET", `/sites/${slug}/env`)).body.items).toEqual([]);
});

test("bodies that are no JSON, or another type, are refused as such", async () => {
  const send = (body: string, type: string) =>
    fetch(`http://127.0.0.1:${croft.panelPort}/api/v1/sites`, {
      method: "POST",
      body,
      headers: { authorization: `Bearer ${croft.token}`, "content-type": type },
    });
  expect((await send("{", "application/json")).status).toBe(400);
  expect((await send("slug=x", "application/x-www-form-urlencoded")).status).toBe(400);
  expect((await send(`{"slug":"${"x".repeat(2_000_000)}"}`, "application/json")).status).toBe(413);
});

test("the command line: 2 for wrong usage, 1 for a refusal, and the reason", async () => {
  const cases: [args: string[], exitCode: number, words: string][] = [
    [["site", "limits", slug, "--memory", "1"], 1, "between 16 MB and"],
    [["site", "limits", slug, "--memory", "lots"], 2, "--memory"],
    [["site", "create", "Not_A-Slug"], 1, "a-z, 0-9 and -"],
    [["site", "create", uniqueSlug("x"), "--type", "lambda"], 1, "static, app, dockerfile, image"],
    [["site", "create", uniqueSlug("x"), "--port", "70000"], 1, "between 1 and 65535"],
    [["site", "create"], 2, "SLUG"],
    [["site", "show", "not-there"], 1, "not-there was not found"],
    [["site", "delete", slug, "--confirm", "other"], 2, slug],
    [["env", "set", slug, "A B=1"], 1, "letters, digits and _"],
    [["no-such-command"], 2, "no-such-command"],
    [["rollback", slug], 1, "no earlier release"],
  ];
  for (const [args, exitCode, words] of cases) {
    const result = await croft.cli(args);
    expect([args.join(" "), result.exitCode]).toEqual([args.join(" "), exitCode]);
    expect(result.stderr).toContain(words);
    expect(result.stdout).toBe("");
  }
});

test("a push to a site that does not exist, and to one of somebody else, is refused in the same words", async () => {
  const missing = await croft.push("not-there", { "index.html": "x" });
  const foreign = await croft.push(slug, { "index.html": "x" }, { token: eve.token });
  expect(missing.exitCode).not.toBe(0);
  expect(foreign.exitCode).not.toBe(0);
  expect(missing.output).toContain("site not-there was not found");
  expect(foreign.output.replaceAll(slug, "SLUG")).toBe(missing.output.replaceAll("not-there", "SLUG"));
});

test("a push of a branch that deploys nothing is accepted and says so", async () => {
  const { exitCode, output } = await croft.push(slug, { "index.html": "x" }, { branch: "feature" });
  expect(exitCode, output).toBe(0);
  expect(output).toContain("this site deploys branch main");
});

const failing: [what: string, files: Record<string, string>, words: string[]][] = [
  ["nothing to build", { "notes.txt": "hello" }, ["Dockerfile", "package.json", "index.html"]],
  [
    "a Dockerfile that fails",
    { Dockerfile: "FROM debian:bookworm-slim\nRUN echo on-purpose && exit 7\n" },
    ["on-purpose", "7"],
  ],
  ["an app that never listens", nodeApp("setInterval(() => {}, 1000);"), ["no port at all", "$PORT"]],
  [
    "an app that listens on another port",
    nodeApp(answering("x").replace("process.env.PORT", "9123")),
    ["9123"],
  ],
  [
    "an app that listens on loopback only",
    nodeApp(answering("x").replace("process.env.PORT", 'process.env.PORT, "127.0.0.1"')),
    ["127.0.0.1", "0.0.0.0"],
  ],
  ["broken package.json", { "package.json": '{"name": ' }, ["package.json"]],
];
for (const [what, files, words] of failing)
  test(`${what}: the push ends with the reason, and so does the deployment`, async () => {
    const { output } = await croft.push(slug, files);
    expect(output).toContain("Deploy failed:");
    for (const word of words) expect(output).toContain(word);
    const deployment = await croft.lastDeployment(slug);
    expect(deployment.status).toBe("failed");
    expect(deployment.error!.message.length).toBeGreaterThan(20);
    expect((await croft.site(slug)).status).toBe("failed");
  });

/** Legal or not, none may ever reach a shell of the host. */
const canary = `/tmp/croft-canary-${process.pid}`;
const payloads = [
  `$(touch ${canary})`,
  `\`touch ${canary}\``,
  `; touch ${canary}`,
  `| touch ${canary}`,
  `--upload-pack=touch ${canary}`,
  `'; touch ${canary} #`,
  `"; touch ${canary} #`,
  `x\ntouch ${canary}`,
];

test("shell payloads in every text field, on create, change, deploy and delete, run nowhere on the host", async () => {
  const fields =
    "name description type repositoryUrl branch rootDirectory buildCommand startCommand image".split(" ");
  for (const payload of payloads) {
    for (const field of fields) {
      const own = uniqueSlug("pay");
      const { status } = await croft.api("POST", "/sites", { slug: own, [field]: payload });
      if (status === 201) await croft.api("DELETE", `/sites/${own}?confirm=${own}`);
      expect(status).toBeLessThan(500);
      expect((await croft.api("PATCH", `/sites/${slug}`, { [field]: payload })).status).toBeLessThan(500);
    }
    for (const path of [
      `/sites/${encodeURIComponent(payload)}`,
      `/sites/${slug}?environment=${encodeURIComponent(payload)}`,
      `/deployments/${encodeURIComponent(payload)}`,
    ])
      expect((await croft.api("GET", path)).status).toBe(404);
    // A path of a health check may hold anything but spaces; it is asked for with the next deployment.
    const healthCheck = { path: `/${payload.replaceAll(/\s/g, "${IFS}")}`, deadlineSeconds: 3 };
    expect((await croft.api("PATCH", `/sites/${slug}`, { healthCheck })).status).toBe(200);
    await croft.api("PUT", `/sites/${slug}/env`, { set: { VALUE: payload } });
    expect((await croft.api("PUT", `/sites/${slug}/env`, { set: { [payload]: "x" } })).status).toBe(422);
    expect((await croft.api("POST", `/sites/${slug}/deployments`, { branch: payload })).status).toBeLessThan(
      500,
    );
    expect(
      (await croft.api("POST", `/sites/${slug}/volumes`, { name: payload, mountPath: payload })).status,
    ).toBe(422);
    expect((await croft.api("DELETE", `/sites/${slug}?confirm=${encodeURIComponent(payload)}`)).status).toBe(
      422,
    );
  }
  // What a container gets as env and is asked for as health check, deployed for real.
  const asked = nodeApp(answering("").replace('s.end("")', "s.end(process.env.VALUE)"));
  await croft.api("PATCH", `/sites/${slug}`, {
    branch: "main",
    type: "auto",
    startCommand: null,
    buildCommand: null,
    rootDirectory: "",
  });
  expect((await croft.push(slug, asked)).output).toContain("Live:");
  expect((await croft.visit(`${slug}.localhost`)).body).toBe(payloads.at(-1)!);
  // A legal branch name that a shell would run, pushed and deployed for real.
  const branch = `$(touch${"${IFS}"}${canary.replaceAll("/", "_")})`;
  await croft.api("PATCH", `/sites/${slug}`, { branch });
  const { output } = await croft.push(slug, { "index.html": "safe" }, { branch });
  expect(output).toContain("Live:");
  expect(existsSync(canary)).toBe(false);
});
