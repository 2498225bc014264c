import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { silentLog } from "../../domain/log.ts";
import { createEdgeClient, type EdgeClient } from "../client.ts";
import { edgeView } from "../edge-view.ts";
import { ensureEdge } from "../spawn.ts";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { killEdge } from "../testing/edge-process.ts";
import { createAuthority } from "./testing/authority.ts";
import { askTls, connectTls } from "./testing/tls-client.ts";

/** Certificates handed to an edge process over its control socket: in force at once, and still after its end. */

const authority = createAuthority();
const { ca } = authority;
const server = Bun.serve({ port: 0, development: false, fetch: () => new Response("hello") });
let dir: string;
let client: EdgeClient;
let child: Bun.Subprocess | null = null;

const start = async (): Promise<number> => {
  const entry = join(import.meta.dir, "../entry.ts");
  const addresses = ["--listen", "127.0.0.1:0", "--listen-tls", "127.0.0.1:0"];
  child = Bun.spawn([process.execPath, entry, "edge", "--dir", dir, ...addresses], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  for (let i = 0; i < 500; i++) {
    const health = await client.health().catch(() => null);
    if (health !== null && health.pid === child.pid) {
      const [, address] = health.listening;
      expect(address).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
      return Number(address!.split(":").at(-1));
    }
    await Bun.sleep(10);
  }
  throw new Error("the edge does not answer");
};
const kill = async (): Promise<void> => {
  child?.kill("SIGKILL");
  await child?.exited;
};
const routes = [routeTo(["one.test", "two.test"], toPort(server.port!))];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "croft-edge-tls-"));
  client = createEdgeClient(dir);
});
afterEach(async () => {
  await kill();
  await killEdge(dir);
  rmSync(dir, { recursive: true, force: true });
});
afterAll(async () => {
  await server.stop(true);
  authority.remove();
});

const one = authority.issue(["one.test"]);

test("an edge with other HTTPS addresses is replaced, one with the same is adopted", async () => {
  const address = (host: string) => ({ host, port: 0 });
  const ensure = async (listenTls: { host: string; port: number }[], http2 = true) =>
    (
      await ensureEdge({
        dir,
        view: edgeView(dir, null),
        listen: [address("127.0.0.1")],
        listenTls,
        http2,
        command: [process.execPath, join(import.meta.dir, "../entry.ts")],
        uid: null,
        logFile: join(dir, "edge.log"),
        log: silentLog,
        version: "staged",
      })
    ).health();
  const first = await ensure([address("127.0.0.1")]);
  expect((await ensure([address("127.0.0.1")])).pid).toBe(first.pid);
  const second = await ensure([address("127.0.0.2")]);
  expect(second.pid).not.toBe(first.pid);
  expect(second.listening[1]).toStartWith("https://127.0.0.2:");
  expect(second.http2).toBe(true);
  const plain = await ensure([address("127.0.0.2")], false);
  expect(plain.pid).not.toBe(second.pid);
  expect(plain.http2).toBe(false);
  const third = await ensure([]);
  expect(third.listening.length).toBe(1);
  const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const taken = other.port;
  await expect(ensure([{ host: "127.0.0.1", port: taken }])).rejects.toThrow(
    `the edge's address 127.0.0.1:${taken} is taken by another program`,
  );
  other.stop(true);
}, 30_000);

test("a restarted edge serves HTTPS by itself; its keys are for its own eyes", async () => {
  const port = await start();
  await client.putTable({ version: 1, routes });
  expect((await client.health()).certificateVersion).toBe(0);
  expect(connectTls(port, "one.test", { ca })).rejects.toThrow();
  expect(await client.putCertificates({ version: 3, certificates: [one], fallback: "refuse" })).toEqual({
    version: 3,
  });
  expect(await askTls(port, "one.test", ca)).toEndWith("hello");
  const file = join(dir, "certificates.json");
  expect(statSync(file).mode & 0o777).toBe(0o600);

  await kill();
  const again = await start();
  expect((await client.health()).certificateVersion).toBe(3);
  expect(await askTls(again, "one.test", ca)).toEndWith("hello");

  // Torn by a power cut, or not what this version understands: the edge starts without.
  await kill();
  truncateSync(file, statSync(file).size - 10);
  await start();
  expect((await client.health()).certificateVersion).toBe(0);
  await kill();
  const text = '{"version":1}';
  writeFileSync(file, `${new Bun.CryptoHasher("sha256").update(text).digest("hex")}\n${text}`);
  await start();
  expect((await client.health()).certificateVersion).toBe(0);
}, 30_000);

