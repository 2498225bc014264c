import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { createStore, type Store } from "../db/store.ts";
import type { HostToServe } from "../domain/certificate.ts";
import type { AcmeChallenge, CertificateSet } from "../domain/edge.ts";
import { silentLog } from "../domain/log.ts";
import { AppError } from "../errors.ts";
import { openMasterKey } from "../identity/master-key.ts";
import { createSecretBox, type SecretBox } from "../identity/secret-box.ts";
import { type Pebble, startPebble } from "../testing/pebble.ts";
import { seedSite } from "../testing/seed.ts";
import { testCertificate } from "../testing/test-certificate.ts";
import { type TemporaryDatabase, temporaryDatabase } from "../testing/temporary-database.ts";
import { createCertificates, type Certificates } from "./certificates.ts";
import { createChallengeBoard } from "./challenge-board.ts";
import type { CertificateDeps } from "./deps.ts";
import { readChain } from "./x509.ts";

setDefaultTimeout(120_000);

/** In place of the edge: answers challenges over HTTP and keeps what it is handed. The whole path is in e2e. */
let challenges: AcmeChallenge[] = [];
let handed: CertificateSet | null = null;
let edgeUp = true;
const visited: string[] = [];
const web = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request) => {
    const { host, pathname } = new URL(request.url);
    const name = host.replace(/:\d+$/, "");
    visited.push(name);
    const found = challenges.find((one) => one.host === name && pathname.endsWith(`/${one.token}`));
    return found ? new Response(found.keyAuthorization) : new Response("nothing here", { status: 404 });
  },
});

let pebble: Pebble;
let database: TemporaryDatabase;
let store: Store;
let secretBox: SecretBox;
let running: { stop: AbortController; done: Promise<void> }[] = [];
/** Added to the clock. */
let aheadMs = 0;
let wanted: HostToServe[] = [];

beforeAll(async () => {
  pebble = await startPebble(web.port!, { nonceReject: 50 });
});
afterAll(async () => {
  await pebble?.close();
  await web.stop(true);
});

beforeEach(async () => {
  database = await temporaryDatabase();
  store = createStore(database.db);
  secretBox = createSecretBox(await openMasterKey(`${database.dir}/master.key`, { create: true }));
  handed = null;
  challenges = [];
  edgeUp = true;
  aheadMs = 0;
  wanted = [];
});
afterEach(async () => {
  await halt();
  await database.close();
});

const halt = async (): Promise<void> => {
  for (const { stop, done } of running) {
    stop.abort();
    await done;
  }
  running = [];
};

const away = () => new AppError("unavailable", "the edge does not answer");

const start = (change: Partial<CertificateDeps> = {}): Certificates => {
  const certificates = createCertificates({
    store,
    secretBox,
    clock: { nowMs: () => Date.now() + aheadMs, monotonicMs: () => performance.now() },
    log: silentLog,
    random: () => 0.5,
    acme: {
      directoryUrl: pebble.directoryUrl,
      email: "ada@example.org",
      ca: pebble.ca,
      externalAccount: null,
    },
    userAgent: "croft-test",
    wantedNames: async () => wanted,
    edge: {
      health: async () => {
        if (!edgeUp) throw away();
        return { certificateVersion: handed?.version ?? 0, startedAtMs: 1 };
      },
      putCertificates: async (set) => {
        handed = set;
      },
    },
    challenges: createChallengeBoard(async (set) => {
      if (!edgeUp) throw away();
      challenges = set;
    }),
    plainHttp: true,
    tlsAlpn: false,
    dns: { covers: async () => false, present: async () => async () => {}, tidy: async () => {} },
    baseDomain: "sites.example.test",
    fallback: "refuse",
    resolve: async () => ["127.0.0.1"],
    ...change,
  });
  const stop = new AbortController();
  running.push({ stop, done: certificates.start(stop.signal) });
  return certificates;
};

const names = (...list: string[]): HostToServe[] =>
  list.map((name) => ({ name, environmentId: null, automatic: true }));

const until = async <T>(
  what: string,
  look: () => T | Promise<T>,
  good: (value: T) => boolean,
): Promise<T> => {
  const endMs = performance.now() + 60_000;
  for (;;) {
    const value = await look();
    if (good(value)) return value;
    if (performance.now() > endMs) throw new Error(`${what}: ${Bun.inspect(value)}`);
    await Bun.sleep(20);
  }
};

const handedNames = () => handed?.certificates.flatMap((one) => one.names).sort() ?? [];
const handedFor = (name: string) => handed?.certificates.find((one) => one.names.includes(name));
const rowOf = async (name: string) => (await store.automaticCertificates([name]))[0]!;

