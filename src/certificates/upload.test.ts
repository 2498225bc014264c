import { afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { servingCertificate } from "../domain/certificate.ts";
import { silentLog } from "../domain/log.ts";
import { AppError } from "../errors.ts";
import { reachSite } from "../sites/access.ts";
import { seedSite } from "../testing/seed.ts";
import { type SiteFixture, siteFixture } from "../testing/site-fixture.ts";
import { type TestCertificate, testCertificate } from "../testing/test-certificate.ts";
import type { UploadDeps } from "./deps.ts";
import {
  listCertificates,
  listInstallationCertificates,
  removeCertificate,
  removeInstallationCertificate,
  uploadCertificate,
  uploadInstallationCertificate,
} from "./upload.ts";
import { warnOfEnds } from "./warn-of-ends.ts";

const day = 24 * 3_600_000;
let good: TestCertificate & { authority: string };
let other: TestCertificate;
beforeAll(async () => {
  good = await testCertificate(["example.org", "*.example.org"]);
  other = await testCertificate(["example.org"]);
});

let fixture: SiteFixture;
let deps: UploadDeps;
let told = 0;
beforeEach(async () => {
  fixture = await siteFixture();
  // Certificates are of today, the fixture's clock is not.
  fixture.clock.advance(Date.now() - fixture.clock.nowMs());
  told = 0;
  deps = {
    store: fixture.store,
    secretBox: fixture.deps.secretBox,
    clock: fixture.clock,
    reachSite: (actor, slug, action, environment) =>
      reachSite(fixture.deps, actor, slug, action, environment),
    hostsOf: async () => ["www.example.org", "site.base.test"],
    baseDomain: "base.test",
    panelDomain: "panel.test",
    onUploaded: () => void told++,
  };
});
afterEach(() => fixture[Symbol.asyncDispose]());

const upload = (input: { certificate: string; key: string }) =>
  uploadCertificate(deps, fixture.owner, fixture.slug, input);
const refusal = async (input: { certificate: string; key: string }): Promise<string> =>
  upload(input).then(
    () => "taken",
    (error: AppError) => error.publicMessage,
  );

test("a certificate that fits is taken, its key sealed, and used before the automatic one", async () => {
  const view = await upload(good);
  expect(view).toMatchObject({
    source: "uploaded",
    names: ["example.org", "*.example.org"],
    issuer: "Test Authority T1",
    nextAttemptAt: null,
  });
  expect(told).toBe(1);
  expect(await listCertificates(deps, fixture.owner, fixture.slug)).toEqual([view]);
  const [row] = await fixture.store.uploadedCertificatesOf(fixture.environmentId);
  expect(row!.keyCiphertext).not.toContain("PRIVATE");
  const key = await fixture.deps.secretBox.open(row!.keyCiphertext!, `certificate:${row!.id}`);
  expect(key).toContain("BEGIN PRIVATE KEY");
  await expect(fixture.deps.secretBox.open(row!.keyCiphertext!, "certificate:crt_other")).rejects.toThrow();
  expect(await refusal(good)).toContain("is there already");
  await removeCertificate(deps, fixture.owner, fixture.slug, view.id);
  expect(await listCertificates(deps, fixture.owner, fixture.slug)).toEqual([]);
});

test("what cannot be served is refused in words that name the field, never with the key in them", async () => {
  const chain = good.certificate.match(/-----BEGIN[^]+?-----END CERTIFICATE-----\n/g)!;
  const cases: [string, { certificate: string; key: string }, string][] = [
    ["another key", { ...good, key: other.key }, "key: does not belong to the certificate"],
    ["no PEM", { ...good, certificate: "nothing" }, "certificate: must be PEM"],
    [
      "damaged",
      { ...good, certificate: good.certificate.replace(/MII.{40}/, "MIIAAAA") },
      "certificate: is damaged",
    ],
    [
      "authority first",
      { ...good, certificate: chain[1]! + chain[0]! },
      "certificate: must hold the site's own",
    ],
    [
      "stranger in the chain",
      { ...good, certificate: chain[0]! + other.certificate },
      "certificate: must hold",
    ],
    [
      "no key",
      { ...good, key: "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----" },
      "key: must be a private key",
    ],
    [
      "locked key",
      { ...good, key: good.key.replaceAll("PRIVATE", "ENCRYPTED PRIVATE") },
      "key: must not be protected",
    ],
    ["no names", await testCertificate([]), "certificate: names no host"],
    [
      "other names",
      await testCertificate(["example.net"]),
      "certificate: is for example.net, but the site answers at www.example.org",
    ],
    [
      "weak key",
      await testCertificate(["www.example.org"], { key: ["rsa:1024"] }),
      "key: must have at least 2,048 bits",
    ],
    [
      "a key that takes the edge's time",
      await testCertificate(["www.example.org"], { key: ["rsa:4104"] }),
      "key: must have at most 4,096 bits",
    ],
    ...(await Promise.all(
      ["P-224", "P-521"].map(async (curve): Promise<[string, TestCertificate, string]> => {
        const key = ["ec", "-pkeyopt", `ec_paramgen_curve:${curve}`];
        const made = await testCertificate(["www.example.org"], { key });
        return [curve, made, "key: must be on the curve P-256 or P-384"];
      }),
    )),
    [
      "Ed25519",
      await testCertificate(["www.example.org"], { key: ["ed25519"] }),
      "key: must be an RSA or EC key",
    ],
    [
      "too many names",
      await testCertificate(["www.example.org", ...Array.from({ length: 250 }, (_, i) => `n${i}.test`)]),
      "certificate: must name at most 250 hosts",
    ],
  ];
  for (const [what, input, words] of cases) {
    const message = await refusal(input);
    expect(message, what).toContain(words);
    expect(message, what).not.toContain(input.key.split("\n")[1] ?? "");
  }
  expect(told).toBe(0);
}, 60_000);

test("RSA keys and the leaf alone are good too", async () => {
  const rsa = await testCertificate(["www.example.org"], { key: ["rsa:2048"] });
  expect(await refusal(rsa)).toBe("taken");
  const leaf = good.certificate.slice(0, good.certificate.indexOf("-----END CERTIFICATE-----") + 26);
  expect(await refusal({ certificate: leaf, key: good.key })).toBe("taken");
});

test("one that is over is refused, or no longer served", async () => {
  const certificate = await upload(good);
  const rows = await fixture.store.uploadedCertificatesOf(fixture.environmentId);
  const served = (host: string, atMs: number, environmentId: string | null = fixture.environmentId) =>
    servingCertificate({ name: host, environmentId, automatic: true }, rows, atMs)?.id ?? null;
  const nowMs = fixture.clock.nowMs();
  expect(served("www.example.org", nowMs)).toBe(certificate.id);
  expect(served("www.example.org", nowMs + 31 * day)).toBeNull();
  // A machine that starts without a clock believes in 1970 until it is told.
  expect(served("www.example.org", 0)).toBe(certificate.id);
  // Another site's names are none of its business.
  const { environment } = await seedSite(fixture.store);
  expect(served("www.example.org", nowMs, environment.id)).toBeNull();
  expect(served("www.example.org", nowMs, null)).toBeNull();
  fixture.clock.advance(31 * day);
  expect(await refusal(good)).toContain("certificate: ended on");
});

test("one for all sites and the panel: kept apart from the sites' own, removed by its id, told when it ends", async () => {
  const { certificate, key } = await testCertificate(["*.base.test", "panel.test"], { days: 40 });
  const made = await uploadInstallationCertificate(deps, fixture.owner, { certificate, key });
  expect(made).toMatchObject({ state: "valid", nextStep: null, names: ["*.base.test", "panel.test"] });
  expect(told).toBe(1);
  expect(await listCertificates(deps, fixture.owner, fixture.slug)).toEqual([]);
  expect((await listInstallationCertificates(deps)).map(({ id }) => id)).toEqual([made.id]);
  const rows = await fixture.store.certificates();
  expect(rows[0]).toMatchObject({ environmentId: null, source: "upload" });
  expect(rows[0]!.keyCiphertext).not.toContain("PRIVATE KEY");
  // The sites' own door does not reach it.
  await expect(removeCertificate(deps, fixture.owner, fixture.slug, made.id)).rejects.toMatchObject({
    code: "not_found",
  });
  await expect(
    uploadInstallationCertificate(deps, fixture.owner, { certificate, key }),
  ).rejects.toMatchObject({
    code: "conflict",
  });
  const warned: unknown[] = [];
  const warn = (message: string, more: object) => void warned.push({ message, ...more });
  const look = () =>
    warnOfEnds({ store: fixture.store, clock: fixture.clock, log: { ...silentLog, warn: warn as never } });
  await look();
  expect(warned).toEqual([]);
  fixture.clock.advance(20 * 24 * 3_600_000);
  const [soon] = await listInstallationCertificates(deps);
  expect(soon).toMatchObject({
    state: "ending",
    nextStep: expect.stringContaining("add its successor before then"),
  });
  fixture.clock.advance(21 * 24 * 3_600_000);
  const [over] = await listInstallationCertificates(deps);
  expect(over).toMatchObject({ state: "ended", nextStep: expect.stringContaining("or remove it") });
  await look();
  expect(warned).toMatchObject([{ message: "a certificate has ended", names: made.names }]);
  await removeInstallationCertificate(deps, fixture.owner, made.id);
  expect(await fixture.store.certificates()).toEqual([]);
});
