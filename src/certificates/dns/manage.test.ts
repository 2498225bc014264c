import { afterEach, beforeEach, expect, test } from "bun:test";
import { silentLog } from "../../domain/log.ts";
import { AppError } from "../../errors.ts";
import { type SiteFixture, siteFixture } from "../../testing/site-fixture.ts";
import {
  addDnsProvider,
  addDnsProviderSchema,
  type DnsProviderDeps,
  listDnsProviders,
  removeDnsProvider,
  testDnsProvider,
} from "./manage.ts";

let fixture: SiteFixture;
let deps: DnsProviderDeps;
let changes = 0;
beforeEach(async () => {
  fixture = await siteFixture();
  changes = 0;
  deps = {
    store: fixture.store,
    secretBox: fixture.deps.secretBox,
    clock: fixture.clock,
    log: silentLog,
    userAgent: "croft-test",
    lookup: {
      addresses: async () => [],
      nameServers: async () => [],
      alias: async () => null,
      texts: async () => [],
    },
    baseDomain: "sites.example.org",
    onChange: () => void changes++,
  };
});
afterEach(() => fixture[Symbol.asyncDispose]());

const secret = "c2VjcmV0LXRoYXQtaXMta2VwdA==";
const nameServer = { kind: "rfc2136", zone: "Example.org.", server: "192.0.2.53", keyName: "Croft.", secret };
const add = (input: object) => addDnsProvider(deps, fixture.owner, addDnsProviderSchema.parse(input));

test("a zone has one; its secret is sealed, shown to nobody and in no audit row", async () => {
  const made = await add(nameServer);
  expect(made).toMatchObject({
    zone: "example.org",
    server: "192.0.2.53",
    keyName: "croft",
    algorithm: "hmac-sha256",
    usedAt: null,
    error: null,
  });
  expect(changes).toBe(1);
  await expect(add(nameServer)).rejects.toMatchObject({ code: "conflict" });
  const audit = fixture.database.raw.query("SELECT * FROM audit_log").all();
  const rows = fixture.database.raw.query("SELECT * FROM dns_providers").all();
  expect(audit.length).toBeGreaterThan(0);
  for (const text of [
    JSON.stringify(await listDnsProviders(deps)),
    JSON.stringify(audit),
    JSON.stringify(rows),
  ])
    expect(text).not.toContain(secret);
  await removeDnsProvider(deps, fixture.owner, "EXAMPLE.org");
  expect(await listDnsProviders(deps)).toEqual([]);
  await expect(removeDnsProvider(deps, fixture.owner, "example.org")).rejects.toMatchObject({
    code: "not_found",
  });
});

test("what a provider cannot be", () => {
  for (const [change, path] of [
    [{ zone: "*.example.org" }, "zone"],
    [{ zone: "org" }, "zone"],
    [{ server: "http://192.0.2.53" }, "server"],
    [{ server: "192.0.2.53:0" }, "server"],
    [{ server: "192.0.2.53:70000" }, "server"],
    [{ server: "" }, "server"],
    [{ keyName: "a b" }, "keyName"],
    [{ keyName: "" }, "keyName"],
    [{ algorithm: "hmac-md5" }, "algorithm"],
    [{ secret: "not base64!" }, "secret"],
    [{ secret: "" }, "secret"],
    [{ kind: "cloud" }, "kind"],
    [{ kind: "webhook", url: "ftp://example.org", secret: "x" }, "url"],
    [{ kind: "webhook", url: "https://user:pass@dns.example.org/", secret: "x" }, "url"],
    [{ kind: "webhook", url: "https://dns.example.org/?token=t", secret: "x" }, "url"],
    [{ more: 1 }, ""],
  ] as const) {
    const parsed = addDnsProviderSchema.safeParse({ ...nameServer, ...change });
    expect(parsed.success, JSON.stringify(change)).toBe(false);
    expect(parsed.error!.issues.map((issue) => issue.path.join("."))).toContain(path);
  }
  for (const [server, host, port] of [
    ["192.0.2.53", "192.0.2.53", 53],
    ["192.0.2.53:5353", "192.0.2.53", 5353],
    ["2001:db8::53", "2001:db8::53", 53],
    ["[2001:db8::53]:5353", "2001:db8::53", 5353],
    ["ns1.example.org", "ns1.example.org", 53],
  ] as const)
    expect(addDnsProviderSchema.parse({ ...nameServer, server })).toMatchObject({ server: { host, port } });
});

test("a service of one's own gets what it needs to put a record in place, and takes it away", async () => {
  const asked: { path: string; body: unknown; authorization: string | null }[] = [];
  let status = 200;
  const service = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      asked.push({
        path: new URL(request.url).pathname,
        body: await request.json(),
        authorization: request.headers.get("authorization"),
      });
      return new Response(null, { status });
    },
  });
  try {
    await add({
      kind: "webhook",
      zone: "example.org",
      url: `http://127.0.0.1:${service.port}/dns/`,
      username: "croft",
      secret: "pass:word",
    });
    const look = () => testDnsProvider(deps, "example.org", AbortSignal.timeout(10_000));
    // Whether the record is seen nobody can say: the zone has no name servers that are known.
    expect(await look()).toEqual({
      ok: false,
      record: "_acme-challenge.sites.example.org",
      error: "the name servers of example.org could not be found",
    });
    const [set, removed] = asked;
    expect(set!.path).toBe("/dns/present");
    expect(removed!.path).toBe("/dns/cleanup");
    expect(set!.authorization).toBe(`Basic ${btoa("croft:pass:word")}`);
    expect(set!.body).toMatchObject({ fqdn: "_acme-challenge.sites.example.org." });
    expect(removed!.body).toEqual(set!.body);
    status = 403;
    expect((await look()).error).toBe("the webhook of example.org answers present with status 403");
    expect((await listDnsProviders(deps))[0]!.error).toContain("status 403");
  } finally {
    await service.stop(true);
  }
});

test("there is no test of what is not there", async () => {
  const refused = await testDnsProvider(deps, "example.net", AbortSignal.timeout(1000)).catch(
    (error) => error,
  );
  expect(refused).toBeInstanceOf(AppError);
});
