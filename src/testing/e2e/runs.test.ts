import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { openBrowser } from "../../panel/testing/browser.ts";
import { eventually } from "../docker-fixture.ts";
import { terminalClient } from "../terminal-client.ts";
import { testCertificate } from "../test-certificate.ts";
import { freePort, uniqueSlug, until } from "./croft.ts";
import { bearer, runFixture, type RunFixture } from "./run-fixture.ts";
import type { Tenant } from "./tenant.ts";

// Commands and terminals on a real daemon, edge and app, as people and strangers meet them.

setDefaultTimeout(120_000);

const panel = "croft.runs.test";
const https = freePort();
let fixture: RunFixture;

beforeAll(async () => {
  // The certificate is our own: no authority is to be asked.
  fixture = await runFixture({
    CROFT_HTTPS: `127.0.0.1:${https}`,
    CROFT_BASE_DOMAIN: "runs.test",
    CROFT_ACME_DIRECTORY: "https://127.0.0.1:1/directory",
  });
  const { status } = await fixture.croft.api("POST", "/certificates", await pemOf([panel]));
  expect(status).toBe(201);
});
afterAll(() => fixture?.croft.destroy());

const pemOf = async (names: string[]) => {
  const { certificate, key } = await testCertificate(names);
  return { certificate, key };
};
const panelUrl = (): string => fixture.terminalUrl(fixture.croft.panelPort);

test("a command has the release's files, variables and volumes, and tells each output and its end", async () => {
  const { canary, exec, lastRun, noHelpers } = fixture;
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
  const { croft, owner, slug, exec, lastRun, noHelpers } = fixture;
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

test("a terminal through the edge over HTTPS: keys go in, output comes, it knows its size; both ends are in the audit log", async () => {
  const { owner, canary, lastRun } = fixture;
  const url = fixture.terminalUrl(https, "wss");
  const client = terminalClient(url, { ...bearer(owner.token), host: panel });
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

  using db = fixture.database({ readonly: true });
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
  const { croft, owner, stranger, slug, exec, helpers } = fixture;
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

const overHttps = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`https://127.0.0.1:${https}${path}`, {
    ...init,
    headers: { ...(init.headers as Record<string, string>), host: panel },
    redirect: "manual",
    tls: { rejectUnauthorized: false, serverName: panel },
  } as RequestInit);

/** @param ask how the browser comes: past the edge when left out */
const sessionOf = async (
  { username, password }: Tenant,
  ask: (path: string, init: RequestInit) => Promise<Response> = (path, init) =>
    fetch(`http://127.0.0.1:${fixture.croft.panelPort}${path}`, { ...init, redirect: "manual" }),
): Promise<string> => {
  const body = new URLSearchParams({ username, password });
  const response = await ask("/sign-in", { method: "POST", body });
  return response.headers.get("set-cookie")!.split(";")[0]!;
};

test("a terminal closes within seconds when its key is revoked or its session ends, and nothing of it goes on", async () => {
  const { owner, noHelpers } = fixture;
  const made = await owner.api<{ token: string; key: { id: string } }>("POST", "/keys", {
    name: "soon gone",
    scopes: ["deploy"],
  });
  const byKey = terminalClient(panelUrl(), bearer(made.body.token));
  const cookie = await sessionOf(owner, overHttps);
  const bySession = terminalClient(fixture.terminalUrl(https, "wss"), {
    cookie,
    host: panel,
    origin: `https://${panel}`,
  });
  for (const client of [byKey, bySession])
    await eventually("it runs", () => client.said().some(({ type }) => type === "started"));
  await owner.api("DELETE", `/keys/${made.body.key.id}`);
  const page = await (await overHttps("/account", { headers: { cookie } })).text();
  const csrf = /name="_csrf" value="([^"]+)"/.exec(page)![1]!;
  const body = new URLSearchParams({ _csrf: csrf });
  const out = await overHttps("/sign-out", { method: "POST", headers: { cookie }, body });
  expect(out.status).toBe(303);
  for (const client of [byKey, bySession]) {
    expect(await client.closed).toMatchObject({ code: 4000, reason: "signed out meanwhile" });
    expect(client.said().at(-1)).toMatchObject({ type: "exit", status: "cancelled" });
  }
  await noHelpers();
});

test("a viewer gets no terminal, and one who becomes a viewer loses the open one", async () => {
  const { stranger, slug, exec, noHelpers } = fixture;
  using db = fixture.database();
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
  const { owner, exec, noHelpers } = fixture;
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
  const { croft, owner, slug, noHelpers } = fixture;
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

test("in a browser: keys go to the terminal, one leads out, and the page complains of nothing", async () => {
  const { croft, owner, slug, noHelpers } = fixture;
  const origin = `http://127.0.0.1:${croft.panelPort}`;
  const { view, complaints, until: untilPage, go, text } = await openBrowser(origin);
  try {
    await view.evaluate(`document.getElementById("username").focus()`);
    await view.type(owner.username);
    await view.press("Tab");
    await view.type(owner.password);
    await view.press("Enter");
    await untilPage(`location.pathname === "/"`);
    await go(`/sites/${slug}/terminal`);
    await view.evaluate(`document.getElementById("terminal-open").click()`);
    await untilPage(`document.getElementById("terminal-state").textContent === "Open"`);
    await untilPage(`document.querySelector(".xterm-rows").innerText.includes("$")`);
    await view.type("echo over-$((40+2))");
    await view.press("Enter");
    await untilPage(`document.querySelector(".xterm-rows").innerText.includes("over-42")`);
    for (const type of ["rawKeyDown", "keyUp"])
      await view.cdp("Input.dispatchKeyEvent", { type, key: "F6", code: "F6", windowsVirtualKeyCode: 117 });
    await untilPage(`document.activeElement.id === "terminal-close"`);
    await view.press("Enter");
    await untilPage(`document.getElementById("terminal-state").textContent === "Closed."`);
    expect(await text("#terminal-open")).toBe("Open again");
    expect(complaints).toEqual([]);
  } finally {
    view.close();
  }
  await noHelpers();
});
