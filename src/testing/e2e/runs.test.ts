import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { JobView } from "../../domain/job.ts";
import type { RunView } from "../../domain/run.ts";
import { eventually } from "../docker-fixture.ts";
import { terminalClient } from "../terminal-client.ts";
import { docker, nodeApp, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";
import { type Tenant, tenantOf } from "./tenant.ts";

// Commands, terminals and jobs on a real daemon, edge and app, as people, strangers and crashes meet them.

setDefaultTimeout(120_000);

let croft: TestCroft;
let owner: Tenant;
let stranger: Tenant;
const slug = uniqueSlug("runs");
const canary = "canary-of-a-secret-variable";

beforeAll(async () => {
  croft = await startCroft();
  owner = await tenantOf(croft, "olga");
  stranger = await tenantOf(croft, "sven");
  await owner.createSite(slug);
  await owner.api("PUT", `/sites/${slug}/env`, { set: { TOKEN: canary }, secret: true });
  await owner.api("POST", `/sites/${slug}/volumes`, { name: "data", mountPath: "/data" });
  const { exitCode, output } = await owner.push(
    slug,
    nodeApp('require("node:http").createServer((q, s) => s.end("up")).listen(process.env.PORT);'),
  );
  expect(exitCode, output).toBe(0);
});
afterAll(() => croft?.destroy());

const helpers = async (): Promise<string[]> =>
  (
    await docker(
      ...["ps", "-a", "--format", "{{.Names}}"],
      ...["--filter", `label=croft.site=${slug}`, "--filter", "label=croft.role=helper"],
    )
  )
    .split("\n")
    .filter(Boolean);
const noHelpers = () => until("no helper is left", helpers, (names) => names.length === 0, 20_000);

const panelUrl = (): string => `ws://127.0.0.1:${croft.panelPort}/api/v1/sites/${slug}/terminal`;
const edgeUrl = (): string => `ws://127.0.0.1:${croft.edgePort}/api/v1/sites/${slug}/terminal`;
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const exec = async (body: object, token = owner.token): Promise<{ status: number; lines: any[] }> => {
  const response = await fetch(`http://127.0.0.1:${croft.panelPort}/api/v1/sites/${slug}/exec`, {
    method: "POST",
    headers: { ...bearer(token), "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return {
    status: response.status,
    lines: text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line)),
  };
};

const lastRun = async (): Promise<RunView> =>
  (await owner.api<{ items: RunView[] }>("GET", `/sites/${slug}/runs?limit=1`)).body.items[0]!;
const jobRuns = async (name: string): Promise<RunView[]> =>
  (await owner.api<{ items: RunView[] }>("GET", `/sites/${slug}/jobs/${name}/runs`)).body.items;
const untilRun = (name: string, good: (run: RunView) => boolean) =>
  until(
    `a run of ${name}`,
    () => jobRuns(name),
    (runs) => runs[0] !== undefined && good(runs[0]),
  );
const addJob = async (fields: object): Promise<JobView> => {
  const { status, body } = await owner.api<JobView>("POST", `/sites/${slug}/jobs`, {
    schedule: "0 0 1 1 *",
    ...fields,
  });
  expect(status, JSON.stringify(body)).toBe(201);
  return body;
};

test("a command has the release's files, variables and volumes, and tells each output and its end", async () => {
  const script = 'test -f server.js && echo "$TOKEN" > /data/kept; cat; echo odd >&2; exit 3';
  const { status, lines } = await exec({ command: ["sh", "-c", script], stdin: "typed" });
  expect(status).toBe(200);
  expect(lines).toContainEqual({ stdout: "typed" });
  expect(lines).toContainEqual({ stderr: "odd\n" });
  expect(lines[0]).toEqual({ run: expect.stringMatching(/^run_/) });
  expect(lines.at(-1)).toEqual({ exitCode: 3, status: "failed", reason: null });

  // Live output is the owner's own and stays as it is; what was typed is kept masked.
  const again = await exec({ command: ["sh", "-c", `cat /data/kept; : ${canary}`] });
  expect(again.lines).toContainEqual({ stdout: `${canary}\n` });
  expect(await lastRun()).toMatchObject({
    kind: "exec",
    command: ["sh", "-c", "cat /data/kept; : ********"],
    status: "succeeded",
    askedBy: "olga",
    exitCode: 0,
    output: null,
  });
  await noHelpers();
});

test("a command that takes too long is ended, and so is one whose client leaves", async () => {
  const { lines } = await exec({ command: ["sleep", "600"], timeoutSeconds: 1 });
  expect(lines.at(-1)).toMatchObject({ status: "timed_out", reason: "it took longer than 1 s" });

  const leaving = new AbortController();
  const response = await fetch(`http://127.0.0.1:${croft.panelPort}/api/v1/sites/${slug}/exec`, {
    method: "POST",
    headers: { ...bearer(owner.token), "content-type": "application/json" },
    body: JSON.stringify({ command: "echo begun; sleep 600" }),
    signal: leaving.signal,
  });
  await response.body!.getReader().read();
  leaving.abort();
  await until("it is noted", lastRun, (run) => run.status === "cancelled");
  await noHelpers();
});

test("a terminal through the edge: keys go in, output comes, it knows its size; both ends are in the audit log", async () => {
  const client = terminalClient(edgeUrl(), { ...bearer(owner.token), host: "croft.localhost" });
  await eventually("it runs", () => client.said().some(({ type }) => type === "started"));
  client.type("stty size; echo $((20+22))\n");
  await eventually("an answer", () => client.output().includes("24 80") && client.output().includes("42"));
  client.say({ type: "resize", columns: 101, rows: 33 });
  await eventually("its new size", async () => {
    client.type("stty size\n");
    await Bun.sleep(50);
    return client.output().includes("33 101");
  });
  client.type("exit 4\n");
  expect(await client.closed).toMatchObject({ code: 4000 });
  expect(client.said().at(-1)).toEqual({ type: "exit", status: "succeeded", exitCode: 4, reason: null });
  expect(await lastRun()).toMatchObject({ kind: "terminal", status: "succeeded", exitCode: 4 });

  const { Database } = await import("bun:sqlite");
  using db = new Database(join(croft.dataDir, "croft.db"), { readonly: true });
  const rows = db
    .query("SELECT action, actor_label, new_value FROM audit_log WHERE action LIKE 'terminal.%' ORDER BY id")
    .all() as { action: string; actor_label: string; new_value: string }[];
  expect(rows.map(({ action, actor_label }) => [action, actor_label])).toEqual([
    ["terminal.begin", "olga"],
    ["terminal.end", "olga"],
  ]);
  expect(JSON.parse(rows[1]!.new_value)).toMatchObject({ exitCode: 4, durationMs: expect.any(Number) });
  const all = db.query("SELECT new_value, old_value FROM audit_log").all();
  expect(JSON.stringify(all)).not.toContain(canary);
});

test("nobody gets a terminal without a session, from a foreign page, or to another's site", async () => {
  // A real upgrade by hand: what a client library says of a refusal is not enough here.
  const upgrade = async (headers: Record<string, string>, path = `/api/v1/sites/${slug}/terminal`) =>
    (
      await fetch(`http://127.0.0.1:${croft.panelPort}${path}`, {
        headers: {
          connection: "Upgrade",
          upgrade: "websocket",
          "sec-websocket-version": "13",
          "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
          "sec-websocket-protocol": "croft.terminal.v1",
          ...headers,
        },
      })
    ).status;
  expect(await upgrade({})).toBe(401);
  expect(await upgrade(bearer("croft_00000000_0000000000000000000000000000000000000000"))).toBe(401);
  expect(await upgrade(bearer(stranger.token))).toBe(404);
  expect(await upgrade({ ...bearer(owner.token), "sec-websocket-protocol": "other" })).toBe(400);

  const cookie = await sessionOf(owner);
  const host = `127.0.0.1:${croft.panelPort}`;
  for (const origin of [`http://evil.example`, `http://${slug}.localhost:${croft.edgePort}`, "null"])
    expect(await upgrade({ cookie, host, origin })).toBe(403);
  expect(await upgrade({ cookie, host, origin: `http://${host}`, "sec-fetch-site": "same-site" })).toBe(403);
  expect(await upgrade({ cookie, host })).toBe(403);

  const read = await owner.api<{ token: string }>("POST", "/keys", { name: "reads", scopes: ["read"] });
  expect(await upgrade(bearer(read.body.token))).toBe(403);
  expect((await exec({ command: "id" }, read.body.token)).status).toBe(403);
  expect((await exec({ command: "id" }, stranger.token)).status).toBe(404);
  const jobs = `/sites/${slug}/jobs`;
  expect((await stranger.api("GET", jobs)).status).toBe(404);
  expect((await stranger.api("POST", jobs, { name: "x", schedule: "@daily", command: "id" })).status).toBe(
    404,
  );
  expect(await helpers()).toEqual([]);
});

const sessionOf = async ({ username, password }: Tenant): Promise<string> => {
  const response = await fetch(`http://127.0.0.1:${croft.panelPort}/sign-in`, {
    method: "POST",
    body: new URLSearchParams({ username, password }),
    redirect: "manual",
  });
  return response.headers.get("set-cookie")!.split(";")[0]!;
};

test("a terminal closes within seconds when its key is revoked or its session ends, and nothing of it goes on", async () => {
  const made = await owner.api<{ token: string; key: { id: string } }>("POST", "/keys", {
    name: "soon gone",
    scopes: ["deploy"],
  });
  const byKey = terminalClient(panelUrl(), bearer(made.body.token));
  const cookie = await sessionOf(owner);
  const origin = `http://127.0.0.1:${croft.panelPort}`;
  const bySession = terminalClient(panelUrl(), { cookie, origin });
  for (const client of [byKey, bySession])
    await eventually("it runs", () => client.said().some(({ type }) => type === "started"));
  await owner.api("DELETE", `/keys/${made.body.key.id}`);
  const page = await (await fetch(`${origin}/account`, { headers: { cookie } })).text();
  const csrf = /name="_csrf" value="([^"]+)"/.exec(page)![1]!;
  const out = await fetch(`${origin}/sign-out`, {
    method: "POST",
    headers: { cookie },
    body: new URLSearchParams({ _csrf: csrf }),
    redirect: "manual",
  });
  expect(out.status).toBe(303);
  for (const client of [byKey, bySession]) {
    expect(await client.closed).toMatchObject({ code: 4000, reason: "signed out meanwhile" });
    expect(client.said().at(-1)).toMatchObject({ type: "exit", status: "cancelled" });
  }
  await noHelpers();
});

