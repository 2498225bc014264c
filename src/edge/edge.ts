import type { Socket, TCPSocketListener } from "bun";
import { AppError } from "../errors.ts";
import type { Log } from "../domain/log.ts";
import { upstreamData, upstreamEnded } from "./answer.ts";
import { createBodyFrame } from "./body-frame.ts";
import { type Capacity, capacityOf, makeRoom } from "./capacity.ts";
import { createDateLine } from "./date-line.ts";
import { type Deadlines, defaultDeadlines } from "./deadlines.ts";
import { serveAgain } from "./exchange.ts";
import { abandonExchange } from "./exchange-end.ts";
import { createTraffic } from "./traffic.ts";
import { createHeadWriter } from "./head-writer.ts";
import { boundUnsent, narrowBuffers } from "./kernel-buffers.ts";
import type { Meter } from "./meter.ts";
import { createIdLine, createLastProvenance } from "./provenance.ts";
import { upstreamDrained, upstreamFailed, upstreamOpened } from "./request.ts";
import { createRequestHead } from "./request-head.ts";
import { createResponseHead } from "./response-head.ts";
import { createRouter } from "./router.ts";
import type { SharedMemory } from "./shared/memory.ts";
import type { Edge, Visitor } from "./state.ts";
import { sweep } from "./sweep.ts";
import { noChallenges } from "./tls/challenges.ts";
import { emptyBook } from "./tls/certificate-set.ts";
import { createTurns } from "./turns.ts";
import { createWakeCalls } from "./wake-calls.ts";
import { visitorData, visitorDrained, visitorEnded, visitorOpened } from "./visitor.ts";
import { closeVisitor } from "./visitor-end.ts";

export const createEdge = (deps: {
  log: Log;
  meters?: Map<string, Meter>;
  /** The life of the meters. */
  epoch?: string;
  random?: () => number;
  deadlines?: Partial<Deadlines>;
  capacity?: Partial<Capacity>;
  /** Where access logs and counts by path are kept; nowhere when absent. */
  dir?: string;
  proxyProtocol?: boolean;
  /** What other processes of the edge limit and count too; of this one alone by default. */
  shared?: SharedMemory;
}): Edge => {
  const idLine = createIdLine();
  return {
    log: deps.log,
    clock: { nowMs: performance.now() },
    deadlines: { ...defaultDeadlines, ...deps.deadlines },
    now: () => performance.now(),
    visitors: new Set(),
    sessions: new Set(),
    connecting: new Set(),
    slowed: new Set(),
    turns: createTurns(),
    sweeping: false,
    held: new Map(),
    heldBytes: 0,
    wakeCalls: createWakeCalls(),
    awaiting: new Set(),
    serveAgain,
    random: deps.random ?? Math.random,
    router: createRouter(deps.meters ?? new Map(), deps.epoch ?? "", deps.shared),
    upstreamEvents: {
      opened: upstreamOpened,
      failed: upstreamFailed,
      data: upstreamData,
      drained: upstreamDrained,
      ended: upstreamEnded,
    },
    proxyProtocol: deps.proxyProtocol ?? false,
    introductionNotedMs: Number.NEGATIVE_INFINITY,
    capacity: { ...capacityOf(), ...deps.capacity },
    outgoing: 0,
    certificates: emptyBook,
    challenges: noChallenges,
    httpsPort: null,
    traffic: createTraffic({ dir: deps.dir ?? null, log: deps.log, idLine }),
    lastProvenance: createLastProvenance(),
    idLine,
    date: createDateLine(),
    requests: 0,
    leaving: false,
    stopping: false,
    requestHead: createRequestHead(),
    requestOut: createHeadWriter(),
    responseHead: createResponseHead(),
    responseOut: createHeadWriter(),
    frame: createBodyFrame(),
  };
};

/** Starts the coarse clock and the sweep. @returns what stops them */
export const startSweep = (edge: Edge): (() => void) => {
  const timer = setInterval(() => {
    edge.clock.nowMs = edge.now();
    try {
      sweep(edge);
    } catch (error) {
      edge.log.error("looking after deadlines failed", { error });
    }
  }, edge.deadlines.sweepMs);
  return () => clearInterval(timer);
};

/** Missing in Bun's types of a listener's options. */
const beside = { reusePort: true } as object;

/**
 * Accepts visitors on an address, beside other processes of the same user that do.
 * @throws AppError `unavailable` when the address cannot be bound
 */
export const listen = (edge: Edge, address: { host: string; port: number }): TCPSocketListener<Visitor> => {
  try {
    const listener = Bun.listen<Visitor>({
      hostname: address.host,
      port: address.port,
      ...beside,
      allowHalfOpen: true,
      socket: visitorHandlers(edge),
    });
    boundUnsent(listener, narrowBuffers);
    return listener;
  } catch (cause) {
    const taken = (cause as { code?: string }).code === "EADDRINUSE";
    const why = taken
      ? "is taken by another program"
      : (cause as { code?: string }).code === "EACCES"
        ? "may not be bound by this user"
        : "cannot be bound";
    throw new AppError("unavailable", `the edge's address ${address.host}:${address.port} ${why}`, { cause });
  }
};

const visitorHandlers = (edge: Edge) => ({
  open(socket: Socket<Visitor>) {
    if (edge.stopping || !makeRoom(edge)) socket.terminate();
    else socket.data = visitorOpened(edge, socket as never, null);
  },
  data(socket: Socket<Visitor>, bytes: Uint8Array) {
    visitorData(socket.data, bytes);
  },
  drain(socket: Socket<Visitor>) {
    if (socket.data !== undefined) visitorDrained(socket.data);
  },
  end(socket: Socket<Visitor>) {
    if (socket.data === undefined || socket.data.phase === "closed") socket.end();
    else visitorEnded(socket.data, true);
  },
  close(socket: Socket<Visitor>, error?: Error) {
    if (socket.data !== undefined) visitorEnded(socket.data, error === undefined);
  },
  error(socket: Socket<Visitor>, error: Error) {
    visitorFaulted(edge, socket.data, error);
  },
});

/** A fault of the edge's own ends the connection it happened on, and no other. */
export const visitorFaulted = (edge: Edge, visitor: Visitor | undefined, error: Error): void => {
  edge.log.error("handling a visitor's bytes failed", { error });
  if (visitor === undefined || visitor.phase === "closed") return;
  if (visitor.exchange !== null) abandonExchange(visitor.exchange);
  closeVisitor(visitor, true);
};
