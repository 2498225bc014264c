import { afterAll, afterEach, beforeAll, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { routeTo } from "../edge/testing/edge-fixture.ts";
import { parseChallenges } from "../edge/tls/challenges.ts";
import { createAuthority } from "../edge/tls/testing/authority.ts";
import { askTls, connectTls } from "../edge/tls/testing/tls-client.ts";
import { startTlsEdge, type TlsFixture } from "../edge/tls/testing/tls-fixture.ts";
import type { AcmeChallenge } from "../domain/edge.ts";
import type { HostToServe } from "../domain/certificate.ts";
import { until } from "../testing/e2e/croft.ts";
import { type Pebble, startPebble } from "../testing/pebble.ts";
import { createChallengeBoard } from "./challenge-board.ts";
import { type CertificatesFixture, certificatesFixture } from "./testing/certificates-fixture.ts";

setDefaultTimeout(120_000);

const authority = createAuthority();
const other = authority.issue(["other.example.test"]);
const page = { kind: "message", status: 200, title: "here", message: "m" } as const;
let edge: TlsFixture;
let pebble: Pebble;
let fixture: CertificatesFixture;
/** Called while a challenge can be met. */
let meanwhile: () => Promise<void> = async () => {};

beforeAll(async () => {
  edge = await startTlsEdge([routeTo(["a.example.test", "other.example.test"], page)], [other], {
    http2: true,
  });
  // Nobody answers on the port for HTTP.
  pebble = await startPebble(1, { nonceReject: 50, tlsPort: edge.tlsPort });
});
afterAll(async () => {
  await pebble?.close();
  await edge?.close();
  authority.remove();
});
beforeEach(async () => {
  meanwhile = async () => {};
  fixture = await certificatesFixture({
    directoryUrl: pebble.directoryUrl,
    email: null,
    ca: pebble.ca,
    externalAccount: null,
  });
});
afterEach(() => fixture.close());

const host = (name: string): HostToServe => ({ name, environmentId: null, automatic: true });
const told: AcmeChallenge[][] = [];
const challenges = createChallengeBoard(async (set) => {
  told.push(set);
  const parsed = parseChallenges({ challenges: set });
  if ("problem" in parsed) throw new Error(parsed.problem);
  edge.edge.challenges = parsed.challenges;
  if (set.length > 0) await meanwhile();
});

test("without a port for HTTP the handshake itself shows whose a name is", async () => {
  const failures: string[] = [];
  meanwhile = async () => {
    // Others are served all the while; the host's own visitors are refused, not given a strange certificate.
    const answer = await askTls(edge.tlsPort, "other.example.test", authority.ca);
    if (!answer.startsWith("HTTP/1.1 200 ")) failures.push(answer);
    for (const protocols of [["h2", "http/1.1"], ["http/1.1"]])
      await connectTls(edge.tlsPort, "a.example.test", {
        rejectUnauthorized: false,
        ALPNProtocols: protocols,
      }).then(
        () => failures.push("a visitor got in"),
        () => {},
      );
  };
  fixture.wanted = [host("a.example.test")];
  fixture.start({ challenges, plainHttp: false, tlsAlpn: true });
  await until(
    "it is issued",
    async () => fixture.handedNames(),
    (names) => names.length === 1,
  );
  expect(failures).toEqual([]);
  expect(await fixture.rowOf("a.example.test")).toMatchObject({ attempts: 0, lastError: null });
  expect(edge.edge.challenges.tls.size).toBe(0);
  edge.certify([other, ...fixture.handed!.certificates]);
  const root = await pebble.rootCertificate();
  expect(await askTls(edge.tlsPort, "a.example.test", root)).toStartWith("HTTP/1.1 200 ");
  // Without a challenge nobody is spoken to in that protocol.
  await expect(
    connectTls(edge.tlsPort, "a.example.test", { ca: root, ALPNProtocols: ["acme-tls/1"] }),
  ).rejects.toThrow();
});

test("where the port for HTTP turns out to be closed, the handshake is the next way", async () => {
  fixture.wanted = [host("b.example.test")];
  const start = () => fixture.start({ challenges, plainHttp: true, tlsAlpn: true });
  start();
  const failed = await until(
    "HTTP has failed",
    () => fixture.rowOf("b.example.test"),
    (row) => (row?.attempts ?? 0) > 0,
  );
  expect(failed!.lastError).toContain("onnect");
  await fixture.halt();
  fixture.aheadMs = 121_000;
  start();
  await until(
    "it is issued",
    async () => fixture.handedNames(),
    (names) => names.length === 1,
  );
  const kinds = told.flat().filter((one) => one.host === "b.example.test");
  expect([...new Set(kinds.map(({ type }) => type))]).toEqual(["http-01", "tls-alpn-01"]);
});