test("a viewer gets no terminal, and one who becomes a viewer loses the open one", async () => {
  const { Database } = await import("bun:sqlite");
  using db = new Database(join(croft.dataDir, "croft.db"));
  db.run("PRAGMA busy_timeout = 5000");
  const org = `org_${slug}`;
  const sven = (db.query("SELECT id FROM users WHERE username = 'sven'").get() as { id: string }).id;
  const olga = (db.query("SELECT owner_user_id AS id FROM sites WHERE slug = ?").get(slug) as { id: string })
    .id;
  db.run(
    "INSERT INTO organizations (id, slug, name, description, is_active, created_at) VALUES (?, ?, 'Us', '', 1, 0)",
    [org, org],
  );
  db.run(
    "INSERT INTO organization_members (organization_id, user_id, role, joined_at) VALUES (?, ?, 'member', 0)",
    [org, sven],
  );
  db.run("UPDATE sites SET owner_user_id = NULL, owner_organization_id = ? WHERE slug = ?", [org, slug]);
  try {
    const client = terminalClient(panelUrl(), bearer(stranger.token));
    await eventually("it runs", () => client.said().some(({ type }) => type === "started"));
    db.run("UPDATE organization_members SET role = 'viewer' WHERE user_id = ?", [sven]);
    expect(await client.closed).toMatchObject({
      code: 4000,
      reason: `your role on site ${slug} does not allow this`,
    });
    expect((await exec({ command: "id" }, stranger.token)).status).toBe(403);
    expect((await stranger.api("GET", `/sites/${slug}/runs`)).status).toBe(403);
    expect((await stranger.api("GET", `/sites/${slug}/jobs`)).status).toBe(200);
    expect(
      (await stranger.api("POST", `/sites/${slug}/jobs`, { name: "x", schedule: "@daily", command: "id" }))
        .status,
    ).toBe(403);
  } finally {
    db.run("UPDATE sites SET owner_user_id = ?, owner_organization_id = NULL WHERE slug = ?", [olga, slug]);
  }
  await noHelpers();
});

