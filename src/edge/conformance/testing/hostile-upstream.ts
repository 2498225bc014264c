import { readAnswer } from "./answer-reader.ts";
import { mutatedAnswer } from "./answer-mutations.ts";
import { seeded } from "./seeded.ts";

/** What an upstream answers to `/hostile-<seed>`, and how it is asked. */
export interface HostileTrial {
  /** All that it sends (latin1). */
  bytes: string;
  pieces: string[];
  after: "stay" | "fin";
  method: string;
  minor: 0 | 1;
}

export const hostileTrial = (seed: number): HostileTrial => {
  const random = seeded(seed);
  const bytes = mutatedAnswer(random);
  const method = random.pick(["GET", "GET", "GET", "HEAD", "POST"]);
  const pieces: string[] = [];
  const cuttable = random.once(2) ? 0 : endOfAnswer(bytes, method === "HEAD");
  let at = 0;
  while (at < cuttable - 1 && !random.once(4)) {
    const next = at + 1 + random.below(cuttable - 1 - at);
    pieces.push(bytes.slice(at, next));
    at = next;
  }
  pieces.push(bytes.slice(at));
  return {
    bytes,
    pieces,
    after: random.once(3) ? "stay" : "fin",
    method,
    minor: random.once(6) ? 0 : 1,
  };
};

/**
 * Whatever follows an answer comes together with its last byte: what comes later may meet the next request on the
 * connection, and nobody could tell it from that one's answer.
 */
const endOfAnswer = (bytes: string, isHead: boolean): number => {
  for (let at = 0; ;) {
    const answer = readAnswer(bytes, at, isHead);
    if (typeof answer === "string") return 0;
    if (answer.status >= 200) return answer.end;
    at = answer.end;
  }
};

/**
 * llhttp takes an interim answer of HTTP/1.0 for the connection's end, and expects a body behind one that it does
 * not know by number; none has any (RFC 9112 section 6.3).
 */
export const isOddInterim = (bytes: string): boolean =>
  /(^|\r\n\r\n)HTTP\/1\.(0 1|1 1(0[4-9]|[1-9]\d))/.test(bytes);

const marker = (seed: string): string =>
  `HTTP/1.1 200 OK\r\nX-Marker: ${seed}\r\nContent-Length: 6\r\n\r\nmarker`;

const send = (socket: Bun.Socket<unknown>, pieces: readonly string[], after: string): void => {
  const [first, ...rest] = pieces;
  socket.write(Buffer.from(first!, "latin1"));
  if (rest.length > 0) setImmediate(() => send(socket, rest, after));
  else if (after === "fin") socket.end();
};

/** Answers `/hostile-<seed>` with that trial's bytes, and `/marker-<seed>` as it should. */
export const startHostileUpstream = (): { port: number; close(): void } => {
  const listener = Bun.listen<{ text: string }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => void (socket.data = { text: "" }),
      data(socket, bytes) {
        socket.data.text += bytes.toString("latin1");
        for (;;) {
          const end = socket.data.text.indexOf("\r\n\r\n");
          if (end < 0) return;
          const [, kind, seed] = /^[A-Z]+ \/(hostile|marker)-(\d+) /.exec(socket.data.text) ?? [];
          socket.data.text = socket.data.text.slice(end + 4);
          if (kind === "marker") socket.write(marker(seed!));
          else {
            const { pieces, after } = hostileTrial(Number(seed));
            send(socket, pieces, after);
          }
        }
      },
      error() {},
    },
  });
  return { port: listener.port, close: () => listener.stop(true) };
};
