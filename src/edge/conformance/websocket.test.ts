import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect as connectPlain, type Socket } from "node:net";
import { connect as connectSecure } from "node:tls";
import { createAuthority, type Authority } from "../tls/testing/authority.ts";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { startTlsEdge, type TlsFixture } from "../tls/testing/tls-fixture.ts";
import { closing, type WebSocketCase, webSocketCases, wsFrame } from "./testing/websocket-cases.ts";

/**
 * The cases of Autobahn's test suite, sent to two echo servers (Autobahn's own, and Bun's) directly, through the
 * edge, and through the edge over TLS: what comes back is the same, byte for byte, to the connection's end.
 */

let authority: Authority;
let edge: TlsFixture;
let autobahn: Bun.Subprocess<"pipe", "pipe", "ignore">;
const ports = { Autobahn: 0, Bun: 0 };
const bun = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request, server) => (server.upgrade(request) ? undefined : new Response("no", { status: 426 })),
  websocket: {
    message: (socket, message) => void socket.send(message, true),
    perMessageDeflate: true,
    maxPayloadLength: 64 * 1024 * 1024,
    backpressureLimit: 128 * 1024 * 1024,
  },
});

beforeAll(async () => {
  autobahn = Bun.spawn(["/usr/bin/python3", `${import.meta.dir}/testing/autobahn-echo.py`], {
    stdin: "pipe",
    stdout: "pipe",
    // It tells of every case that it refuses.
    stderr: "ignore",
  });
  const { value } = await autobahn.stdout.getReader().read();
  ports.Autobahn = Number(new TextDecoder().decode(value));
  ports.Bun = bun.port!;
  authority = createAuthority();
  edge = await startTlsEdge(
    [routeTo(["autobahn.test"], toPort(ports.Autobahn)), routeTo(["bun.test"], toPort(ports.Bun))],
    [authority.issue(["autobahn.test", "bun.test"])],
    { http2: true },
  );
}, 30_000);
afterAll(async () => {
  await edge.close();
  authority.remove();
  void autobahn.stdin.end();
  await autobahn.exited;
  await bun.stop(true);
}, 30_000);

type Server = keyof typeof ports;
type Way = "direct" | "plain" | "TLS";

const dial = (server: Server, way: Way): Socket => {
  const servername = `${server.toLowerCase()}.test`;
  if (way === "TLS")
    return connectSecure({ host: "127.0.0.1", port: edge.tlsPort, servername, ca: authority.ca });
  return connectPlain({ host: "127.0.0.1", port: way === "plain" ? edge.port : ports[server] });
};

interface Outcome {
  status: string;
  /** The frames that came, to the connection's end. */
  bytes: Buffer;
}

const sync = wsFrame(9, "in step?");
const inStep = Buffer.from("\x8a\x08in step?", "latin1");

/** Plays a case: sends it, sees that the server has read all or closes, and says Close. */
const play = async (it: WebSocketCase, server: Server, way: Way): Promise<Outcome> => {
  const socket = dial(server, way);
  socket.setNoDelay(true);
  const parts: Buffer[] = [];
  let ended = false;
  let wake = (): void => {};
  socket.on("data", (data: Buffer) => (parts.push(data), wake()));
  socket.on("error", () => {});
  socket.on("close", () => ((ended = true), wake()));
  const until = async (condition: (last: Buffer) => boolean): Promise<void> => {
    const endsAtMs = performance.now() + 20_000;
    while (!ended && !condition(Buffer.concat(parts.slice(-4)))) {
      const leftMs = endsAtMs - performance.now();
      if (leftMs <= 0) throw new Error(`${it.name}, ${server}, ${way}: no end`);
      let timer: Timer;
      await new Promise<void>((resolve) => {
        timer = setTimeout(resolve, leftMs);
        wake = resolve;
      });
      clearTimeout(timer!);
    }
  };
  const offer = it.extensions === undefined ? "" : `Sec-WebSocket-Extensions: ${it.extensions}\r\n`;
  socket.write(
    `GET / HTTP/1.1\r\nHost: ${server.toLowerCase()}.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${offer}` +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  await until((last) => last.includes("\r\n\r\n"));
  const all = Buffer.concat(it.frames);
  const pieceBytes = it.chopBytes ?? all.length;
  for (let at = 0; at < all.length; at += pieceBytes) {
    socket.write(all.subarray(at, at + pieceBytes));
    if (at % (pieceBytes * 64) === 0) await Bun.sleep(0);
  }
  const isClosing = (last: Buffer): boolean => endsInClose(last);
  if (it.ends !== true) {
    socket.write(sync);
    await until((last) => last.subarray(-inStep.length).equals(inStep) || isClosing(last));
    if (!ended) socket.write(closing(1000));
  }
  // A client ends its side when it has the server's word, or when the server ends.
  await until(isClosing);
  socket.end();
  await until(() => false);
  const received = Buffer.concat(parts);
  const headEnd = received.indexOf("\r\n\r\n") + 4;
  return { status: received.toString("latin1", 0, 12), bytes: received.subarray(headEnd) };
};

/** A Close frame of a server at the end: short, without a mask. */
const endsInClose = (bytes: Buffer): boolean => {
  for (let at = Math.max(0, bytes.length - 127); at < bytes.length - 1; at++)
    if (bytes[at] === 0x88 && bytes[at + 1]! < 126 && at + 2 + bytes[at + 1]! === bytes.length) return true;
  return false;
};

describe.each(["Autobahn", "Bun"] as const)("%s", (server) => {
  test.each(webSocketCases.map((it) => [it.name, it] as const))(
    "%s",
    async (_, it) => {
      const direct = await play(it, server, "direct");
      expect(direct.status).toBe("HTTP/1.1 101");
      for (const way of ["plain", "TLS"] as const) {
        const through = await play(it, server, way);
        expect([way, through.status, through.bytes.length]).toEqual([
          way,
          direct.status,
          direct.bytes.length,
        ]);
        expect(through.bytes.equals(direct.bytes)).toBe(true);
      }
    },
    60_000,
  );
});

test("the servers themselves take what they must and refuse what they must", async () => {
  const closeOf = async (name: string, server: Server): Promise<number> => {
    const { bytes } = await play(
      webSocketCases.find((it) => it.name.startsWith(`${name} `))!,
      server,
      "TLS",
    );
    return bytes.lastIndexOf(0x88) < 0 ? -1 : bytes.readUInt16BE(bytes.lastIndexOf(0x88) + 2);
  };
  for (const [name, code] of [
    ["1.1.2", 1000],
    ["3.2", 1002],
    ["5.18", 1002],
    ["6.3.1", 1007],
    ["7.9.4", 1002],
  ] as const)
    expect([name, await closeOf(name, "Autobahn")]).toEqual([name, code]);
});