test("what is open at once is bounded, by person; a place that is left is free again", async () => {
  const clients = Array.from({ length: 6 }, () =>
    terminalClient(panelUrl(), bearer(owner.token), { command: ["sleep", "600"], stdin: false }),
  );
  const started = () => clients.filter((one) => one.said().some(({ type }) => type === "started"));
  const refused = () => clients.filter((one) => one.said().some(({ type }) => type === "error"));
  await eventually("five run, one is refused", () => started().length === 5 && refused().length === 1);
  expect(refused()[0]!.said()[0]).toMatchObject({ code: "rate_limited" });
  for (const client of clients) client.socket.close();
  await noHelpers();
  expect((await exec({ command: "true" })).lines.at(-1)).toMatchObject({ exitCode: 0 });
});

test("croft exec: words, input and exit status go through; a terminal is one", async () => {
  const cli = (args: string[], input?: string) => croft.cli(args, input, { CROFT_TOKEN: owner.token });
  const plain = await cli(
    ["exec", slug, "--", "sh", "-c", "cat; echo odd >&2; exit 9", "--json"],
    "through\n",
  );
  expect(plain).toEqual({ exitCode: 9, stdout: "through\n", stderr: "odd\n" });

  const large = "x".repeat(3_000_000);
  const counted = await cli(["exec", slug, "--", "sh", "-c", "cat | wc -c"], large);
  expect(counted).toMatchObject({ exitCode: 0, stdout: "3000000\n" });
  const much = await cli(["exec", slug, "--", "sh", "-c", "head -c 20000000 /dev/zero"], "");
  expect(much.stdout.length).toBe(20_000_000);

  const json = await cli(["exec", "--json", slug, "--", "echo", "$(id)"], "");
  expect(JSON.parse(json.stdout)).toMatchObject({
    exitCode: 0,
    stdout: "$(id)\n",
    stderr: "",
    status: "succeeded",
  });

  const beside = await cli(
    ["exec", slug, "--in-replica", "--", "sh", "-c", "echo $CROFT_PROCESS; hostname"],
    "",
  );
  expect(beside).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("web\n") });
  expect((await cli(["exec", uniqueSlug("none"), "--", "id"], "")).exitCode).toBe(1);
  expect((await cli(["exec", slug], "")).exitCode).toBe(2);

  let shown = "";
  const main = join(import.meta.dir, "..", "..", "main.ts");
  const proc = Bun.spawn([process.execPath, main, "exec", slug], {
    env: {
      ...(process.env as Record<string, string>),
      CROFT_URL: `http://127.0.0.1:${croft.panelPort}`,
      CROFT_TOKEN: owner.token,
    },
    terminal: { cols: 77, rows: 21, data: (_, data) => void (shown += new TextDecoder().decode(data)) },
  });
  const type = (text: string) => proc.terminal!.write(text);
  try {
    await eventually("a prompt", () => shown.includes("$"));
    type("stty size\r");
    await eventually("its size", () => shown.includes("21 77"));
    type("sleep 600\r");
    await eventually("it was typed", () => shown.includes("sleep 600"));
    // Ctrl-C ends what runs there, not what runs here.
    await eventually("an end of it", async () => {
      type("\x03");
      await Bun.sleep(100);
      return shown.includes("^C");
    });
    proc.terminal!.resize(99, 44);
    await eventually("its new size", async () => {
      type("stty size\r");
      await Bun.sleep(100);
      return shown.includes("44 99");
    });
    type("exit 6\r");
    expect(await proc.exited).toBe(6);
  } finally {
    proc.kill("SIGKILL");
    proc.terminal?.close();
  }
  await noHelpers();
});

