import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { routeTo } from "../testing/edge-fixture.ts";
import { createAuthority } from "./testing/authority.ts";
import { startTlsEdge, type TlsFixture } from "./testing/tls-fixture.ts";

const authority = createAuthority();
const one = authority.issue(["one.test"]);
const two = authority.issue(["two.test"], "rsa");
const message = { kind: "message", status: 200, title: "here", message: "m" } as const;
let fixture: TlsFixture;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "croft-sessions-"));
  fixture = await startTlsEdge([routeTo(["one.test", "two.test"], message)], [one, two]);
});
afterAll(async () => {
  await fixture.close();
  authority.remove();
  await rm(dir, { recursive: true, force: true });
});

/** One request by openssl, so that tickets that come after the handshake are read. @returns all it says */
const ask = async (host: string, ...args: string[]): Promise<string> => {
  const child = Bun.spawn(
    [
      ...["openssl", "s_client", "-connect", `127.0.0.1:${fixture.tlsPort}`, "-servername", host, "-ign_eof"],
      ...args,
    ],
    {
      stdin: new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`),
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const said = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  await child.exited;
  return said.join("");
};

describe.each(["-tls1_3", "-tls1_2"])("a session is taken up again: %s", (version) => {
  test("by who was here, whatever certificate they had", async () => {
    for (const host of ["one.test", "two.test"]) {
      const file = join(dir, `${host}${version}`);
      const first = await ask(host, version, "-sess_out", file);
      expect(first).toContain("New, TLSv1");
      expect(first).toContain("HTTP/1.1 200");
      const again = await ask(host, version, "-sess_in", file);
      expect(again).toContain("Reused, TLSv1");
      expect(again).toContain("HTTP/1.1 200");
    }
  });

  test("also after other certificates came; not for a name that is served no more", async () => {
    const file = join(dir, `kept${version}`);
    await ask("one.test", version, "-sess_out", file);
    fixture.certify([one, two, authority.issue(["three.test"])]);
    expect(await ask("one.test", version, "-sess_in", file)).toContain("Reused, TLSv1");
    fixture.certify([two]);
    expect(await ask("one.test", version, "-sess_in", file)).not.toContain("HTTP/1.1 200");
    fixture.certify([one, two]);
  });

  test("not by who brings the session of another name", async () => {
    const file = join(dir, `crossed${version}`);
    await ask("one.test", version, "-sess_out", file);
    const crossed = await ask("two.test", version, "-sess_in", file);
    // Either a full handshake, or a request that is for a host of the session's own certificate alone.
    if (crossed.includes("Reused")) expect(crossed).not.toContain("HTTP/1.1 200");
    else expect(crossed).toContain("HTTP/1.1 200");
  });
});
