import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createHmac, randomFillSync } from "node:crypto";
import { join } from "node:path";
import { MB } from "../../domain/size.ts";
import type { HttpsView } from "../../domain/views.ts";
import { type Pebble, startPebble } from "../pebble.ts";
import { answering, freePort, nodeApp, run, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";

// Panel, API, hooks and git remote under the panel's own domain, through the edge.

setDefaultTimeout(240_000);

let pebble: Pebble;
let croft: TestCroft;
let rootFile: string;
const [httpPort, httpsPort] = [freePort(), freePort()];
const panel = "croft.sites.example.test";
const slug = uniqueSlug("panel");

beforeAll(async () => {
  pebble = await startPebble(httpPort, { nonceReject: 20 });
  croft = await startCroft({
    CROFT_HTTP: `127.0.0.1:${httpPort}`,
    CROFT_HTTPS: `127.0.0.1:${httpsPort}`,
    CROFT_BASE_DOMAIN: "sites.example.test",
    CROFT_ACME_DIRECTORY: pebble.directoryUrl,
    CROFT_ACME_CA_FILE: pebble.caFile,
    CROFT_DNS_SERVERS: pebble.dnsServer,
  });
  rootFile = join(croft.dataDir, "..", "root.pem");
  await Bun.write(rootFile, await pebble.rootCertificate());
  await croft.createSite(slug, { type: "static" });
});
afterAll(async () => {
  await croft?.destroy();
  await pebble?.close();
});

/** As a browser would: the certificate is checked. */
const curl = (path: string, args: string[] = [], input?: string) =>
  run(
    [
      ...["curl", "-sS", "--max-time", "120", "--cacert", rootFile],
      ...["--resolve", `${panel}:${httpsPort}:127.0.0.1`, ...args, `https://${panel}:${httpsPort}${path}`],
    ],
    { input },
  );
const bearer = () => ["-H", `Authorization: Bearer ${croft.token}`];

const gitEnv = () => ({
  GIT_SSL_CAINFO: rootFile,
  GIT_CONFIG_COUNT: "1",
  GIT_CONFIG_KEY_0: "http.curloptResolve",
  GIT_CONFIG_VALUE_0: `${panel}:${httpsPort}:127.0.0.1`,
});

test("its certificate is ordered at the first start; then pages, API and OpenAPI are served by HTTP/1.1 and HTTP/2", async () => {
  await until(
    "the certificate is there",
    () => curl("/healthz"),
    (answer) => answer.exitCode === 0,
    60_000,
  );
  const { body } = await croft.api<HttpsView>("GET", "/https");
  expect(body.panel).toMatchObject({
    name: panel,
    url: `https://${panel}:${httpsPort}`,
    nextStep: null,
    certificate: { source: "automatic", state: "valid", error: null },
  });
  for (const version of ["--http1.1", "--http2"]) {
    const page = await curl("/sign-in", [version, "-w", "%{http_version}"]);
    expect(page.stdout).toContain("<h1>Sign in</h1>");
    expect(page.stdout.endsWith(version === "--http2" ? "2" : "1.1")).toBe(true);
    const sites = await curl("/api/v1/sites", [version, ...bearer()]);
    expect(sites.stdout).toContain(slug);
    const { servers } = JSON.parse((await curl("/api/v1/openapi.json", [version])).stdout) as {
      servers: unknown;
    };
    expect(servers).toEqual([{ url: `https://${panel}:${httpsPort}` }]);
  }
  const plain = await run([
    ...["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"],
    ...["--resolve", `${panel}:${httpPort}:127.0.0.1`, `http://${panel}:${httpPort}/sites/x?y=z`],
  ]);
  expect(plain.stdout).toBe(`308 https://${panel}:${httpsPort}/sites/x?y=z`);
});

test("hooks are taken, with the right signature alone", async () => {
  const made = await croft.api<{ url: string; secret: string }>("POST", `/sites/${slug}/hooks`, {
    provider: "github",
  });
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  expect(made.body.url).toStartWith(`https://${panel}:${httpsPort}/hooks/github/`);
  const body = JSON.stringify({ zen: "Practicality beats purity.", hook_id: 1 });
  const deliver = async (secret: string) =>
    (
      await curl(new URL(made.body.url).pathname, [
        ...["-o", "/dev/null", "-w", "%{http_code}", "-d", body, "-H", "Content-Type: application/json"],
        ...["-H", "X-GitHub-Event: ping", "-H", `X-GitHub-Delivery: ${crypto.randomUUID()}`],
        ...["-H", `X-Hub-Signature-256: sha256=${createHmac("sha256", secret).update(body).digest("hex")}`],
      ])
    ).stdout;
  expect(await deliver(made.body.secret)).toBe("200");
  expect(await deliver("another")).toBe("401");
});

const residentBytes = async (pid: number): Promise<number> =>
  Number(/^VmRSS:\s+(\d+) kB/m.exec(await Bun.file(`/proc/${pid}/status`).text())![1]) * 1024;

test("a push of 200 MB goes through, and neither daemon nor edge keeps it in memory", async () => {
  const dir = join(croft.dataDir, "..", "large");
  await run(["git", "init", "-q", "-b", "main", dir]);
  await run(["git", "config", "core.compression", "0"], { cwd: dir });
  // Nothing that compresses: as many bytes go over the network.
  for (let i = 0; i < 4; i++) await Bun.write(join(dir, `${i}.bin`), randomFillSync(new Uint8Array(50 * MB)));
  await Bun.write(join(dir, "index.html"), "large");
  await croft.api("PUT", `/sites/${slug}/limits`, { diskBytes: 1024 * MB });
  await run(["git", "add", "-A"], { cwd: dir });
  await run(["git", "-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-qm", "large"], {
    cwd: dir,
  });
  const pids = [croft.daemonPid(), (await croft.edge()).pid];
  const before = await Promise.all(pids.map(residentBytes));
  const peak = [...before];
  let pushed = false;
  const watching = (async () => {
    while (!pushed) {
      for (const [i, pid] of pids.entries()) peak[i] = Math.max(peak[i]!, await residentBytes(pid));
      await Bun.sleep(20);
    }
  })();
  const remote = `https://x:${croft.token}@${panel}:${httpsPort}/git/${slug}.git`;
  const push = await run(["git", "push", remote, "main"], { cwd: dir, env: gitEnv() });
  pushed = true;
  await watching;
  expect(push.exitCode, push.stderr).toBe(0);
  expect(push.stderr).toContain("Live: ");
  const [daemonMb, edgeMb] = peak.map((bytes, i) => Math.round((bytes - before[i]!) / MB));
  expect({ daemonMb, edgeMb, isBounded: daemonMb! < 120 && edgeMb! < 80 }).toMatchObject({ isBounded: true });
});

test("an event stream that has nothing to say stays open, with a sign of life now and then", async () => {
  // Two heartbeats by default; minutes of silence with CROFT_SOAK.
  const seconds = process.env.CROFT_SOAK ? 200 : 32;
  const silent = uniqueSlug("silent");
  await croft.createSite(silent);
  const pushed = await croft.push(silent, nodeApp(answering("here")));
  expect(pushed.exitCode, pushed.output).toBe(0);
  const streams = ["--http1.1", "--http2"].map(async (version) => {
    const { stdout, stderr } = await run([
      ...["curl", "-sS", "-N", version, "--cacert", rootFile, "--max-time", String(seconds)],
      ...["--resolve", `${panel}:${httpsPort}:127.0.0.1`, "-H", "Accept: text/event-stream", ...bearer()],
      `https://${panel}:${httpsPort}/api/v1/sites/${silent}/logs`,
    ]);
    // It was curl that ended it.
    expect(stderr).toContain("timed out");
    return stdout.split("\n").filter((line) => line === ": still here").length;
  });
  for (const beats of await Promise.all(streams))
    expect(beats).toBeGreaterThanOrEqual(Math.floor(seconds / 15) - 1);
});

test("an edge that cannot start says why, to API and operators' pages, and comes when it can", async () => {
  const port = freePort();
  const other = Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } });
  const alone = await startCroft({ CROFT_HTTP: `127.0.0.1:${port}` });
  try {
    type Host = { edge: { up: boolean; problem: string | null; health: { listening: string[] } | null } };
    const look = async () => (await alone.api<Host>("GET", "/host")).body.edge;
    const down = await until("it is said", look, (edge) => edge.problem !== null);
    expect(down).toEqual({
      up: false,
      problem: `the edge's address 127.0.0.1:${port} is taken by another program`,
      health: null,
    });
    expect((await alone.cli(["host"])).stdout).toContain("is taken by another program");
    other.stop(true);
    const up = await until("it runs", look, (edge) => edge.up);
    expect(up).toMatchObject({ problem: null, health: { listening: [`127.0.0.1:${port}`] } });
    // Without a domain of one's own, the panel is there all the same.
    const page = await fetch(`http://127.0.0.1:${port}/sign-in`, {
      headers: { host: `croft.localhost:${port}` },
    });
    expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("<h1>Sign in</h1>")]);
  } finally {
    other.stop(true);
    await alone.destroy();
  }
});