test("a job's hostile words reach nothing but its container, and what it prints is kept masked", async () => {
  const file = join(croft.dataDir, "canary");
  const hostile = `echo one; echo $TOKEN\n touch ${file} & $(touch ${file}) ; \`touch ${file}\`; exit 2`;
  await addJob({ name: "hostile", command: hostile });
  await owner.api("POST", `/sites/${slug}/jobs/hostile/run`);
  const [run] = await untilRun("hostile", ({ status }) => status === "failed");
  expect(run!.output).toContain("one\n********\n");
  expect(run!.exitCode).toBe(2);
  expect(await Bun.file(file).exists()).toBe(false);
  const events = await owner.api<{ items: { kind: string; message: string }[] }>(
    "GET",
    `/sites/${slug}/events`,
  );
  expect(events.body.items).toContainEqual(
    expect.objectContaining({
      kind: "job.failed",
      message: "The job hostile failed: it ended with exit code 2.",
    }),
  );
  for (const schedule of [
    "* * * * *\n* * * * *",
    "0 0 30 2 *",
    "61 * * * *",
    "* * * * * *",
    "$(id) * * * *",
    "",
  ]) {
    const refused = await owner.api("POST", `/sites/${slug}/jobs`, { name: "x", schedule, command: "id" });
    expect([schedule, refused.status]).toEqual([schedule, 422]);
  }
});