test("names get certificates by themselves although every second nonce is refused", async () => {
  wanted = names(
    "panel.example.test",
    "one.example.test",
    "two.example.test",
    "xn--bcher-kva.example.test",
    "site.localhost",
    "plain",
  );
  const certificates = start();
  await until("all are handed over", handedNames, (list) => list.length === 4);
  expect(handedNames()).toEqual(
    wanted
      .slice(0, 4)
      .map((one) => one.name)
      .sort(),
  );
  const one = handedFor("one.example.test")!;
  const leaf = new X509Certificate(one.certificate);
  expect(leaf.checkHost("one.example.test")).toBe("one.example.test");
  const root = new X509Certificate(await pebble.rootCertificate());
  const issuer = new X509Certificate(one.certificate.match(/-----BEGIN[^]+?-----END CERTIFICATE-----/g)![1]!);
  expect(leaf.verify(issuer.publicKey)).toBe(true);
  expect(issuer.verify(root.publicKey)).toBe(true);
  expect(certificates.isSecured("one.example.test")).toBe(true);
  expect(certificates.isSecured("site.localhost")).toBe(false);
  expect(challenges).toEqual([]);
  const row = await rowOf("one.example.test");
  const lifetime = row.notAfter! - row.notBefore!;
  const part = (row.nextAttemptAt! - row.notBefore!) / lifetime;
  expect(part).toBeGreaterThan(0.6);
  expect(part).toBeLessThan(0.667);
  const onDisk = Buffer.from(await Bun.file(`${database.dir}/croft.db-wal`).arrayBuffer()).toString("latin1");
  expect(onDisk).toContain("BEGIN CERTIFICATE");
  expect(onDisk).not.toContain("PRIVATE KEY");
});

test("a challenge that fails is told, waited after, and met in the end", async () => {
  wanted = names("late.example.test");
  const real = start({
    challenges: {
      publish: async (challenge) => {
        challenges = [{ ...challenge, keyAuthorization: "wrong.answer" }];
        return async () => {};
      },
      resend: async () => {},
    },
  });
  const failed = await until(
    "the failure is kept",
    () => rowOf("late.example.test"),
    (row) => row?.attempts > 0,
  );
  expect(failed.lastError).toContain("127.0.0.1");
  expect(failed.chain).toBeNull();
  expect(failed.orderUrl).toBeNull();
  expect(failed.nextAttemptAt! - failed.lastErrorAt!).toBe(120_000);
  // Asked for too soon after the failure.
  expect(await real.retry("late.example.test")).toBe(false);
  await halt();
  const tries = visited.filter((name) => name === "late.example.test").length;
  start();
  await Bun.sleep(300);
  expect(visited.filter((name) => name === "late.example.test")).toHaveLength(tries);
  await halt();
  aheadMs = 121_000;
  start();
  await until("it is there", handedNames, (list) => list.length === 1);
  expect(await rowOf("late.example.test")).toMatchObject({ attempts: 0, lastError: null });
});

test("a person's own try goes first, not more than once a minute", async () => {
  wanted = names("asked.example.test");
  let resolves = false;
  const certificates = start({ resolve: async () => (resolves ? ["127.0.0.1"] : []) });
  const failed = await until(
    "the failure is kept",
    () => rowOf("asked.example.test"),
    (row) => row?.attempts > 0,
  );
  expect(failed.lastError).toContain("neither an A nor an AAAA record");
  expect(failed.directory).toBeNull();
  resolves = true;
  aheadMs = 61_000;
  expect(await certificates.retry("asked.example.test")).toBe(true);
  await until("it is there", handedNames, (list) => list.length === 1);
});

test("a daemon that ends in the middle of an order takes it up again", async () => {
  wanted = names("resumed.example.test");
  const orders: string[] = [];
  let broken = true;
  const dying = {
    ...store,
    updateCertificate: async (id: string, patch: Parameters<Store["updateCertificate"]>[1]) => {
      if (patch.orderUrl) orders.push(patch.orderUrl);
      // The authority has issued, and the daemon dies before it wrote that down.
      if (patch.chain && broken) return new Promise<void>(() => {});
      return store.updateCertificate(id, patch);
    },
  };
  start({ store: dying });
  const held = await until(
    "an order is under way",
    () => rowOf("resumed.example.test"),
    (row) => !!row?.orderUrl,
  );
  await until("the certificate was issued", () => visited.includes("resumed.example.test"), Boolean);
  await Bun.sleep(1000);
  running = [];
  broken = false;
  start({ store: dying });
  await until("it is there", handedNames, (list) => list.length === 1);
  expect(orders).toEqual([held.orderUrl!]);
  expect(new X509Certificate(handedFor("resumed.example.test")!.certificate).fingerprint256).toBe(
    (await rowOf("resumed.example.test")).fingerprint!,
  );
});

