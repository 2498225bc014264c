import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import type { BackupView } from "../backup/view.ts";
import { defaultLimits } from "../domain/limits.ts";
import { MB } from "../domain/size.ts";
import type { DeploymentView } from "../domain/views.ts";
import type { HostBackup } from "./command.ts";
import { timeFlag } from "./commands/usage.ts";
import { type Answer, eventStream, type FakeCroft, fakeCroft, problem } from "./testing/fake-croft.ts";

let croft: FakeCroft;
let answers: Record<string, Answer>;
beforeEach(async () => {
  answers = {};
  croft = await fakeCroft(answers);
});
afterEach(() => croft.close());

const last = () => croft.seen.at(-1)!;

const deployment = (change: Partial<DeploymentView>): Partial<DeploymentView> => ({
  id: "dep_1",
  site: "blog",
  status: "pending",
  release: null,
  error: null,
  ...change,
});

describe("limits", () => {
  const applied = {
    memoryBytes: 128 * MB,
    memorySwapBytes: 128 * MB,
    cpuMillicores: 500,
    pids: 256,
    readAt: "2026-01-01T00:00:00Z",
  };
  const disk = {
    usedBytes: 9 * MB,
    measuredAt: null,
    enforcement: "measured",
    layer: "measured",
    detail: "",
  };
  const asked = { ...defaultLimits, memoryBytes: 128 * MB, pids: 64 };
  const cpuBurst = { on: false, ceilingMillicores: 500 };

  test("sizes and cores are sent in the API's units, and only what was given", async () => {
    answers["PUT /sites/blog/limits"] = () => ({ asked, applied, disk, cpuBurst });
    const argv =
      "site limits blog --memory 128m --cpu 0.5 --pids 64 --disk 1.5g --bandwidth 10g --rpm 600 --concurrent 9 --max-body 1k";
    expect((await croft.run(argv.split(" "))).exitCode).toBe(0);
    expect(last().body).toEqual({
      memoryBytes: 134_217_728,
      cpuMillicores: 500,
      pids: 64,
      diskBytes: 1_610_612_736,
      bandwidthBytesPerMonth: 10_737_418_240,
      requestsPerMinute: 600,
      concurrentRequests: 9,
      maxBodyBytes: 1024,
    });
    await croft.run(["site", "limits", "blog", "--cpu", "2"]);
    expect(last().body).toEqual({ cpuMillicores: 2000 });
  });

  test("a volume is removed only when named again; how much is lost is said when it can be known", async () => {
    const unknown = await croft.run(["volume", "remove", "blog", "data"]);
    expect(unknown.exitCode).toBe(2);
    expect(unknown.err).toContain("what it holds is lost for good; repeat the name: --confirm data");
    answers["GET /sites/blog/volumes"] = () => ({ items: [{ name: "data", usedBytes: 3 * MB }] });
    const known = await croft.run(["volume", "remove", "blog", "data", "--confirm", "date"]);
    expect(known.exitCode).toBe(2);
    expect(known.err).toContain("the 3 MB in it are lost for good");
  });

  test("a log without lines says why, beside the output", async () => {
    answers["GET /sites/blog/logs"] = () => ({
      items: [],
      entries: [],
      next: null,
      whole: true,
      stored: true,
    });
    const all = await croft.run(["logs", "blog"]);
    expect(all).toMatchObject({ exitCode: 0, out: "" });
    expect(all.err).toContain("blog has printed nothing yet");
    expect((await croft.run(["logs", "blog", "--search", "x"])).err).toBe("No line that is kept matches.\n");
  });

  test("a value that begins with a minus, a size that is none, and a command that is missing are named", async () => {
    const minus = await croft.run(["site", "limits", "blog", "--cpu", "-1"]);
    expect(minus.exitCode).toBe(2);
    expect(minus.err).toContain("what follows --cpu begins with -; write --cpu=VALUE");
    const job = await croft.run(["job", "add", "blog", "tidy", "--schedule", "@daily"]);
    expect(job.exitCode).toBe(2);
    expect(job.err).toContain("the command is missing");
    const size = await croft.run(["volume", "resize", "blog", "data", "much"]);
    expect(size.exitCode).toBe(2);
    expect(size.err).toContain('SIZE is a size such as 128m or 1.5g, not "much"');
  });

  test("asked and applied stand side by side, and what differs is marked", async () => {
    answers["GET /sites/blog/limits"] = () => ({ asked, applied, disk, cpuBurst });
    const { out } = await croft.run(["site", "limits", "blog"]);
    const line = (name: string) => out.split("\n").find((one) => one.startsWith(name))!;
    expect(line("memory")).toMatch(/128 MB +128 MB$/);
    expect(line("swap")).toMatch(/0 B +0 B$/);
    expect(line("pids")).toMatch(/64 +256 +differs/);
  });

  test("a site may be let use idle CPU, and what the kernel then holds is no difference", async () => {
    const held = { ...applied, pids: 64, cpuMillicores: 2000 };
    const answer = { asked, applied: held, disk, cpuBurst: { on: true, ceilingMillicores: 2000 } };
    answers["PUT /sites/blog/limits"] = () => answer;
    const { out } = await croft.run(["site", "limits", "blog", "--cpu-burst", "on"]);
    expect(last().body).toEqual({ cpuBurst: true });
    expect(out).toMatch(/cpu +0\.5 cores +2 cores +while cores are idle/);
    expect((await croft.run(["site", "limits", "blog", "--cpu-burst", "maybe"])).exitCode).toBe(2);
  });

  test("nothing applied yet", async () => {
    answers["GET /sites/blog/limits"] = () => ({ asked, applied: null, disk, cpuBurst });
    const { out } = await croft.run(["site", "limits", "blog"]);
    expect(out).toContain("Nothing runs yet");
    expect(out).not.toContain("differs");
  });
});

