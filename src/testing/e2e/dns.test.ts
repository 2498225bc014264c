import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { CertificateView, DnsProviderView, DomainView, HttpsView } from "../../domain/views.ts";
import { type Named, startNamed } from "../named.ts";
import { type Pebble, startPebble } from "../pebble.ts";
import { testCertificate } from "../test-certificate.ts";
import { tenantOf } from "./tenant.ts";
import { freePort, run, startCroft, type TestCroft, uniqueSlug, until } from "./croft.ts";

setDefaultTimeout(180_000);

let named: Named;
let pebble: Pebble;
let croft: TestCroft;
let root: string;
const httpsPort = freePort();
const base = "sites.example.test";
const slug = uniqueSlug("dns");
const panel = `croft.${base}`;

const file = (name: string): string => join(root, name);

/** There is no port for plain HTTP at all. */
beforeAll(async () => {
  named = await startNamed({ zones: ["example.test", "customer.test"], emptyZones: ["nowhere.test"] });
  pebble = await startPebble(1, { nonceReject: 50, dnsServer: `${named.host}:53`, tlsPort: httpsPort });
  croft = await startCroft({
    CROFT_HTTP: "off",
    CROFT_HTTPS: `127.0.0.1:${httpsPort}`,
    CROFT_BASE_DOMAIN: base,
    CROFT_ACME_DIRECTORY: pebble.directoryUrl,
    CROFT_ACME_CA_FILE: pebble.caFile,
    CROFT_PUBLIC_ADDRESS: "127.0.0.1",
    CROFT_DNS_SERVERS: `${named.host}:53`,
  });
  root = join(croft.dataDir, "..");
  await Bun.write(file("root.pem"), await pebble.rootCertificate());
  await Bun.write(
    file("croft.key"),
    `key "${named.keyName}" {\n\talgorithm hmac-sha256;\n\tsecret "${named.secret}";\n};\n`,
  );
});
afterAll(async () => {
  await croft?.destroy();
  await pebble?.close();
  await named?.close();
});

/** As a browser would; the certificate is checked. */
const visit = async (host: string, authority = "root.pem") => {
  const { stdout, stderr, exitCode } = await run([
    ...["curl", "-sS", "--max-time", "10", "--cacert", file(authority)],
    ...[
      "--resolve",
      `${host}:${httpsPort}:127.0.0.1`,
      "-w",
      "\n%{http_code}",
      `https://${host}:${httpsPort}/`,
    ],
  ]);
  const lines = stdout.split("\n");
  return { status: Number(lines.pop()), body: lines.join("\n").trim(), problem: stderr.trim(), exitCode };
};
const namesServedAt = async (host: string): Promise<string> => {
  const { stdout } = await run(
    ["openssl", "s_client", "-connect", `127.0.0.1:${httpsPort}`, "-servername", host],
    { input: "" },
  );
  const { stdout: text } = await run(["openssl", "x509", "-noout", "-ext", "subjectAltName"], {
    input: stdout,
  });
  return text.split("\n")[1]?.trim() ?? "";
};
const https = async () => (await croft.api<HttpsView>("GET", "/https")).body;

test("without a port for HTTP the panel has its certificate by the handshake", async () => {
  await until(
    "the panel is served",
    () => visit(panel),
    (answer) => answer.status > 0,
  );
  expect(await namesServedAt(panel)).toBe(`DNS:${panel}`);
  const view = await https();
  expect(view).toMatchObject({
    on: true,
    panel: {
      name: panel,
      url: `https://${panel}:${httpsPort}`,
      nextStep: null,
      certificate: { state: "valid" },
    },
    wildcard: null,
    authority: { directory: pebble.directoryUrl, isStaging: false, pausedUntil: null },
  });
});

test("all of it stands in one command", async () => {
  const status = await croft.cli(["certificate", "status"]);
  expect(status.exitCode, status.stderr).toBe(0);
  expect(status.stdout).toContain(`https://${panel}:${httpsPort}`);
  expect(status.stdout).toContain("one certificate each");
  expect(status.stdout).toContain(new URL(pebble.directoryUrl).host);
  const retry = await croft.cli(["certificate", "retry"]);
  expect(retry.exitCode).toBe(1);
  expect(retry.stderr).toContain("nothing has failed");
});

test("a name server that is added is tested at once; one that refuses is said so", async () => {
  await Bun.write(file("wrong.key"), `key "croft" { algorithm hmac-sha256; secret "d3Jvbmc="; };`);
  const add = (key: string) =>
    croft.cli(["dns", "add", "example.test", "--server", named.host, "--key", file(key), "--json"]);
  const wrong = await add("wrong.key");
  expect(wrong.exitCode).toBe(1);
  expect(JSON.parse(wrong.stdout)).toMatchObject({
    zone: "example.test",
    test: { ok: false, error: `the name server ${named.host}: the key's secret is wrong (BADSIG)` },
  });
  expect((await add("croft.key")).stderr).toContain("has a DNS provider already");
  expect((await croft.cli(["dns", "remove", "example.test"])).exitCode).toBe(0);
  const right = await add("croft.key");
  expect(right.exitCode, right.stderr).toBe(0);
  expect(JSON.parse(right.stdout)).toMatchObject({
    server: named.host,
    keyName: "croft",
    test: { ok: true, record: `_acme-challenge.${base}`, error: null },
  });
  expect((await croft.cli(["dns", "test", "example.test"])).exitCode).toBe(0);
  const list = await croft.cli(["dns", "list", "--json"]);
  const { items } = JSON.parse(list.stdout) as { items: DnsProviderView[] };
  expect(items.map(({ zone, error }) => [zone, error])).toEqual([["example.test", null]]);
  expect(list.stdout).not.toContain(named.secret);
});