test("it is renewed at two thirds of its life, the old one serves until then", async () => {
  wanted = names("old.example.test");
  start();
  await until("it is there", handedNames, (list) => list.length === 1);
  const first = handedFor("old.example.test")!.certificate;
  const { notBefore, notAfter } = await rowOf("old.example.test");
  await halt();
  aheadMs = (notAfter! - notBefore!) * 0.6;
  start();
  await Bun.sleep(300);
  expect(handedFor("old.example.test")!.certificate).toBe(first);
  await halt();
  aheadMs = (notAfter! - notBefore!) * 0.67;
  start();
  await until(
    "it is renewed",
    () => handedFor("old.example.test")!.certificate,
    (pem) => pem !== first,
  );
  expect(handedNames()).toEqual(["old.example.test"]);
});

test("an edge that was away gets what it missed; an order waits for it without counting as failed", async () => {
  wanted = names("edge.example.test");
  start();
  await until("it is there", handedNames, (list) => list.length === 1);
  await halt();
  handed = null;
  edgeUp = false;
  wanted = names("edge.example.test", "next.example.test");
  const certificates = start();
  await Bun.sleep(200);
  expect(handed).toBeNull();
  edgeUp = true;
  certificates.kick();
  await until("both are there", handedNames, (list) => list.length === 2);
  expect((await rowOf("next.example.test")).attempts).toBe(0);
});

test("an authority that lost its accounts and orders gets them anew", async () => {
  wanted = names("before.example.test");
  start();
  await until("it is there", handedNames, (list) => list.length === 1);
  await halt();
  const account = await store.acmeAccount(pebble.directoryUrl);
  await pebble.forget();
  wanted = names("before.example.test", "after.example.test");
  start();
  await until("both are there", handedNames, (list) => list.length === 2);
  expect(await rowOf("after.example.test")).toMatchObject({ attempts: 0, lastError: null });
  const again = await store.acmeAccount(pebble.directoryUrl);
  expect(again!.keyCiphertext).toBe(account!.keyCiphertext);
});

test("nobody answers: the reason names the authority, and others are not held up by it", async () => {
  wanted = names("alone.example.test");
  start({
    acme: { directoryUrl: "https://127.0.0.1:1/dir", email: null, ca: pebble.ca, externalAccount: null },
  });
  const row = await until(
    "the failure is kept",
    () => rowOf("alone.example.test"),
    (one) => one?.attempts > 0,
  );
  expect(row.lastError).toBe("the certificate authority 127.0.0.1:1 does not answer");
  await halt();
  // Another authority is configured: tried at once is only what has not failed; the rest keeps its turn.
  aheadMs = 200_000;
  start();
  await until("it is there", handedNames, (list) => list.length === 1);
});

test("an uploaded certificate goes first; shortly before it ends an automatic one is ordered and takes its place", async () => {
  const own = await testCertificate(["own.example.test"]);
  const { notAfterMs, ...facts } = readChain(own.certificate, own.key);
  const { environment } = await seedSite(store);
  await store.insertCertificate({
    id: "crt_own",
    source: "upload",
    environmentId: environment.id,
    name: null,
    names: JSON.stringify(facts.names),
    issuer: facts.issuer,
    fingerprint: facts.fingerprint,
    notBefore: facts.notBeforeMs,
    notAfter: notAfterMs,
    chain: facts.chain,
    keyCiphertext: await secretBox.seal(own.key, "certificate:crt_own"),
    keyVersion: 1,
    directory: null,
    orderUrl: null,
    orderKeyCiphertext: null,
    attempts: 0,
    lastError: null,
    lastErrorAt: null,
    nextAttemptAt: null,
    renewalCheckAt: null,
    createdAt: 0,
    updatedAt: 0,
  });
  const host = { name: "own.example.test", environmentId: environment.id };
  wanted = [{ ...host, automatic: true }, ...names("other.example.test")];
  start();
  await until("both are served", handedNames, (list) => list.length === 2);
  expect(handedFor(host.name)!.certificate).toBe(facts.chain);
  expect(await rowOf(host.name)).toBeUndefined();
  await halt();
  aheadMs = notAfterMs - Date.now() - 6 * 24 * 3_600_000;
  start();
  await until(
    "one is ordered",
    () => rowOf(host.name),
    (row) => !!row?.chain,
  );
  expect(handedFor(host.name)!.certificate).toBe(facts.chain);
  await halt();
  aheadMs = notAfterMs - Date.now() + 1000;
  start();
  const { chain } = await rowOf(host.name);
  await until(
    "it takes over",
    () => handedFor(host.name)!.certificate,
    (pem) => pem === chain,
  );
  await halt();
  wanted = [{ ...host, automatic: false }, ...names("other.example.test")];
  start();
  await until("it is not wanted any more", handedNames, (list) => list.length === 1);
});
