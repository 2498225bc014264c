import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { until } from "../testing/e2e/croft.ts";
import { type Pebble, startPebble } from "../testing/pebble.ts";
import { certificateId } from "./acme/renewal-info.ts";
import { earliestRenewalMs } from "./back-off.ts";
import { renewalTimeMs } from "./renewal-time.ts";
import { type CertificatesFixture, certificatesFixture } from "./testing/certificates-fixture.ts";
import { type RenewalFront, startRenewalFront } from "./testing/renewal-front.ts";

setDefaultTimeout(120_000);

const name = "a.example.test";
const hour = 3_600_000;
let pebble: Pebble;
let front: RenewalFront;
let fixture: CertificatesFixture;

beforeAll(async () => {
  pebble = await startPebble(1, {
    nonceReject: 50,
    lifetimeSeconds: 90 * 86_400,
    env: { PEBBLE_VA_ALWAYS_VALID: "1" },
  });
});
afterAll(() => pebble?.close());
beforeEach(async () => {
  front = startRenewalFront(pebble);
  fixture = await certificatesFixture({
    directoryUrl: front.directoryUrl,
    email: null,
    ca: pebble.ca,
    externalAccount: null,
  });
  fixture.wanted = [{ name, environmentId: null, automatic: true }];
});
afterEach(async () => {
  await fixture.close();
  await front.close();
});

const says = (
  startMs: number,
  endMs: number,
  headers: Record<string, string> = { "retry-after": "21600" },
) => {
  const at = (ms: number) => new Date(ms).toISOString();
  front.answer = () =>
    Response.json(
      { suggestedWindow: { start: at(startMs), end: at(endMs) }, explanationURL: "https://example.org/why" },
      { headers },
    );
};
const issued = async () => {
  const certificates = fixture.start();
  const row = await until(
    "it is issued",
    () => fixture.rowOf(name),
    (one) => !!one?.chain,
  );
  return { certificates, row: row! };
};
/** Asks as if the minute after the issue, or the pause since the last time, were over. */
const askedAgain = async (aheadMs: number) => {
  const count = front.asked.length;
  fixture.aheadMs = aheadMs;
  fixture.start();
  await until(
    "it asks",
    async () => front.asked.length,
    (now) => now > count,
  );
  const row = await until(
    "the answer is kept",
    () => fixture.rowOf(name),
    (one) => (one?.renewalCheckAt ?? 0) > Date.now() + aheadMs,
  );
  await fixture.halt();
  return row!;
};

test("a certificate is called as the standard's example is", () => {
  const example = `-----BEGIN CERTIFICATE-----
MIIBQzCB66ADAgECAgUAh2VDITAKBggqhkjOPQQDAjAVMRMwEQYDVQQDEwpFeGFt
cGxlIENBMCIYDzAwMDEwMTAxMDAwMDAwWhgPMDAwMTAxMDEwMDAwMDBaMBYxFDAS
BgNVBAMTC2V4YW1wbGUuY29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeBZu
7cbpAYNXZLbbh8rNIzuOoqOOtmxA1v7cRm//AwyMwWxyHz4zfwmBhcSrf47NUAFf
qzLQ2PPQxdTXREYEnKMjMCEwHwYDVR0jBBgwFoAUaYhba4dGQEHhs3uEe6CuLN4B
yNQwCgYIKoZIzj0EAwIDRwAwRAIge09+S5TZAlw5tgtiVvuERV6cT4mfutXIlwTb
+FYN/8oCIClDsqBklhB9KAelFiYt9+6FDj3z4KGVelYM5MdsO3pK
-----END CERTIFICATE-----`;
  expect(certificateId(example)).toBe("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE");
});

