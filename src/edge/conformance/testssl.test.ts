import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { startOkUpstream } from "../testing/raw-upstream.ts";
import { createAuthority } from "../tls/testing/authority.ts";
import { startTlsEdge } from "../tls/testing/tls-fixture.ts";

interface Finding {
  id: string;
  severity: "OK" | "INFO" | "LOW" | "MEDIUM" | "HIGH" | "CRITICAL" | "WARN" | "DEBUG";
  finding: string;
}

/**
 * Protocols, cipher categories, forward secrecy, preferences, vulnerabilities and headers, by the short names that
 * all versions know. Not the certificate, which is a test's.
 */
const checks = ["-p", "-s", "-f", "-P", "-U", "-h"];

/** Findings that are the site's business, or say only that this OpenSSL cannot ask the question. */
const notOurs = new Set(["security_headers", "HSTS", "secure_renego"]);

// An RSA key, since some attacks are on those alone.
test("testssl.sh finds nothing to hold against the edge", async () => {
  const dir = mkdtempSync(join(tmpdir(), "croft-testssl-"));
  const authority = createAuthority();
  const upstream = startOkUpstream();
  const edge = await startTlsEdge(
    [routeTo(["localhost"], toPort(upstream.port))],
    [authority.issue(["localhost"], "rsa")],
    { http2: true },
  );
  const file = join(dir, "findings.json");
  const child = Bun.spawn(
    [
      "testssl",
      "--quiet",
      "--color",
      "0",
      "--warnings",
      "batch",
      "--openssl",
      "/usr/bin/openssl",
      "--connect-timeout",
      "10",
      "--openssl-timeout",
      "10",
      "--ip",
      "127.0.0.1",
      "--jsonfile",
      file,
      ...checks,
      `localhost:${edge.tlsPort}`,
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe", cwd: dir, timeout: 170_000 },
  );
  const said = await new Response(child.stdout).text();
  await child.exited;
  await edge.close();
  upstream.close();
  authority.remove();
  const findings = JSON.parse(readFileSync(file, "utf8")) as Finding[];
  rmSync(dir, { recursive: true, force: true });
  const bad = findings.filter(
    ({ id, severity }) => !["OK", "INFO", "DEBUG"].includes(severity) && !notOurs.has(id),
  );
  expect(bad).toEqual([]);
  // It has looked, and at this server.
  const asked = new Set(findings.map(({ id }) => id));
  const wanted =
    "SSLv2 SSLv3 TLS1 TLS1_1 TLS1_2 TLS1_3 cipherlist_NULL cipher_order " +
    "heartbleed CCS ROBOT CRIME_TLS BREACH POODLE_SSL SWEET32 FREAK DROWN LOGJAM BEAST LUCKY13 RC4";
  expect(wanted.split(" ").filter((id) => !asked.has(id))).toEqual([]);
  expect(said).toContain("HTTP Status Code             200 OK");
}, 180_000);