test("from then on a new site has HTTPS at once, by the common certificate", async () => {
  await until("it is issued", https, (view) => view.wildcard?.certificate?.state === "valid");
  await croft.createSite(slug, { type: "static" });
  await until(
    "the engine answers",
    async () => (await fetch(`http://127.0.0.1:${croft.panelPort}/readyz`)).text(),
    (answer) => answer.includes('"ok":true'),
  );
  const pushed = await croft.push(slug, { "index.html": "served\n" });
  expect(pushed.exitCode, pushed.output).toBe(0);
  const host = `${slug}.${base}`;
  const served = await until(
    "it is served",
    () => visit(host),
    (answer) => answer.status === 200,
  );
  expect(served.body).toBe("served");
  expect(await namesServedAt(host)).toBe(`DNS:*.${base}`);
  const all = (await croft.api<{ items: CertificateView[] }>("GET", "/certificates")).body.items;
  expect(all.map(({ names }) => names.join())).toEqual([`*.${base}`, panel]);
  const own = (await croft.api<{ own: { certificate: CertificateView } }>("GET", `/sites/${slug}/domains`))
    .body.own;
  expect(own.certificate.names).toEqual([`*.${base}`]);
});

test("a wildcard domain is the site's once its DNS says so, and is served with a certificate", async () => {
  const wildcard = "*.shop.customer.test";
  const added = await croft.cli(["domain", "add", slug, wildcard, "--json"]);
  expect(added.exitCode, added.stderr).toBe(0);
  const waiting = JSON.parse(added.stdout) as DomainView;
  expect(waiting.state).toBe("waiting");
  expect((await visit("a.shop.customer.test")).exitCode).not.toBe(0);
  for (const { type, name, value } of waiting.records)
    if (type !== "A") await named.add(`${name} 5 ${type} ${type === "TXT" ? `"${value}"` : value}`);
  // Name servers may remember for a second that there was nothing.
  await until(
    "it is verified",
    () => croft.cli(["domain", "verify", slug, wildcard]),
    (told) => told.exitCode === 0,
  );
  for (const host of ["a.shop.customer.test", "b.shop.customer.test"]) {
    const served = await until(
      "it is served",
      () => visit(host),
      (answer) => answer.status === 200,
    );
    expect(served.body).toBe("served");
    expect(await namesServedAt(host)).toBe(`DNS:${wildcard}`);
  }
  expect((await visit("shop.customer.test")).exitCode).not.toBe(0);
  expect((await visit("a.b.shop.customer.test")).exitCode).not.toBe(0);
  expect((await croft.site(slug)).urls).toEqual([`https://${slug}.${base}:${httpsPort}`]);
});

test("a daemon that is killed again and again has all wildcards in the end", async () => {
  const names = Array.from({ length: 3 }, (_, i) => `*.killed-${i}.customer.test`);
  for (const name of names) {
    const { records } = (await croft.api<DomainView>("POST", `/sites/${slug}/domains`, { name })).body;
    for (const { type, name: owner, value } of records)
      if (type !== "A") await named.add(`${owner} 5 ${type} ${type === "TXT" ? `"${value}"` : value}`);
  }
  await croft.cli(["domain", "verify", slug]);
  for (let kills = 0; kills < 6; kills++) {
    await Bun.sleep(20 + ((kills * 53) % 170));
    await croft.kill("SIGKILL");
    await croft.start();
  }
  const rows = await until(
    "all are issued",
    async () => (await croft.api<{ items: CertificateView[] }>("GET", "/certificates")).body.items,
    (all) => names.every((name) => all.some((one) => one.names.join() === name && one.state === "valid")),
    60_000,
  );
  for (const one of rows) expect(one.error).toBeNull();
  for (const name of names)
    await until(
      "it is served",
      () => visit(`a${name.slice(1)}`),
      (answer) => answer.status === 200,
    );
});