test("it is renewed inside the window, at a time that stays; the authority is asked when it says", async () => {
  const { row } = await issued();
  await fixture.halt();
  expect(front.asked).toEqual([]);
  const startMs = row.notAfter! - 40 * 24 * hour;
  says(startMs, startMs + 48 * hour, { "retry-after": "7200" });
  const first = await askedAgain(61_000);
  expect(front.asked).toEqual([certificateId(row.chain!)!]);
  expect(Math.abs(first.nextAttemptAt! - (startMs + 24 * hour))).toBeLessThan(1000);
  const pauseMs = first.renewalCheckAt! - (Date.now() + 61_000);
  expect(pauseMs).toBeGreaterThan(2 * hour - 60_000);
  expect(pauseMs).toBeLessThanOrEqual(2 * hour);
  // The window moves a little; the time that was chosen is inside it still.
  says(startMs + 12 * hour, startMs + 60 * hour);
  expect((await askedAgain(61_000 + 3 * hour)).nextAttemptAt).toBe(first.nextAttemptAt);
});

test("a window that is over means now; the order says which certificate it replaces", async () => {
  const { row } = await issued();
  await fixture.halt();
  expect(front.replaced).toEqual([null]);
  says(Date.now() - 3 * hour, Date.now() - hour);
  fixture.aheadMs = 6 * hour + 61_000;
  fixture.start();
  const renewed = await until(
    "it is renewed",
    () => fixture.rowOf(name),
    (one) => one!.fingerprint !== row.fingerprint,
  );
  expect(front.replaced).toEqual([null, certificateId(row.chain!)!]);
  expect(new X509Certificate(renewed!.chain!).checkHost(name)).toBe(name);
});

test("an authority that is never content is not given an order a minute", async () => {
  const { row } = await issued();
  await fixture.halt();
  says(Date.now() - 3 * hour, Date.now() - hour, { "retry-after": "60" });
  for (const aheadMs of [61_000, 2 * hour, 5.9 * hour])
    expect((await askedAgain(aheadMs)).nextAttemptAt).toBe(row.updatedAt + 6 * hour);
  expect(front.replaced).toEqual([null]);
  const fresh = { notBeforeMs: Date.now() - 400 * 24 * hour, notAfterMs: Date.now() - 310 * 24 * hour };
  // A clock that is far ahead: over as soon as it is issued.
  expect(earliestRenewalMs(Date.now(), fresh.notBeforeMs, fresh.notAfterMs)).toBeGreaterThan(
    Date.now() + 5 * hour,
  );
});

test("an authority that has it replaced already gets the order without", async () => {
  const { row } = await issued();
  await fixture.halt();
  front.refuseReplacing = { status: 409, type: "alreadyReplaced" };
  says(Date.now() - 3 * hour, Date.now() - hour);
  fixture.aheadMs = 6 * hour + 61_000;
  fixture.start();
  await until(
    "it is renewed",
    () => fixture.rowOf(name),
    (one) => one!.fingerprint !== row.fingerprint,
  );
  expect(front.replaced).toEqual([null, certificateId(row.chain!), null]);
  expect(await fixture.rowOf(name)).toMatchObject({ attempts: 0, lastError: null });
});

test("answers that fail or make no sense leave the time as it was, and are asked for later", async () => {
  const { row } = await issued();
  await fixture.halt();
  let aheadMs = 61_000;
  for (const answer of [
    () => new Response("{}", { status: 503, headers: { "retry-after": "600" } }),
    () => Response.json({ suggestedWindow: { start: "soon", end: "later" } }),
    () => Response.json({ suggestedWindow: { start: "2030-01-02T00:00:00Z", end: "2030-01-01T00:00:00Z" } }),
    () => new Response("<html>"),
  ]) {
    front.answer = answer;
    const after = await askedAgain(aheadMs);
    expect(after).toMatchObject({ nextAttemptAt: row.nextAttemptAt, attempts: 0, lastError: null });
    aheadMs = after.renewalCheckAt! - Date.now() + 1000;
  }
});

test("a window at the very end of a life is not waited for", () => {
  const life = { notBeforeMs: 0, notAfterMs: 1000 };
  expect(renewalTimeMs({ startMs: 950, endMs: 990 }, life, null, 0.5)).toBe(900);
  expect(renewalTimeMs({ startMs: 2000, endMs: 3000 }, life, 666, 0.5)).toBe(900);
  expect(renewalTimeMs({ startMs: 600, endMs: 700 }, life, 666, 0.1)).toBe(666);
  expect(renewalTimeMs({ startMs: 600, endMs: 700 }, life, 800, 0.1)).toBe(610);
});
