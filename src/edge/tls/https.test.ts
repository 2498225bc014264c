import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Route } from "../../domain/edge.ts";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { connectRaw, exchangeRaw } from "../testing/raw-client.ts";
import { noChallenges, parseChallenges } from "./challenges.ts";
import { createAuthority } from "./testing/authority.ts";
import { askTls, connectTls } from "./testing/tls-client.ts";
import { startTlsEdge, type TlsFixture } from "./testing/tls-fixture.ts";

/** What a visitor over HTTPS gets, and what one over plain HTTP is told. */

const authority = createAuthority();
const { ca } = authority;
const message = { kind: "message", status: 200, title: "here", message: "m" } as const;
const folder = mkdtempSync(join(tmpdir(), "croft-https-"));
writeFileSync(join(folder, "index.html"), "<p>files</p>");

const server = Bun.serve<undefined>({
  port: 0,
  development: false,
  fetch(request, server) {
    const path = new URL(request.url).pathname;
    if (path === "/socket" && server.upgrade(request)) return undefined;
    if (path === "/own-hsts")
      return new Response("own", {
        headers: { "strict-transport-security": "max-age=1; preload", "X-After": "1" },
      });
    return Response.json({
      proto: request.headers.get("x-forwarded-proto"),
      for: request.headers.get("x-forwarded-for"),
      host: request.headers.get("host"),
    });
  },
  websocket: {
    message: (socket, text) => void (text === "bye" ? socket.close(4002, "so long") : socket.send(text)),
    maxPayloadLength: 64 * 1024 * 1024,
  },
});
const secured = (hosts: string[], target: Route["target"]): Route => ({
  ...routeTo(hosts, target),
  https: { redirect: true, hstsSeconds: 3600 },
});
let fixture: TlsFixture;

beforeAll(async () => {
  fixture = await startTlsEdge(
    [
      secured(["site.test", "localhost"], toPort(server.port!)),
      secured(["files.test"], { kind: "static", folder }),
      secured(["old.test"], { kind: "redirect", host: "site.test", permanent: true }),
      secured(["waiting.example"], toPort(server.port!)),
      routeTo(["open.wild.test"], message),
      routeTo(["moved.test"], { kind: "redirect", host: "open.wild.test", permanent: false }),
    ],
    [
      authority.issue(["site.test", "files.test", "old.test", "localhost"]),
      authority.issue(["*.wild.test"]),
      authority.issue(["other.example"]),
    ],
  );
});
afterAll(async () => {
  await fixture.close();
  await server.stop(true);
  authority.remove();
  rmSync(folder, { recursive: true, force: true });
});

const askPlain = (host: string, path = "/", fields = ""): Promise<string> =>
  exchangeRaw(fixture.port, `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${fields}Connection: close\r\n\r\n`);
const count = (text: string, part: RegExp): number => text.match(part)?.length ?? 0;

describe("over HTTPS", () => {
  test("the upstream learns the scheme; a visitor cannot claim another", async () => {
    const client = await connectTls(fixture.tlsPort, "site.test", { ca });
    client.send("GET / HTTP/1.1\r\nHost: site.test\r\nX-Forwarded-Proto: http\r\nConnection: close\r\n\r\n");
    const answer = await client.until(() => false);
    expect(answer).toContain('{"proto":"https","for":"127.0.0.1","host":"site.test"}');
    expect(await askPlain("open.wild.test")).toStartWith("HTTP/1.1 200 ");
  });

  test("many requests on one connection, pipelined and in order", async () => {
    const client = await connectTls(fixture.tlsPort, "site.test", { ca });
    client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n".repeat(50));
    const text = await client.until((text) => count(text, /"proto":"https"/g) === 50);
    expect(count(text, /HTTP\/1\.1 200 /g)).toBe(50);
    client.close();
  });

  test("what is no request is refused as on plain HTTP", async () => {
    const client = await connectTls(fixture.tlsPort, "site.test", { ca });
    client.send("GET / HTTP/1.1\r\nHost: site.test\r\nHost: site.test\r\n\r\n");
    expect(await client.until(() => false)).toStartWith("HTTP/1.1 400 ");
  });

  test("HSTS once on answers of sites, files, redirects and the edge; never on plain HTTP", async () => {
    const line = /\r\nstrict-transport-security: [^\r]*/gi;
    for (const [host, path] of [
      ["site.test", "/"],
      ["site.test", "/own-hsts"],
      ["files.test", "/"],
      ["files.test", "/none"],
      ["old.test", "/"],
    ] as const) {
      const answer = await askTls(fixture.tlsPort, host, ca, path);
      expect(answer.match(line)).toEqual(["\r\nStrict-Transport-Security: max-age=3600"]);
    }
    expect(await askTls(fixture.tlsPort, "site.test", ca, "/own-hsts")).toContain("X-After: 1\r\n");
    expect(await askTls(fixture.tlsPort, "open.wild.test", ca)).not.toMatch(line);
    expect(await askPlain("site.test")).not.toMatch(line);
  });

  test("a request for a name that the certificate does not cover is sent away with 421", async () => {
    const asked = (host: string, name: string) => askTls(fixture.tlsPort, host, ca, "/", name);
    expect(await asked("files.test", "site.test")).toContain("<p>files</p>");
    expect(await asked("open.wild.test", "site.test")).toStartWith("HTTP/1.1 421 Misdirected Request\r\n");
    expect(await asked("open.wild.test", "x.wild.test")).toStartWith("HTTP/1.1 200 ");
    expect(await asked("site.test", "open.wild.test")).toStartWith("HTTP/1.1 421 ");
    expect(await asked("site.test", "other.example")).toStartWith("HTTP/1.1 421 ");
    expect(await asked("unknown.example", "other.example")).toStartWith("HTTP/1.1 421 ");
    expect(await asked("other.example", "other.example")).toStartWith("HTTP/1.1 404 ");
  });

  test("a WebSocket: messages of all sizes both ways, and close codes", async () => {
    const socket = new WebSocket(`wss://localhost:${fixture.tlsPort}/socket`, { tls: { ca } } as never);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    for (const length of [0, 1, 125, 126, 65_536, 5_000_000]) {
      const echoed = new Promise<string>((resolve) => (socket.onmessage = ({ data }) => resolve(data)));
      socket.send("x".repeat(length));
      expect((await echoed).length).toBe(length);
    }
    const ended = new Promise<CloseEvent>((resolve) => (socket.onclose = resolve));
    socket.send("bye");
    const { code, reason } = await ended;
    expect([code, reason]).toEqual([4002, "so long"]);
  });
});