describe("deploying", () => {
  test("without --wait it says how to follow", async () => {
    answers["POST /sites/blog/deployments"] = () => deployment({});
    const { out, exitCode } = await croft.run(["deploy", "blog", "--commit", "abc123"]);
    expect(exitCode).toBe(0);
    expect(out).toContain("croft logs blog -f --deployment dep_1");
    expect(last().body).toEqual({ commit: "abc123", trigger: "cli" });
  });

  const line = (seq: number, message: string) => ({
    id: seq,
    event: "log",
    data: { seq, at: "", level: "info", source: "build", message },
  });

  test("--wait shows the log, takes it up again where it broke off, and names the address", async () => {
    let connections = 0;
    let looks = 0;
    answers["POST /sites/blog/deployments"] = () => deployment({});
    answers["GET /deployments/dep_1/logs"] = () =>
      ++connections === 1
        ? eventStream([line(1, "Step 1/2"), line(2, "Step 2/2")])
        : eventStream([line(3, "probing"), { event: "end", data: { status: "success" } }]);
    answers["GET /deployments/dep_1"] = () =>
      deployment(++looks === 1 ? { status: "building" } : { status: "success", release: 7 });
    answers["GET /sites/blog"] = () => ({ urls: ["http://blog.localhost"] });
    const { out, err, exitCode } = await croft.run(["deploy", "blog", "--wait"]);
    expect({ out, exitCode }).toEqual({ out: "Release 7 is live at http://blog.localhost\n", exitCode: 0 });
    expect(err.match(/build +.*/g)).toEqual([
      "build        Step 1/2",
      "build        Step 2/2",
      "build        probing",
    ]);
    const resumed = croft.seen.filter((one) => one.path.endsWith("/logs")).map((one) => one.lastEventId);
    expect(resumed).toEqual([null, "2"]);
  });

  test("--wait outlives a daemon that is away for a moment", async () => {
    let connections = 0;
    answers["POST /sites/blog/rollback"] = () => deployment({});
    answers["GET /deployments/dep_1/logs"] = () =>
      ++connections < 3 ? problem(503, "unavailable", "starting") : eventStream([{ event: "end", data: {} }]);
    answers["GET /deployments/dep_1"] = () => deployment({ status: "success", release: 2 });
    answers["GET /sites/blog"] = () => ({ urls: [] });
    const { out, exitCode } = await croft.run(["rollback", "blog", "--to", "2", "--wait=watch", "--json"]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ id: "dep_1", status: "success" });
    expect(croft.seen[0]!.body).toEqual({ to: 2 });
  });

  test.each(["failed", "cancelled", "superseded", "rolled_back"] as const)(
    "%s ends with 1 and the reason",
    async (status) => {
      answers["POST /sites/blog/deployments"] = () => deployment({});
      answers["GET /deployments/dep_1/logs"] = () => eventStream([{ event: "end", data: {} }]);
      answers["GET /deployments/dep_1"] = () =>
        deployment({
          status,
          error: { code: "probe_failed", message: "nothing listens on 3000; seen: 8080" },
        });
      const plain = await croft.run(["deploy", "blog", "--wait"]);
      expect(plain).toMatchObject({ exitCode: 1, out: "" });
      if (status !== "superseded") expect(plain.err).toContain("seen: 8080");
      const json = await croft.run(["deploy", "blog", "--wait", "--json"]);
      expect(json.exitCode).toBe(1);
      expect(JSON.parse(json.out).status).toBe(status);
    },
  );

  test("a deployment that vanished is not asked for again and again", async () => {
    answers["POST /sites/blog/deployments"] = () => deployment({});
    const { exitCode, err } = await croft.run(["deploy", "blog", "--wait"]);
    expect(exitCode).toBe(1);
    expect(err).toContain("was not found");
    expect(croft.seen.length).toBe(2);
  });
});

