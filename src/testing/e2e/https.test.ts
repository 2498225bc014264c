import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { Database } from "bun:sqlite";
import { join } from "node:path";
import type { DomainView } from "../../domain/views.ts";
import { type Pebble, startPebble } from "../pebble.ts";
import { testCertificate } from "../test-certificate.ts";
import { tenantOf } from "./tenant.ts";
import { freePort, run, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";

setDefaultTimeout(180_000);

let pebble: Pebble;
let croft: TestCroft;
let rootFile: string;
const [httpPort, httpsPort] = [freePort(), freePort()];
const base = "sites.example.test";
const slug = uniqueSlug("https");
const apex = `${slug}.example.org`;

beforeAll(async () => {
  pebble = await startPebble(httpPort, { nonceReject: 20 });
  croft = await startCroft({
    CROFT_HTTP: `127.0.0.1:${httpPort}`,
    CROFT_HTTPS: `127.0.0.1:${httpsPort}`,
    CROFT_BASE_DOMAIN: base,
    CROFT_ACME_DIRECTORY: pebble.directoryUrl,
    CROFT_ACME_EMAIL: "ada@example.org",
    CROFT_ACME_CA_FILE: pebble.caFile,
    CROFT_PUBLIC_ADDRESS: "127.0.0.1",
    CROFT_DNS_SERVERS: pebble.dnsServer,
  });
  rootFile = join(croft.dataDir, "..", "root.pem");
  await Bun.write(rootFile, await pebble.rootCertificate());
  await croft.createSite(slug, { type: "static" });
  await until(
    "the engine answers",
    () => fetch(`http://127.0.0.1:${croft.panelPort}/readyz`),
    (answer) => answer.ok,
  );
  const pushed = await croft.push(slug, { "index.html": "served\n" });
  expect(pushed.exitCode, pushed.output).toBe(0);
});
afterAll(async () => {
  await croft?.destroy();
  await pebble?.close();
});

interface Visit {
  status: number;
  location: string;
  body: string;
  /** curl's own words when the connection failed or the certificate is not good. */
  problem: string;
}

/** As a browser would: the certificate is checked against the authority's root and the name. */
const visit = async (url: string): Promise<Visit> => {
  const { hostname, port } = new URL(url);
  const { stdout, stderr } = await run([
    ...["curl", "-sS", "--max-time", "10", "--cacert", rootFile],
    ...["--resolve", `${hostname}:${port}:127.0.0.1`, "-w", "\n%{http_code} %{redirect_url}", url],
  ]);
  const lines = stdout.split("\n");
  const [status = "0", location = ""] = lines.pop()!.split(" ");
  return { status: Number(status), location, body: lines.join("\n").trim(), problem: stderr.trim() };
};
const plain = (host: string) => `http://${host}:${httpPort}/`;
const secure = (host: string) => `https://${host}:${httpsPort}/`;

const fingerprintOf = (name: string): string | null => {
  const database = new Database(join(croft.dataDir, "croft.db"), { readonly: true });
  try {
    return (
      database
        .query<{ fingerprint: string | null }, [string]>(
          "SELECT fingerprint FROM certificates WHERE name = ?",
        )
        .get(name)?.fingerprint ?? null
    );
  } finally {
    database.close();
  }
};

test("a site has HTTPS by itself, and plain HTTP leads there", async () => {
  const host = `${slug}.${base}`;
  const served = await until(
    "HTTPS answers",
    () => visit(secure(host)),
    (answer) => answer.status === 200,
  );
  expect(served.body).toBe("served");
  expect(await visit(plain(host))).toMatchObject({ status: 308, location: secure(host) });
  expect((await croft.site(slug)).urls).toEqual([secure(host).replace(/\/$/, "")]);
});

test("so has the panel, whose address is by HTTPS from then on", async () => {
  const host = `croft.${base}`;
  const served = await until(
    "the panel answers",
    () => visit(`${secure(host)}healthz`),
    (a) => a.status === 200,
  );
  expect(served.problem).toBe("");
  const { gitRemote } = await croft.site(slug);
  expect(gitRemote).toBe(`${secure(host)}git/${slug}.git`);
  const heads = await run(
    [
      ...["git", "-c", `http.curloptResolve=${host}:${httpsPort}:127.0.0.1`],
      ...["ls-remote", gitRemote.replace("https://", `https://x:${croft.token}@`)],
    ],
    { env: { GIT_SSL_CAINFO: rootFile } },
  );
  expect(heads.exitCode, heads.stderr).toBe(0);
  expect(heads.stdout).toContain("refs/heads/main");
});

test("a domain waits until it leads here, then is served with a certificate; www leads to it", async () => {
  await pebble.setAddresses(apex, ["203.0.113.99"]);
  const added = await croft.cli(["domain", "add", slug, apex.toUpperCase(), "--www", "--json"]);
  expect(added.exitCode, added.stderr).toBe(0);
  const waiting = JSON.parse(added.stdout) as DomainView;
  expect(waiting).toMatchObject({
    name: apex,
    state: "waiting",
    nextStep: `add this A record: ${apex} → 127.0.0.1`,
    error: "it leads to 203.0.113.99, where this server does not answer",
  });
  expect((await visit(plain(apex))).status).toBe(404);

  await pebble.setAddresses(apex, ["127.0.0.1"]);
  const verified = await croft.cli(["domain", "verify", slug, apex]);
  expect(verified.exitCode, verified.stdout + verified.stderr).toBe(0);
  const served = await until(
    "it has HTTPS",
    () => visit(secure(apex)),
    (answer) => answer.status === 200,
  );
  expect(served.body).toBe("served");
  expect(await visit(plain(apex))).toMatchObject({ status: 308, location: secure(apex) });

  const www = `www.${apex}`;
  await until(
    "www has HTTPS",
    () => visit(secure(www)),
    (answer) => answer.status === 308,
  );
  expect((await visit(secure(www))).location).toBe(secure(apex));
  const { items } = (await croft.api<{ items: DomainView[] }>("GET", `/sites/${slug}/domains`)).body;
  expect(items.map((one) => [one.name, one.state, one.redirectTo, one.certificate?.source])).toEqual([
    [apex, "verified", null, "automatic"],
    [www, "verified", apex, "automatic"],
  ]);
  expect((await croft.site(slug)).urls[0]).toBe(secure(apex).replace(/\/$/, ""));
});

test("HSTS is told on all names of the site over HTTPS, by both versions of HTTP, and never over plain HTTP", async () => {
  const told = async (url: string, version = "--http1.1") => {
    const { hostname, port } = new URL(url);
    const { stdout } = await run([
      ...["curl", "-sS", "-o", "/dev/null", "-D", "-", version, "--cacert", rootFile],
      ...["--resolve", `${hostname}:${port}:127.0.0.1`, url],
    ]);
    return /^strict-transport-security: (.*)\r$/im.exec(stdout)?.[1] ?? null;
  };
  expect(await told(secure(apex))).toBe(null);
  expect((await croft.cli(["site", "rules", slug, "--hsts", "1d"])).exitCode).toBe(0);
  for (const host of [apex, `www.${apex}`, `${slug}.${base}`])
    for (const version of ["--http1.1", "--http2"])
      expect([host, await told(secure(host), version)]).toEqual([host, "max-age=86400"]);
  expect(await told(plain(apex))).toBe(null);
  expect((await croft.cli(["site", "rules", slug, "--hsts", "off"])).exitCode).toBe(0);
  expect(await told(secure(apex))).toBe(null);
});

test("the name is the site's: another one cannot have it, nor a name below it of another owner", async () => {
  const other = uniqueSlug("other");
  await croft.createSite(other, { type: "static" });
  const taken = await croft.api("POST", `/sites/${other}/domains`, { name: apex });
  expect(taken.status).toBe(409);
  for (const name of [`x.${base}`, `croft.${base}`, "192.0.2.1", `*.${base}`, "*.org", "localhost"])
    expect((await croft.api("POST", `/sites/${other}/domains`, { name })).status, name).toBe(422);
});

test("a daemon that is killed again and again while it orders has all certificates in the end", async () => {
  const more = Array.from({ length: 6 }, (_, i) => uniqueSlug(`k${i}`));
  for (const one of more) await croft.createSite(one, { type: "static" });
  const orders = () => {
    const database = new Database(join(croft.dataDir, "croft.db"), { readonly: true });
    try {
      return database
        .query<{ name: string; issued: number; last_error: string | null }, []>(
          "SELECT name, chain IS NOT NULL AS issued, last_error FROM certificates WHERE name LIKE 'k%'",
        )
        .all();
    } finally {
      database.close();
    }
  };
  for (let kills = 0; kills < 8; kills++) {
    await Bun.sleep(20 + ((kills * 37) % 120));
    await croft.kill("SIGKILL");
    await croft.start();
  }
  const rows = await until(
    "all are issued",
    async () => orders(),
    (all) => all.length === more.length && all.every((row) => row.issued === 1),
    60_000,
  );
  expect(rows.map((row) => row.last_error)).toEqual(more.map(() => null));
  for (const one of more)
    await until(
      "it has HTTPS",
      () => visit(secure(`${one}.${base}`)),
      (answer) => answer.status === 503 && answer.problem === "",
    );
});

test("a renewal takes the old certificate's place without a failed request, and a killed daemon changes nothing", async () => {
  const before = fingerprintOf(apex);
  let stopped = false;
  let count = 0;
  const failures: Visit[] = [];
  const visitors = [0, 1].map(async () => {
    while (!stopped) {
      const answer = await visit(secure(apex));
      count++;
      if (answer.status !== 200) failures.push(answer);
    }
  });
  await croft.kill("SIGKILL");
  const database = new Database(join(croft.dataDir, "croft.db"));
  database.run("UPDATE certificates SET next_attempt_at = 0 WHERE name = ?", [apex]);
  database.close();
  await croft.start();
  await until(
    "it is renewed",
    async () => fingerprintOf(apex),
    (now) => now !== before,
  );
  await until(
    "it is served",
    async () => {
      const { stdout } = await run(
        ["openssl", "s_client", "-connect", `127.0.0.1:${httpsPort}`, "-servername", apex],
        { input: "" },
      );
      return (await run(["openssl", "x509", "-noout", "-fingerprint", "-sha256"], { input: stdout })).stdout;
    },
    (text) => text.trim().endsWith(fingerprintOf(apex)!),
  );
  stopped = true;
  await Promise.all(visitors);
  expect(failures).toEqual([]);
  expect(count).toBeGreaterThan(10);
});

test("a certificate of one's own goes before the automatic one", async () => {
  const file = (name: string) => join(croft.dataDir, "..", name);
  await run(
    [
      ..."openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30".split(" "),
      ...[
        "-subj",
        "/O=Own",
        "-addext",
        `subjectAltName=DNS:${apex}`,
        "-keyout",
        "own.key",
        "-out",
        "own.pem",
      ],
    ],
    { cwd: file("") },
  );
  const wrong = await croft.cli([
    ...["certificate", "add", slug, "--certificate", file("own.pem"), "--key", file("own.pem")],
  ]);
  expect(wrong.exitCode).toBe(1);
  expect(wrong.stderr).toContain("key:");
  const added = await croft.cli([
    "certificate",
    "add",
    slug,
    "--certificate",
    file("own.pem"),
    "--key",
    file("own.key"),
    "--json",
  ]);
  expect(added.exitCode, added.stderr).toBe(0);
  await until(
    "it is served",
    () =>
      run([
        "curl",
        "-sS",
        "--cacert",
        file("own.pem"),
        "--resolve",
        `${apex}:${httpsPort}:127.0.0.1`,
        secure(apex),
      ]),
    (answer) => answer.stdout === "served\n",
  );
  const { id } = JSON.parse(added.stdout) as { id: string };
  expect((await croft.cli(["certificate", "remove", slug, id])).exitCode).toBe(0);
  await until(
    "the automatic one is back",
    () => visit(secure(apex)),
    (answer) => answer.status === 200,
  );
});

test("a domain that is removed is served no more, and is free for others", async () => {
  expect((await croft.cli(["domain", "remove", slug, apex])).exitCode).toBe(0);
  await until(
    "it is gone",
    () => visit(plain(apex)),
    (answer) => answer.status === 404,
  );
  await until(
    "its certificate too",
    () => visit(secure(apex)),
    (answer) => answer.problem !== "",
  );
});

test("a site whose domain became the panel's does not bring its own certificate along", async () => {
  const eve = await tenantOf(croft, "mallory");
  const own = uniqueSlug("before");
  await eve.createSite(own);
  const name = `${own}.example.org`;
  const added = await eve.api<DomainView>("POST", `/sites/${own}/domains`, { name });
  expect(added.body.state).toBe("verified");
  const { certificate, key } = await testCertificate([name]);
  expect((await eve.api("POST", `/sites/${own}/certificates`, { certificate, key })).status).toBe(201);
  // Her authority is no one's that is trusted here.
  await until(
    "hers is served",
    () => visit(secure(name)),
    (answer) => /self-signed|unable to get/.test(answer.problem),
  );
  await croft.kill("SIGTERM");
  await croft.start({ CROFT_PANEL_DOMAIN: name });
  const panel = await until(
    "the panel is served by its own",
    () => visit(`${secure(name)}sign-in`),
    (answer) => answer.status === 200,
  );
  expect(panel.body).toContain("<h1>Sign in</h1>");
  await croft.kill("SIGTERM");
  await croft.start();
});

test("keys are on the daemon's disk only sealed", async () => {
  for (const name of ["croft.db", "croft.db-wal"]) {
    const bytes = Buffer.from(await Bun.file(join(croft.dataDir, name)).arrayBuffer());
    expect(bytes.includes("PRIVATE KEY")).toBe(false);
  }
});