describe("what cannot be served is refused, and nothing changes", () => {
  test("another's key, an old version, what is no set", async () => {
    const port = await start();
    await client.putTable({ version: 1, routes });
    const put = (set: unknown): Promise<unknown> => client.putCertificates(set as never);
    const set = { version: 3, certificates: [one], fallback: "refuse" };
    await put(set);
    const stored = readFileSync(join(dir, "certificates.json"), "utf8");
    const two = authority.issue(["two.test"]);
    for (const [wrong, code, message] of [
      [
        { ...set, version: 4, certificates: [two, { ...one, key: two.key }] },
        "invalid_input",
        "the certificate for one.test: key: does not belong to the certificate",
      ],
      [{ ...set, version: 2, certificates: [two] }, "conflict", "version: set 2 is below the present 3"],
      [{ ...set, version: 4, fallback: "shrug" }, "invalid_input", expect.stringContaining("fallback")],
      [{}, "invalid_input", expect.stringContaining("certificates")],
    ] as const)
      await expect(put(wrong)).rejects.toMatchObject({ code, message });
    expect((await client.health()).certificateVersion).toBe(3);
    expect(readFileSync(join(dir, "certificates.json"), "utf8")).toBe(stored);
    expect(await askTls(port, "one.test", ca)).toEndWith("hello");
    await expect(connectTls(port, "two.test", { ca })).rejects.toThrow();
    // Sent again after a lost answer.
    expect(await put(set)).toEqual({ version: 3 });
  }, 30_000);

  test("challenges", async () => {
    await start();
    const address = (await client.health()).listening[0];
    const ask = () =>
      fetch(`http://${address}/.well-known/acme-challenge/tok`, { headers: { Host: "new.test" } });
    await client.putChallenges([{ token: "tok", keyAuthorization: "tok.print", host: "new.test" }]);
    expect(await (await ask()).text()).toBe("tok.print");
    await expect(
      client.putChallenges([{ token: "/", keyAuthorization: "tok.print", host: "new.test" }]),
    ).rejects.toMatchObject({ code: "invalid_input" });
    expect((await ask()).status).toBe(200);
    await client.putChallenges([]);
    expect((await ask()).status).toBe(404);
  }, 30_000);
});

test("an edge that stops has given a slow reader all of the last answer", async () => {
  const bytes = 12_000_000;
  const large = Bun.serve({ port: 0, development: false, fetch: () => new Response(Buffer.alloc(bytes)) });
  const port = await start();
  await client.putTable({ version: 1, routes: [routeTo(["one.test"], toPort(large.port!))] });
  await client.putCertificates({ version: 1, certificates: [one], fallback: "refuse" });
  const reader = await connectTls(port, "one.test", { ca });
  let received = 0;
  reader.socket.on("data", (data: Buffer) => {
    received += data.length;
    reader.socket.pause();
    setTimeout(() => reader.socket.resume(), 2);
  });
  reader.send("GET / HTTP/1.1\r\nHost: one.test\r\n\r\n");
  while (received === 0) await Bun.sleep(1);
  await client.stop();
  while (!reader.closed()) await Bun.sleep(5);
  expect(received).toBeGreaterThan(bytes);
  expect(await child!.exited).toBe(0);
  await large.stop(true);
}, 30_000);

test("certificates change under load without a failed request; new handshakes have the new one at once", async () => {
  const port = await start();
  await client.putTable({ version: 1, routes });
  const swaps = 20;
  const issued = Array.from({ length: swaps + 1 }, (_, at) => authority.issue(["one.test", `v${at}.test`]));
  const put = (at: number) =>
    client.putCertificates({
      version: at + 1,
      certificates: [issued[at]!],
      fallback: at % 2 === 0 ? "refuse" : "self-signed",
    });
  await put(0);
  const kept = await connectTls(port, "one.test", { ca });
  let requests = 0;
  let failed: unknown = null;
  let over = false;
  const load = async (fresh: boolean): Promise<void> => {
    let session: Buffer | undefined;
    while (!over && failed === null)
      try {
        if (fresh) {
          if (!(await askTls(port, "one.test", ca)).endsWith("hello")) throw new Error("another answer");
          requests++;
          continue;
        }
        // Ten on one connection, resumed from the one before.
        const socket = connect({ host: "127.0.0.1", port, servername: "one.test", ca, session });
        socket.on("session", (next: Buffer) => (session = next));
        for (let i = 0; i < 10; i++) {
          socket.write(`GET / HTTP/1.1\r\nHost: one.test\r\n\r\n`);
          const text = await new Promise<string>((resolve, reject) => {
            socket.once("data", (data: Buffer) => resolve(data.toString()));
            socket.once("close", () => reject(new Error("closed")));
            socket.once("error", reject);
          });
          if (!text.endsWith("hello")) throw new Error(text);
          requests++;
        }
        socket.destroy();
      } catch (error) {
        failed = error;
      }
  };
  const loads = [true, true, false, false].map(load);
  for (let i = 1; i <= swaps; i++) {
    for (const enough = requests + 40; requests < enough && failed === null;) await Bun.sleep(1);
    await put(i);
    const fresh = await connectTls(port, "one.test", { ca });
    expect(fresh.names()).toBe(`DNS:one.test, DNS:v${i}.test`);
    fresh.close();
  }
  over = true;
  await Promise.all(loads);
  expect(failed).toBeNull();
  expect(requests).toBeGreaterThanOrEqual(swaps * 40);
  // A connection from before the first change is served on.
  kept.send("GET / HTTP/1.1\r\nHost: one.test\r\n\r\n");
  expect(await kept.until((text) => text.endsWith("hello"))).toStartWith("HTTP/1.1 200 ");
  kept.close();
}, 60_000);