test("a site is created from flags; an empty value clears a field", async () => {
  answers["POST /sites"] = () => ({
    slug: "blog",
    urls: ["http://blog.localhost"],
    gitRemote: "http://x/git/blog.git",
  });
  const made = await croft.run(
    "site create blog --type app --port 3000 --health-path /up --no-auto-deploy".split(" "),
  );
  expect(made.out).toContain("http://x/git/blog.git");
  expect(last().body).toEqual({
    slug: "blog",
    type: "app",
    port: 3000,
    healthCheck: { path: "/up" },
    autoDeploy: false,
  });
  answers["PATCH /sites/blog"] = () => ({ slug: "blog" });
  await croft.run(["site", "change", "blog", "--repo", "", "--port", "", "--branch", "next"]);
  expect(last().body).toEqual({ repositoryUrl: null, port: null, branch: "next" });
});

test("names and keys travel as data, whatever they hold", async () => {
  await croft.run(["site", "show", "../users?x=$(id)"]);
  expect(last().path).toBe("/sites/..%2Fusers%3Fx%3D%24(id)");
  answers["PUT /sites/blog/env"] = () => ({ items: [] });
  await croft.run(["env", "set", "blog", "A B=1", "URL=postgres://u:p@h/db?a=b"]);
  expect(last().body).toEqual({ set: { "A B": "1", URL: "postgres://u:p@h/db?a=b" }, secret: false });
  await croft.run(["env", "set", "blog", "KEY", "--stdin", "--secret"], { stdin: "line 1\nline 2" });
  expect(last().body).toEqual({ set: { KEY: "line 1\nline 2" }, secret: true });
});

test("escape sequences from a site's log do not reach the terminal", async () => {
  answers["GET /sites/blog/logs"] = () => ({
    items: ["\x1b[2J\x1b]0;owned\x07red \x1b[31mtext\x1b[0m\r\x9b5A\tend"],
  });
  const { out } = await croft.run(["logs", "blog"]);
  expect(out).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
  expect(out).toContain("red text");
});

test("a deployment's log is read to its end", async () => {
  answers["GET /deployments/dep_1/logs"] = ({ path }) => {
    const after = Number(new URL(path, "http://x").searchParams.get("after"));
    return {
      items:
        after < 4
          ? [1, 2].map((n) => ({ seq: after + n, source: "build", message: `line ${after + n}` }))
          : [],
    };
  };
  const { out } = await croft.run(["logs", "blog", "--deployment", "dep_1", "--json"]);
  expect(JSON.parse(out).items.map((one: { seq: number }) => one.seq)).toEqual([1, 2, 3, 4]);
});

test("following a site's log ends with Ctrl-C", async () => {
  const stop = new AbortController();
  answers["GET /sites/blog/logs"] = () => eventStream([{ event: "log", data: { line: "hello" } }]);
  const running = croft.run(["logs", "blog", "-f"], { signal: stop.signal });
  while (croft.seen.length === 0) await Bun.sleep(5);
  await Bun.sleep(50);
  stop.abort(new DOMException("stopped", "AbortError"));
  const { out, exitCode } = await running;
  expect({ out, exitCode }).toEqual({ out: "hello\n", exitCode: 130 });
});

test("times are absolute or a span back from now", () => {
  const nowMs = Date.parse("2026-01-31T12:00:00Z");
  expect(timeFlag("from", "24h", nowMs)).toBe("2026-01-30T12:00:00.000Z");
  expect(timeFlag("from", "90m", nowMs)).toBe("2026-01-31T10:30:00.000Z");
  expect(timeFlag("from", "2026-01-01", nowMs)).toBe("2026-01-01T00:00:00.000Z");
  expect(timeFlag("from", undefined, nowMs)).toBeUndefined();
});

