import type { ByteSocket, Outlet } from "../byte-socket.ts";
import type { ChunkedBody } from "../chunked-body.ts";
import type { HeadWriter } from "../head-writer.ts";
import type { TokenBucket } from "../limiter.ts";
import type { Edge, Visitor } from "../state.ts";
import type { SecureChannel } from "../tls/secure-channel.ts";
import type { HeaderList, HpackDecoder } from "./hpack-decoder.ts";
import type { RequestText } from "./request-text.ts";

/** The records of HTTP/2: a session is a visitor's connection, each of its streams a visitor of the data path. */
export interface Session {
  readonly edge: Edge;
  readonly shared: Shared;
  readonly out: Outlet;
  readonly address: string;
  readonly channel: SecureChannel | null;
  /** `preface`: nothing read yet; `settings`: the visitor's SETTINGS are due; `over`: only its end is awaited. */
  phase: "preface" | "settings" | "open" | "over" | "closed";
  /** Bytes of a frame that is not whole yet. */
  readonly parts: Uint8Array[];
  partBytes: number;
  /** How many bytes the next step of reading needs. */
  neededBytes: number;
  readonly decoder: HpackDecoder;
  /** A header block whose end has not come. */
  block: HeaderBlock | null;
  blockDeadlineMs: number;
  readonly streams: Map<number, Stream>;
  /** The highest stream that the visitor has opened. */
  lastStreamId: number;
  /** Streams that the edge has reset: frames for them may still be on their way. The oldest are forgotten. */
  readonly reset: Set<number>;
  /** The first streams that were never opened though later ones were. */
  readonly skipped: Set<number>;

  /** Frames put together since the last write; null when there are none. */
  buffer: HeadWriter | null;
  /** Streams that wait for the connection, in the order of their turns. */
  readonly waiting: Set<Stream>;
  sendWindow: number;
  /** Of new streams. */
  peerWindow: number;
  /** The peer must be told that no table is used, before the next block. */
  tableUnsaid: boolean;
  /** Body bytes that the visitor may still send. */
  receiveWindow: number;
  /** Taken, but not granted again. */
  ungranted: number;

  /** Bounds what costs the edge more than the visitor: resets, and frames that carry nothing. */
  resets: TokenBucket | null;
  chatter: TokenBucket | null;
  /** `soon`: the visitor was told, requests on their way are still taken; `final`: none that is new is. */
  leaving: "no" | "soon" | "final";
  /** Coarse time by which something must have come; Infinity when nothing is awaited. */
  deadlineMs: number;
}

export interface HeaderBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  readonly dependsOnItself: boolean;
  readonly parts: Uint8Array[];
  bytes: number;
}

/** A stream as the socket of a visitor: takes bytes of HTTP/1.1 and sends frames. */
export interface Stream extends ByteSocket {
  readonly session: Session;
  readonly id: number;
  readonly isHead: boolean;
  visitor: Visitor;
  sendWindow: number;
  receiveWindow: number;
  /** Received, but not taken by the upstream yet. */
  untaken: number;
  /** Taken, but not granted again. */
  ungranted: number;
  paused: boolean;
  /** The visitor's side: `length` and `chunked` say how the body is passed on. */
  request: "length" | "chunked" | "done";
  requestRemaining: number;
  answer: "head" | "length" | "chunked" | "close" | "done";
  answerRemaining: number;
  chunks: ChunkedBody | null;
  closed: boolean;
}

/** What the sessions of an edge share; each scratch space holds its content only within one event. */
export interface Shared {
  readonly list: HeaderList;
  readonly text: HeadWriter;
  readonly request: RequestText;
  /** Buffers that no session uses just now. */
  readonly spare: HeadWriter[];
  /** Sessions with frames to be written when the present events are dealt with. */
  readonly unwritten: Session[];
  writeDue: boolean;
  /** A fault of the edge's own ends the session it happened on, and no other. */
  readonly faulted: (session: Session, error: unknown) => void;
}