test("a certificate of one's own for all sites goes before the automatic one", async () => {
  const own = await testCertificate([`*.${base}`], { days: 14 });
  await Bun.write(file("own.pem"), own.certificate);
  await Bun.write(file("own.key"), own.key);
  await Bun.write(file("authority.pem"), own.authority);
  const files = ["--certificate", file("own.pem"), "--key", file("own.key")];
  const added = await croft.cli(["certificate", "add", "--installation", ...files, "--json"]);
  expect(added.exitCode, added.stderr).toBe(0);
  const made = JSON.parse(added.stdout) as CertificateView;
  expect(made).toMatchObject({ source: "uploaded", names: [`*.${base}`], state: "ending" });
  expect(made.nextStep).toMatch(/^it ends on 20\d\d-\d\d-\d\d: add its successor before then$/);
  for (const host of [panel, `${slug}.${base}`])
    await until(
      "it is served",
      () => visit(host, "authority.pem"),
      (answer) => answer.exitCode === 0,
    );
  expect((await https()).panel).toMatchObject({ nextStep: made.nextStep, certificate: { id: made.id } });
  expect((await croft.cli(["certificate", "remove", "--installation", made.id])).exitCode).toBe(0);
  await until(
    "the automatic one is back",
    () => visit(panel),
    (answer) => answer.exitCode === 0,
  );
  const strange = await testCertificate(["elsewhere.org"]);
  const refused = await croft.api<{ detail: string }>("POST", "/certificates", {
    certificate: strange.certificate,
    key: strange.key,
  });
  expect(refused.status).toBe(422);
  expect(refused.body.detail).toContain(`this installation answers at ${panel} and *.${base}`);
});

test("none of it is for people who operate nothing", async () => {
  const made = await croft.api("POST", "/users", {
    username: "eve",
    email: "eve@example.org",
    password: "correct-horse-battery",
  });
  expect(made.status).toBe(201);
  const signedIn = await croft.cli(
    ["login", "--username", "eve", "--password-stdin", "--json"],
    "correct-horse-battery\n",
    { CROFT_TOKEN: "", HOME: join(root, "eve") },
  );
  expect(signedIn.exitCode, signedIn.stderr).toBe(0);
  const asEve = (args: string[]) => croft.cli(args, undefined, { CROFT_TOKEN: "", HOME: join(root, "eve") });
  for (const args of [
    ["dns", "list"],
    ["dns", "test", "example.test"],
    ["dns", "remove", "example.test"],
    ["dns", "add", "customer.test", "--server", named.host, "--key", file("croft.key")],
    ["certificate", "add", "--installation", "--certificate", file("own.pem"), "--key", file("own.key")],
    ["certificate", "remove", "--installation", "crt_1"],
    ["certificate", "retry"],
  ]) {
    const answer = await asEve(args);
    expect(answer.exitCode, args.join(" ")).toBe(1);
    expect(answer.stderr, args.join(" ")).toMatch(/operator|scope/);
  }
});

test("a tenant's claims order nothing until they are proven, a wildcard around everybody least of all", async () => {
  const eve = await tenantOf(croft, "mallory");
  const own = uniqueSlug("mallory");
  await eve.createSite(own);
  const certificates = async () =>
    (await croft.api<{ items: CertificateView[] }>("GET", "/certificates")).body.items.map(({ names }) =>
      names.join(),
    );
  const before = await certificates();
  const claim = (name: string) =>
    eve.api<DomainView & { detail: string }>("POST", `/sites/${own}/domains`, { name });
  // The zone has a DNS provider, so a certificate could be had; the name is not theirs.
  const wild = await claim("*.example.test");
  expect(wild.status).toBe(201);
  expect(wild.body).toMatchObject({ state: "waiting", certificate: null });
  expect((await eve.api("POST", `/sites/${own}/domains/*.example.test/verify`)).body).toMatchObject({
    state: "waiting",
  });
  // Below somebody else's wildcard, the wildcard itself, the base domain, the panel.
  expect((await claim("c.shop.customer.test")).body.detail).toContain("verified for somebody else");
  expect((await claim("*.shop.customer.test")).body.detail).toContain("verified for another site");
  for (const name of [`*.${base}`, `x.${base}`, panel, `*.${panel}`])
    expect((await claim(name)).status, name).toBe(422);
  for (let i = 0; i < 60; i++) await claim(`name-${i}.nowhere.test`);
  const { items } = (await eve.api<{ items: DomainView[] }>("GET", `/sites/${own}/domains`)).body;
  expect(items).toHaveLength(50);
  await Bun.sleep(1000);
  const site = `${own}.${base}`;
  expect((await certificates()).filter((names) => !before.includes(names))).toEqual([]);
  expect(await namesServedAt(site)).toBe(`DNS:*.${base}`);
  expect(await named.texts("_acme-challenge.example.test")).toEqual([]);
});

test("secrets and keys are in no log and no file that others read", async () => {
  const texts = [await croft.log()];
  for (const entry of await readdir(croft.dataDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    // A copy of the program that the edge's user can run: Bun itself knows what a key begins with.
    if (!entry.isFile() || entry.parentPath.endsWith("/edge/bin")) continue;
    const text = Buffer.from(await Bun.file(path).arrayBuffer()).toString("latin1");
    // The edge has its certificates to start alone: its own file, for its user alone.
    if (text.includes("PRIVATE KEY")) {
      expect(entry.name).toBe("certificates.json");
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    } else texts.push(text);
    expect(text.includes(named.secret), path).toBe(false);
  }
  for (const text of texts) expect(text).not.toContain(named.secret);
  const { stdout } = await run(["ps", "axwwe"]);
  expect(stdout).not.toContain(named.secret);
});