test("a job that runs while its time comes again: skipped, queued, replaced or beside", async () => {
  const sleeps = { command: ["sleep", "600"] };
  for (const overlap of ["skip", "queue", "replace"]) await addJob({ name: overlap, overlap, ...sleeps });
  const runJob = (name: string) => owner.api<RunView>("POST", `/sites/${slug}/jobs/${name}/run`);
  const statuses = async (name: string) => (await jobRuns(name)).map(({ status }) => status);

  await runJob("skip");
  await untilRun("skip", ({ status }) => status === "running");
  expect((await runJob("skip")).body).toMatchObject({
    status: "skipped",
    reason: "the run before was still under way",
  });
  await runJob("queue");
  await untilRun("queue", ({ status }) => status === "running");
  expect((await runJob("queue")).body.status).toBe("queued");
  expect((await runJob("queue")).body).toMatchObject({ status: "skipped" });
  // Two of one site at once: a third job waits for room.
  await runJob("replace");
  expect(await statuses("replace")).toEqual(["queued"]);
  await owner.api("POST", `/sites/${slug}/jobs/skip/stop`);
  await untilRun("replace", ({ status }) => status === "running");
  await runJob("replace");
  await until(
    "the old one made room",
    () => statuses("replace"),
    (all) => all.join() === "running,cancelled",
  );
  await owner.api("DELETE", `/sites/${slug}/jobs/replace`);
  expect((await owner.api("GET", `/sites/${slug}/jobs/replace`)).status).toBe(404);
  await owner.api("POST", `/sites/${slug}/jobs/queue/stop`);
  await until(
    "all ended",
    () => statuses("queue"),
    (all) => all.every((one) => !["queued", "running"].includes(one)),
  );
  await noHelpers();
});

