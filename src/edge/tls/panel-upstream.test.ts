import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { routeTo } from "../testing/edge-fixture.ts";
import { createAuthority } from "./testing/authority.ts";
import { startTlsEdge, type TlsFixture } from "./testing/tls-fixture.ts";

// The panel listens on a unix socket; a terminal in it is a WebSocket over HTTPS.

const authority = createAuthority();
const folder = mkdtempSync(join(tmpdir(), "croft-panel-socket-"));
const unixPath = join(folder, "panel.sock");
const closed: number[] = [];
const panel = Bun.serve<null>({
  unix: unixPath,
  development: false,
  fetch: (request, server) =>
    server.upgrade(request, { data: null })
      ? undefined
      : new Response(request.headers.get("x-forwarded-proto")),
  websocket: {
    open: (socket) => void socket.send("$ "),
    message: (socket, text) => void (text === "exit" ? socket.close(4000, "bye") : socket.send(text)),
    close: (_, code) => void closed.push(code),
  },
});
let fixture: TlsFixture;
beforeAll(async () => {
  fixture = await startTlsEdge(
    [routeTo(["localhost"], { kind: "replicas", replicas: [{ replicaId: "panel", address: { unixPath } }] })],
    [authority.issue(["localhost"])],
  );
});
afterAll(async () => {
  await fixture?.close();
  await panel.stop(true);
  rmSync(folder, { recursive: true, force: true });
});

const open = async () => {
  const socket = new WebSocket(`wss://localhost:${fixture.tlsPort}/terminal`, {
    tls: { ca: authority.ca },
  } as never);
  const heard: string[] = [];
  let wake = () => {};
  socket.addEventListener("message", ({ data }) => {
    heard.push(data as string);
    wake();
  });
  return {
    socket,
    hear: async (): Promise<string> => {
      while (heard.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return heard.shift()!;
    },
    closes: new Promise<CloseEvent>((resolve) => socket.addEventListener("close", resolve)),
  };
};

test("keystrokes and what they print pass both ways at once, and the close code at the end", async () => {
  const terminal = await open();
  expect(await terminal.hear()).toBe("$ ");
  for (const key of ["l", "s", "\r", "\u001b[A", "é"]) {
    terminal.socket.send(key);
    expect(await terminal.hear()).toBe(key);
  }
  const page = "x".repeat(1_000_000);
  terminal.socket.send(page);
  expect(await terminal.hear()).toBe(page);
  terminal.socket.send("exit");
  const { code, reason } = await terminal.closes;
  expect([code, reason]).toEqual([4000, "bye"]);
});

test("a browser that goes away ends it on the other side", async () => {
  const before = closed.length;
  const terminal = await open();
  await terminal.hear();
  terminal.socket.close(1000);
  while (closed.length === before) await Bun.sleep(5);
  expect(closed.at(-1)).toBe(1000);
});