describe("over plain HTTP", () => {
  const locationOf = (answer: string): string | undefined => /\r\nLocation: ([^\r]*)/.exec(answer)?.[1];

  test("308 to HTTPS with path and query, whatever the method; the port only when it is not 443", async () => {
    const answer = await askPlain("site.test:8080", "/a%20b?c=d&e");
    expect(answer).toStartWith("HTTP/1.1 308 Permanent Redirect\r\n");
    expect(locationOf(answer)).toBe(`https://site.test:${fixture.tlsPort}/a%20b?c=d&e`);
    const { edge } = fixture;
    edge.httpsPort = 443;
    expect(locationOf(await askPlain("Site.Test", "/"))).toBe("https://site.test/");
    expect(locationOf(await askPlain("site.test", "http://site.test?x"))).toBe("https://site.test/?x");
    expect(locationOf(await askPlain("site.test", "//evil.example/"))).toBe(
      "https://site.test//evil.example/",
    );
    const post = await exchangeRaw(
      fixture.port,
      "POST /p HTTP/1.1\r\nHost: site.test\r\nContent-Length: 3\r\n\r\nabc",
    );
    expect(post).toStartWith("HTTP/1.1 308 ");
    expect(locationOf(post)).toBe("https://site.test/p");
    edge.httpsPort = fixture.tlsPort;
  });

  test("without an HTTPS listener, or a certificate for the name, it is served as it is", async () => {
    fixture.edge.httpsPort = null;
    expect(await askPlain("site.test")).toContain('"proto":"http"');
    fixture.edge.httpsPort = fixture.tlsPort;
    expect(await askPlain("waiting.example")).toContain('"proto":"http"');
  });

  test("a redirect to the canonical host stays on scheme and port", async () => {
    const moved = await askPlain("moved.test:8080", "/x?y");
    expect(moved).toStartWith("HTTP/1.1 307 Temporary Redirect\r\n");
    expect(locationOf(moved)).toBe("http://open.wild.test:8080/x?y");
    const old = await askTls(fixture.tlsPort, "old.test", ca, "/x?y");
    expect(old).toStartWith("HTTP/1.1 308 ");
    expect(locationOf(old)).toBe("https://site.test/x?y");
    // First to HTTPS on its own name, so that HSTS holds for it too.
    expect(locationOf(await askPlain("old.test"))).toBe(`https://old.test:${fixture.tlsPort}/`);
  });

  test("counted as the route's requests", async () => {
    const { meter } = fixture.edge.router.byId.get("site.test")!;
    const before = meter.status3xx;
    await askPlain("site.test");
    expect(meter.status3xx).toBe(before + 1);
  });
});

describe("ACME challenges", () => {
  const path = "/.well-known/acme-challenge/to-ken_1";
  const challenge = { token: "to-ken_1", keyAuthorization: "to-ken_1.thumb-print", host: "site.test" };

  test("answered for their host, before any redirect, with or without a route", async () => {
    const parsed = parseChallenges({ challenges: [challenge, { ...challenge, host: "new.example" }] });
    if ("problem" in parsed) throw new Error(parsed.problem);
    fixture.edge.challenges = parsed.challenges;
    for (const host of ["site.test", "new.example", "NEW.example."]) {
      const answer = await askPlain(host, path);
      expect(answer).toStartWith("HTTP/1.1 200 OK\r\n");
      expect(answer).toContain("Content-Type: text/plain\r\n");
      expect(answer).toEndWith("\r\n\r\nto-ken_1.thumb-print");
    }
    const head = await exchangeRaw(
      fixture.port,
      `HEAD ${path} HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n`,
    );
    expect(head).toContain("Content-Length: 20\r\n");
    expect(head).toEndWith("\r\n\r\n");
    expect(await askPlain("other.example", path)).toStartWith("HTTP/1.1 404 ");
    expect(await askPlain("site.test", `${path}2`)).toStartWith("HTTP/1.1 308 ");
    expect(await askPlain("site.test", "/.well-known/acme-challenge/")).toStartWith("HTTP/1.1 308 ");
    // The connection goes on.
    const client = await connectRaw(fixture.port);
    client.send(`GET ${path} HTTP/1.1\r\nHost: new.example\r\n\r\n`.repeat(3));
    expect(count(await client.until((text) => count(text, /thumb-print/g) === 3), / 200 OK/g)).toBe(3);
    client.close();
    fixture.edge.challenges = noChallenges;
    expect(await askPlain("new.example", path)).toStartWith("HTTP/1.1 404 ");
  });

  test("what is no token is refused", () => {
    for (const wrong of [{ token: "../x" }, { token: "" }, { keyAuthorization: "a\r\nb.c" }, { host: "" }])
      expect(parseChallenges({ challenges: [{ ...challenge, ...wrong }] })).toHaveProperty("problem");
  });
});