test("jobs outlive a daemon that is killed and are taken up, terminals end; what was missed says so", async () => {
  await addJob({
    name: "long",
    command: "echo begun; until test -f /data/go; do sleep 0.2; done; echo over",
  });
  await addJob({
    name: "short",
    command: "echo quick; until test -f /data/quick; do sleep 0.2; done; exit 3",
  });
  for (const name of ["long", "short"]) {
    await owner.api("POST", `/sites/${slug}/jobs/${name}/run`);
    await untilRun(name, ({ status, output }) => status === "running" && output !== null && output !== "");
  }
  const client = terminalClient(panelUrl(), bearer(owner.token));
  await eventually("it runs", () => client.said().some(({ type }) => type === "started"));
  const inside = terminalClient(panelUrl(), bearer(owner.token), {
    command: ["sleep", "601"],
    inReplica: true,
  });
  await eventually("it runs", () => inside.said().some(({ type }) => type === "started"));
  await croft.kill("SIGKILL");
  const short = (await helpers()).length;
  expect(short).toBe(3);
  // One ends while nobody looks.
  const { Database } = await import("bun:sqlite");
  {
    using db = new Database(join(croft.dataDir, "croft.db"));
    const { id } = db.query("SELECT id FROM volumes").get() as { id: string };
    await Bun.write(join(croft.dataDir, "volumes", id, "quick"), "");
    const run = db
      .query("SELECT id FROM runs WHERE job_id IN (SELECT id FROM jobs WHERE name = 'short')")
      .get();
    await until(
      "it has ended",
      () => docker("inspect", "-f", "{{.State.Status}}", `croft-${(run as { id: string }).id}`),
      (state) => state === "exited",
    );
    // A time of each went by while nobody was there.
    db.run("UPDATE jobs SET next_run_at = ? WHERE name IN ('hostile', 'long')", [Date.now() - 600_000]);
    db.run("UPDATE jobs SET missed = 'run' WHERE name = 'hostile'");
  }
  await croft.start();
  const [ended] = await untilRun("short", ({ status }) => status === "failed");
  expect(ended).toMatchObject({ exitCode: 3, output: "quick\n" });
  const [missed] = await untilRun("long", ({ status }) => status === "skipped");
  expect(missed!.reason).toContain("Croft was not running at its time");
  await untilRun("hostile", ({ status, askedBy }) => status === "failed" && askedBy === "schedule");
  const runs = (await owner.api<{ items: RunView[] }>("GET", `/sites/${slug}/runs?limit=2`)).body.items;
  expect(runs.map(({ status, reason }) => [status, reason])).toEqual([
    ["lost", "Croft itself ended while it was open"],
    ["lost", "Croft itself ended while it was open"],
  ]);
  const replica = await docker(
    "ps",
    "-q",
    "--filter",
    `label=croft.site=${slug}`,
    "--filter",
    "label=croft.role=site",
  );
  expect(await docker("top", replica)).not.toContain("sleep 601");
  expect(await helpers()).toHaveLength(1);
  expect((await exec({ command: "touch /data/go" })).lines.at(-1)).toMatchObject({ exitCode: 0 });
  await until(
    "the long one ended",
    () => jobRuns("long"),
    (all) => all.some(({ status, output }) => status === "succeeded" && output === "begun\nover\n"),
  );
  await noHelpers();
});

test("a stop of the daemon ends terminals and leaves jobs; a deleted site leaves nothing", async () => {
  await addJob({ name: "last", command: ["sleep", "600"] });
  await owner.api("POST", `/sites/${slug}/jobs/last/run`);
  await untilRun("last", ({ status }) => status === "running");
  const client = terminalClient(panelUrl(), bearer(owner.token));
  await eventually("it runs", () => client.said().some(({ type }) => type === "started"));
  expect(await croft.kill("SIGTERM")).toBe(0);
  await client.closed;
  expect(client.said().at(-1)).toMatchObject({ type: "exit", reason: "Croft is being stopped" });
  expect(await helpers()).toHaveLength(1);
  await croft.start();
  await untilRun("last", ({ status }) => status === "running");
  const open = terminalClient(panelUrl(), bearer(owner.token));
  await eventually("it runs", () => open.said().some(({ type }) => type === "started"));
  await owner.api("DELETE", `/sites/${slug}?confirm=${slug}&volumes=true`);
  expect(await open.closed).toMatchObject({ code: 4000, reason: "the site was deleted" });
  await until(
    "nothing is left of it",
    () => docker("ps", "-aq", "--filter", `label=croft.site=${slug}`),
    (ids) => ids === "",
    60_000,
  );
});
