import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { freePort, until } from "../testing/e2e/croft.ts";
import { type Pebble, startPebble } from "../testing/pebble.ts";
import { type CertificatesFixture, certificatesFixture } from "./testing/certificates-fixture.ts";

const count = process.env.CROFT_SOAK ? 200 : 20;
setDefaultTimeout(count * 6_000);

const port = freePort();
let pebble: Pebble;
let fixture: CertificatesFixture;
let web: Bun.Server<undefined> | null = null;
/** Hosts that something else answers at. */
let strange = new Set<string>();

const open = (): void => {
  web = Bun.serve({
    hostname: "127.0.0.1",
    port,
    fetch: (request) => {
      const { hostname, pathname } = new URL(request.url);
      const found = fixture.challenges.find(
        (one) => one.host === hostname && pathname.endsWith(`/${one.token}`),
      );
      return found && !strange.has(hostname)
        ? new Response(found.keyAuthorization)
        : new Response("nothing here", { status: 404 });
    },
  });
};
const close = async (): Promise<void> => {
  await web?.stop(true);
  web = null;
};

beforeAll(async () => {
  pebble = await startPebble(port, {
    nonceReject: 50,
    env: { PEBBLE_VA_ALWAYS_VALID: "0", PEBBLE_AUTHZREUSE: "0" },
  });
});
afterAll(() => pebble?.close());
beforeEach(async () => {
  fixture = await certificatesFixture({
    directoryUrl: pebble.directoryUrl,
    email: null,
    ca: pebble.ca,
    externalAccount: null,
  });
});
afterEach(async () => {
  await fixture.close();
  await close();
});

test(`${count} names whose challenges fail for a while all have a certificate in the end, and nobody is hammered`, async () => {
  const names = Array.from({ length: count }, (_, i) => `name-${i}.example.test`);
  // Of four names two are right, one leads elsewhere at first, at one something else answers.
  const astray = names.filter((_, i) => i % 4 === 2);
  strange = new Set(names.filter((_, i) => i % 4 === 3));
  for (const name of astray) await pebble.setAddresses(name, ["127.0.0.99"]);
  fixture.wanted = names.map((name) => ({ name, environmentId: null, automatic: true }));
  const orders = new Map<string, number>();
  const { store } = fixture;
  const certificates = fixture.start({
    store: {
      ...store,
      updateCertificate: async (id, patch) => {
        if (patch.orderUrl) orders.set(id, (orders.get(id) ?? 0) + 1);
        return store.updateCertificate(id, patch);
      },
    },
  });
  const rows = () => store.certificates();
  const tried = (most: number) =>
    until(
      `all names were tried ${most} times or are issued`,
      rows,
      (all) => all.length === count && all.every((row) => row.chain !== null || row.attempts === most),
      count * 1_500,
    );
  // Past every pause, and past the window that orders are counted in.
  const later = () => {
    fixture.aheadMs += 4 * 3_600_000;
    certificates.kick();
  };

  // The port is closed.
  const closed = await tried(1);
  expect(closed.filter((row) => row.chain !== null)).toEqual([]);
  for (const row of closed) {
    expect(row.lastError).toContain("port 80 of this server must be reachable from the internet");
    expect(row.orderUrl).toBeNull();
  }

  // It is open, and half of the names are wrong still.
  open();
  later();
  const half = await tried(2);
  const failing = half.filter((row) => row.chain === null);
  expect(failing.map((row) => row.name).sort()).toEqual([...astray, ...strange].sort());
  for (const row of failing) {
    expect(row.lastError).toContain("the certificate authority");
    expect(row.nextAttemptAt! - row.lastErrorAt!).toBe(360_000);
  }
  for (const row of half.filter((one) => one.chain !== null))
    expect(row).toMatchObject({ attempts: 0, lastError: null });

  // All is well.
  for (const name of astray) await pebble.setAddresses(name, ["127.0.0.1"]);
  strange = new Set();
  later();
  const all = await tried(0);
  expect(all.every((row) => row.chain !== null && row.lastError === null)).toBe(true);
  await until(
    "all are served",
    async () => fixture.handedNames(),
    (served) => served.length === count,
  );
  expect(fixture.challenges).toEqual([]);
  // One order for each try, never a second one on its heels.
  expect([...orders.values()].toSorted((a, b) => a - b)).toEqual([
    ...Array<number>(count - failing.length).fill(2),
    ...Array<number>(failing.length).fill(3),
  ]);
});
