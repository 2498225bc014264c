import type { ByteSocket } from "../../byte-socket.ts";
import { createEdge, startSweep } from "../../edge.ts";
import { swapTable } from "../../router.ts";
import type { Edge } from "../../state.ts";
import { routeTo, toPort } from "../../testing/edge-fixture.ts";
import { Frame, preface } from "../protocol.ts";
import { sessionData, sessionEnded, sessionOpened } from "../session.ts";
import { createShared } from "../shared.ts";
import type { Session, Shared } from "../state.ts";
import { frame, framesOf, type H2Frame } from "./h2-client.ts";

/** Sessions of HTTP/2 without TLS and without a socket, in front of a real upstream: for great numbers of them. */
export interface BareEdge {
  edge: Edge;
  shared: Shared;
  /** All that was logged: there must be nothing. */
  log: string[];
  /** Opens a session that has sent its preface and the given SETTINGS. */
  open(settings?: Uint8Array): BareSession;
  close(): void;
}

export interface BareSession {
  session: Session;
  /** Nothing can be written any more. */
  over(): boolean;
  send(...frames: Uint8Array[]): void;
  frames(): H2Frame[];
  /** Bytes that went out. */
  sentBytes(): number;
  end(): void;
}

export const startBareEdge = (upstreamPort: number): BareEdge => {
  const log: string[] = [];
  const say = (message: string, about?: unknown): void => void log.push(`${message} ${Bun.inspect(about)}`);
  const edge = createEdge({
    log: { debug: say, info: say, warn: say, error: say } as never,
    deadlines: { sweepMs: 50 },
    capacity: { visitors: 5_000 },
  });
  const table = { version: 1, routes: [routeTo(["site.test"], toPort(upstreamPort))] };
  swapTable(edge.router, table, edge.now(), 0);
  const stopSweep = startSweep(edge);
  const shared = createShared();
  return {
    edge,
    shared,
    log,
    open(settings = new Uint8Array()) {
      const sink = createSink();
      const session = sessionOpened(edge, shared, sink, null);
      const send = (...frames: Uint8Array[]): void => sessionData(session, Buffer.concat(frames));
      send(preface, frame(Frame.settings, 0, 0, settings));
      return {
        session,
        over: () => sink.over,
        send,
        frames: () => framesOf(Buffer.concat(sink.bytes)),
        sentBytes: () => sink.bytes.reduce((sum, { length }) => sum + length, 0),
        end: () => sessionEnded(session),
      };
    },
    close() {
      stopSweep();
      swapTable(edge.router, { version: 2, routes: [] }, edge.now(), 0);
    },
  };
};

const createSink = (): ByteSocket & { bytes: Buffer[]; over: boolean } => ({
  bytes: [],
  over: false,
  remoteAddress: "192.0.2.1",
  write(data, offset = 0, length = data.length - offset) {
    if (this.over) return -1;
    this.bytes.push(Buffer.from(data.subarray(offset, offset + length)));
    return length;
  },
  shutdown() {},
  end() {
    this.over = true;
  },
  terminate() {
    this.over = true;
  },
  pause() {},
  resume() {},
  setKeepAlive: () => true,
});