test("usage is a table, and the API's document with --json", async () => {
  const none = { avg: null, max: null };
  const point = {
    at: "2026-01-01T00:00:00Z",
    memoryBytes: none,
    cpuPercent: none,
    cpuSeconds: null,
    diskBytes: 2 * MB,
    bytesIn: 10,
    bytesOut: 2048,
    requests: 3,
    errors: 1,
    responseMs: { avg: 1, p50: 1, p95: 2, p99: 2.34 },
    activeRequests: 0,
    uptimeSeconds: 1,
    throttledSeconds: 1.5,
    oomKills: 0,
    memoryLimitHits: 4,
    memoryStallSeconds: null,
  };
  answers["GET /sites/blog/usage"] = () => ({ resolution: "hour", items: [point], limits: {} });
  const { out } = await croft.run(["usage", "blog", "--resolution", "hour"]);
  expect(out.trim().split("\n")[1]).toMatch(/- +- +- +2 MB +10 B +2 KB +3 +1 +1\.0 +2\.3$/);
  expect(out).toContain("Held back 1.5 s at its CPU limit. Memory met its limit 4 times.");
  const json = await croft.run(["usage", "blog", "--json"]);
  expect(JSON.parse(json.out).items).toEqual([point]);
  expect(json.err).toBe("");
});

test("a key is revoked by its prefix or id", async () => {
  answers["GET /keys"] = () => ({
    items: [{ id: "key_1", prefix: "abcd1234", name: "ci", scopes: ["read"] }],
  });
  answers["DELETE /keys/key_1"] = () => ({});
  expect((await croft.run(["key", "revoke", "abcd1234"])).exitCode).toBe(0);
  expect(last().path).toBe("/keys/key_1");
  const unknown = await croft.run(["key", "revoke", "zzzz"]);
  expect(unknown).toMatchObject({ exitCode: 1 });
  expect(unknown.err).toContain("croft key list");
});

describe("backups", () => {
  const backup = (id: string, change: Partial<BackupView> = {}): BackupView => ({
    id,
    kind: "manual",
    path: `/data/backups/${id}`,
    bytes: 1024,
    createdAt: "2026-01-01T00:00:00.000Z",
    verifiedAt: "2026-01-01T00:00:01.000Z",
    state: "whole",
    croftVersion: "0.1.0",
    migrations: [],
    keyFingerprint: null,
    volumes: [],
    warnings: [],
    notes: [],
    ...change,
  });
  const asked: unknown[] = [];
  const hostBackup: HostBackup = {
    list: async () => [backup("bak_host")],
    verify: async (which) => {
      asked.push(which);
      return backup("bak_host");
    },
    restore: async (options) => {
      asked.push({ ...options, signal: undefined });
      return { backup: backup("bak_host"), keptIn: "/data/before-restore", notes: ["the old state is kept"] };
    },
  };
  beforeEach(() => void asked.splice(0));
  const nobody = { env: { CROFT_URL: "http://127.0.0.1:1" }, hostBackup };

  test("the newest whole one is verified, by the daemon where there is one", async () => {
    answers["GET /backups"] = () => ({
      items: [backup("bak_3", { state: "damaged" }), backup("bak_2"), backup("bak_1")],
    });
    answers["POST /backups/bak_2/verify"] = () => backup("bak_2");
    const { out } = await croft.run(["backup", "verify", "--json"], { hostBackup });
    expect(JSON.parse(out).id).toBe("bak_2");
    expect(asked).toEqual([]);
  });

  test("without a daemon, or by path, the host's own files are read", async () => {
    expect((await croft.run(["backup", "list"], nobody)).out).toContain("bak_host");
    expect((await croft.run(["backup", "verify"], nobody)).exitCode).toBe(0);
    expect((await croft.run(["backup", "verify", "/mnt/copy"], { hostBackup })).exitCode).toBe(0);
    expect(asked).toEqual(["bak_host", "/mnt/copy"]);
    expect(croft.seen).toEqual([]);
  });

  test("what the daemon refuses is not looked for elsewhere", async () => {
    answers["GET /backups"] = () => problem(403, "forbidden", "only the operator may do this");
    const { exitCode, err } = await croft.run(["backup", "list"], { hostBackup });
    expect({ exitCode, told: err.includes("only the operator") }).toEqual({ exitCode: 1, told: true });
  });

  test("restoring passes on which one, and says what is to be known", async () => {
    const { err, exitCode } = await croft.run(["backup", "restore", "--at", "2026-01-02T00:00:00Z"], nobody);
    expect(exitCode).toBe(0);
    expect(err).toContain("the old state is kept");
    expect(asked).toEqual([{ at: "2026-01-02T00:00:00Z" }]);
    expect((await croft.run(["backup", "restore", "--at", "noon"], nobody)).exitCode).toBe(2);
    expect(
      (await croft.run(["backup", "restore", "--at", "2026-01-02", "--from", "x"], nobody)).exitCode,
    ).toBe(2);
  });
});

