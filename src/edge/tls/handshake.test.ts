import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { routeTo } from "../testing/edge-fixture.ts";
import { connectRaw } from "../testing/raw-client.ts";
import { createAuthority } from "./testing/authority.ts";
import { askTls, connectTls } from "./testing/tls-client.ts";
import { startTlsEdge, type TlsFixture } from "./testing/tls-fixture.ts";

const authority = createAuthority();
const { ca } = authority;
const one = authority.issue(["one.test", "www.one.test"]);
const wild = authority.issue(["*.wild.test"], "rsa");
const message = { kind: "message", status: 200, title: "here", message: "m" } as const;
let fixture: TlsFixture;

beforeAll(async () => {
  fixture = await startTlsEdge([routeTo(["one.test", "www.one.test", "a.wild.test"], message)], [one, wild]);
});
afterAll(async () => {
  await fixture.close();
  authority.remove();
});

/** One handshake by openssl. @returns all it says */
const openssl = (...args: string[]): Promise<string> => opensslBare("-servername", "one.test", ...args);
const opensslBare = async (...args: string[]): Promise<string> => {
  const child = Bun.spawn(["openssl", "s_client", "-connect", `127.0.0.1:${fixture.tlsPort}`, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const said = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return said.join("");
};

describe("the certificate by the name in the handshake", () => {
  for (const [name, names] of [
    ["one.test", "DNS:one.test, DNS:www.one.test"],
    ["www.one.test", "DNS:one.test, DNS:www.one.test"],
    ["WWW.One.Test", "DNS:one.test, DNS:www.one.test"],
    ["a.wild.test", "DNS:*.wild.test"],
  ] as const)
    test(name, async () => {
      const client = await connectTls(fixture.tlsPort, name, { ca });
      expect(client.names()).toBe(names);
      expect(client.socket.authorized).toBe(true);
      client.close();
    });

  for (const name of ["other.test", "a.b.wild.test", "wild.test"])
    test(`${name}: refused`, async () => {
      await expect(connectTls(fixture.tlsPort, name, { ca })).rejects.toThrow();
    });

  test("no name: refused", async () => {
    expect(await opensslBare("-noservername")).toMatch(/alert/);
  });
});

test("unknown names get a self-signed certificate while that is wanted", async () => {
  fixture.certify([one, wild], "self-signed");
  const stranger = await connectTls(fixture.tlsPort, "other.test", { rejectUnauthorized: false });
  expect(stranger.socket.authorized).toBe(false);
  expect(stranger.socket.getPeerCertificate().subject.CN).toBe("Croft self-signed");
  stranger.send("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n");
  expect(await stranger.until((text) => text.includes("\r\n\r\n"))).toStartWith("HTTP/1.1 404 ");
  stranger.close();
  expect(await opensslBare("-noservername")).toContain("CN = Croft self-signed");
  expect(await askTls(fixture.tlsPort, "one.test", ca)).toStartWith("HTTP/1.1 200 ");
  fixture.certify([one, wild], "refuse");
  await expect(connectTls(fixture.tlsPort, "other.test", { rejectUnauthorized: false })).rejects.toThrow();
  expect(await opensslBare("-noservername")).toMatch(/alert/);
});

describe("what is offered", () => {
  test("TLS 1.3 and 1.2, not before", async () => {
    expect(await openssl("-tls1_3")).toContain("New, TLSv1.3");
    expect(await openssl("-tls1_2")).toContain("New, TLSv1.2");
    for (const old of ["-tls1_1", "-tls1"])
      expect(await openssl(old, "-cipher", "DEFAULT@SECLEVEL=0")).toMatch(/alert protocol version/);
  });

  test("TLS 1.2 only with forward secrecy and authenticated encryption", async () => {
    for (const cipher of ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"])
      expect(await openssl("-tls1_2", "-cipher", cipher)).toMatch(/alert handshake failure/);
    for (const cipher of ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"])
      expect(await openssl("-tls1_2", "-cipher", cipher)).toContain(`Cipher is ${cipher}`);
  });

  test("HTTP/1.1 by ALPN, and no other protocol in its place", async () => {
    expect(await openssl("-alpn", "h2,http/1.1")).toContain("ALPN protocol: http/1.1");
    expect(await openssl("-alpn", "imap")).toMatch(/alert no application protocol/);
  });

  test("sessions are resumed", async () => {
    const first = await connectTls(fixture.tlsPort, "one.test", { ca, maxVersion: "TLSv1.2" });
    const session = first.socket.getSession();
    first.close();
    const second = await connectTls(fixture.tlsPort, "one.test", { ca, maxVersion: "TLSv1.2", session });
    expect(second.socket.isSessionReused()).toBe(true);
    second.close();
  });
});

describe("what is no handshake", () => {
  test("plain HTTP is closed, and harms nobody", async () => {
    const client = await connectRaw(fixture.tlsPort);
    client.send("GET / HTTP/1.1\r\nHost: one.test\r\n\r\n");
    expect(await client.untilClosed()).not.toContain("200");
    expect(await askTls(fixture.tlsPort, "one.test", ca)).toStartWith("HTTP/1.1 200 ");
  });

  test("noise, half a record and a silent end", async () => {
    for (const bytes of [
      "\x16\x03\x01\xff\xff",
      "\x00".repeat(1000),
      "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
      "",
    ]) {
      const client = await connectRaw(fixture.tlsPort);
      client.send(bytes);
      client.close();
      await client.untilClosed();
    }
    expect(fixture.edge.visitors.size).toBe(0);
    expect(await askTls(fixture.tlsPort, "one.test", ca)).toStartWith("HTTP/1.1 200 ");
  });

  test("a handshake that does not go on is ended at its deadline, also when it drips", async () => {
    const slow = await startTlsEdge([], [one], { handshakeMs: 300 });
    const silent = await connectRaw(slow.tlsPort);
    const dripping = await connectRaw(slow.tlsPort);
    const drip = setInterval(() => dripping.send("\x16\x03\x01\x02\x00\x01"[0]!), 20);
    await Promise.all([silent.untilClosed(), dripping.untilClosed()]);
    clearInterval(drip);
    expect(slow.edge.visitors.size).toBe(0);
    await slow.close();
  });

  test("of too many at once the oldest goes; whoever does his part gets in", async () => {
    const crowded = await startTlsEdge([routeTo(["one.test"], message)], [one], { handshakes: 8 });
    const silent = await Promise.all(Array.from({ length: 8 }, () => connectRaw(crowded.tlsPort)));
    expect(await askTls(crowded.tlsPort, "one.test", ca)).toStartWith("HTTP/1.1 200 ");
    await Promise.race(silent.map((client) => client.untilClosed()));
    expect(silent.filter((client) => client.closed()).length).toBe(1);
    for (const client of silent) client.close();
    await crowded.close();
  });
});