test("plan needs no daemon", async () => {
  await Bun.write(join(croft.home, "app/index.html"), "<h1>Hello</h1>");
  const json = await croft.run(["plan", "--dir", "app", "--json"]);
  expect(json.exitCode).toBe(0);
  expect(JSON.parse(json.out)).toMatchObject({ kind: "static" });
  const nothing = await croft.run(["plan", "--dir", "nowhere"]);
  expect(nothing.exitCode).toBe(1);
  expect(croft.seen).toEqual([]);
});

test("the bash completion completes", async () => {
  const { out } = await croft.run(["completion", "bash"]);
  const script = `${out}
complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _croft; echo "\${COMPREPLY[*]}"; }
complete_words croft dep
complete_words croft site li
complete_words croft site limits blog --me
complete_words croft deploy blog --w`;
  const bash = Bun.spawn(["bash", "--noprofile", "--norc", "-c", script], {
    stdout: "pipe",
    stderr: "inherit",
  });
  expect((await new Response(bash.stdout).text()).split("\n").slice(0, 4)).toEqual([
    "deploy deployments",
    "list limits",
    "--memory",
    "--wait",
  ]);
});

test("a site that is started is said to come until it runs", async () => {
  for (const [site, said] of [
    [{ status: "deploying", replicas: [] }, "blog is being started\n"],
    [{ status: "running", replicas: [{}] }, "blog is running\n"],
  ] as const) {
    answers["POST /sites/blog/start"] = () => ({ slug: "blog", ...site });
    expect((await croft.run(["site", "start", "blog"])).out).toBe(said);
  }
});

test("a webhook's password comes from standard input where there is no terminal to ask on", async () => {
  const provider = { zone: "example.org", server: null, url: "https://hook.example.org" };
  answers["POST /dns-providers"] = () => provider;
  answers["POST /dns-providers/example.org/test"] = () => ({ ok: true, record: "_x", error: null });
  const argv = ["dns", "add", "example.org", "--url", provider.url];
  const added = await croft.run([...argv, "--password-stdin"], { stdin: "hook-password" });
  expect(added.exitCode).toBe(0);
  expect(croft.seen[0]?.body).toMatchObject({ kind: "webhook", secret: "hook-password" });
  const main = join(import.meta.dir, "../main.ts");
  const asked = Bun.spawn([process.execPath, main, ...argv], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { HOME: croft.home, CROFT_URL: croft.url, CROFT_TOKEN: "croft_test_key" },
    timeout: 20_000,
  });
  expect(await new Response(asked.stderr).text()).toContain("there is no terminal to ask on");
  expect(await asked.exited).toBe(2);
  expect(croft.seen).toHaveLength(2);
}, 30_000);

test("a site's log is asked for page by page until there are enough lines, and by what is looked for", async () => {
  answers["GET /sites/blog/logs"] = ({ path }) => {
    const query = new URL(path, "http://x").searchParams;
    const page = Number(query.get("cursor") ?? 3);
    return {
      items: [`line ${page}`],
      entries: [{ at: "2026-01-31T12:00:00.000Z", level: "error", process: "web", cut: page === 1 }],
      next: page === 1 ? null : String(page - 1),
      whole: page === 1,
    };
  };
  const words = ["logs", "blog", "--since", "1h", "--search", "a b", "--level", "warn", "--match-case"];
  const { out } = await croft.run([...words, "--limit", "10", "--times"]);
  expect(out.split("\n").map((line) => line.slice(line.indexOf("web")))).toEqual([
    "web  error     line 1 … (cut)",
    "web  error     line 2",
    "web  error     line 3",
    "",
  ]);
  const asked = croft.seen.filter((one) => one.path.startsWith("/sites/blog/logs")).map(({ path }) => path);
  expect(asked[0]).toBe("/sites/blog/logs?since=1h&search=a+b&level=warn&case=exact&limit=10");
  expect(asked[2]).toContain("&limit=8&cursor=1");
});
