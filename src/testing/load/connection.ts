/** An answer as it came, body whole. */
export interface RawAnswer {
  status: number;
  body: string;
  /** The server closes after this answer. */
  last: boolean;
}

/**
 * A connection that speaks HTTP/1.1 by hand: one request at a time, never sent twice. `fetch` would send some
 * requests again by itself, and so hide what this is there to count.
 */
export interface RawConnection {
  /** @throws Error when the connection ends, or the deadline passes, before the answer is whole */
  send(request: string, deadlineMs: number): Promise<RawAnswer>;
  /** False once the other side closed, or an answer said that it will. */
  readonly usable: boolean;
  close(): void;
}

interface Pending {
  resolve(answer: RawAnswer): void;
  reject(error: Error): void;
}

export const connect = async (hostname: string, port: number): Promise<RawConnection> => {
  let received = "";
  let open = true;
  let usable = true;
  let pending: Pending | null = null;

  const settle = (error: Error | null, answer?: RawAnswer): void => {
    const waiting = pending;
    pending = null;
    if (error) waiting?.reject(error);
    else if (answer) waiting?.resolve(answer);
  };
  const socket = await Bun.connect({
    hostname,
    port,
    socket: {
      data(_, bytes) {
        // Bytes as characters, so that lengths are those of the wire.
        received += Buffer.from(bytes).toString("latin1");
        const answer = wholeAnswer(received);
        if (answer === null) return;
        received = "";
        usable &&= !answer.last;
        settle(null, answer);
      },
      close() {
        open = usable = false;
        settle(new Error(received === "" ? "closed without an answer" : "closed within the answer"));
      },
      error(_, error) {
        open = usable = false;
        settle(error);
      },
    },
  });
  return {
    get usable() {
      return open && usable;
    },
    send: async (request, deadlineMs) => {
      const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
      pending = { resolve, reject };
      const timer = setTimeout(() => settle(new Error(`no answer within ${deadlineMs} ms`)), deadlineMs);
      try {
        if (!open) throw new Error("closed before the request");
        // Requests are small: what the kernel does not take of a fresh socket's buffer would be a failure too.
        if (socket.write(request) < request.length) throw new Error("the request did not go out whole");
        return await promise;
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => {
      usable = false;
      socket.end();
    },
  };
};

/** The answer in `text` when all of it is there, framed by length or by chunks. */
const wholeAnswer = (text: string): RawAnswer | null => {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return null;
  const head = text.slice(0, headEnd);
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
  const last = /\r\nconnection: *close/i.test(head);
  const rest = text.slice(headEnd + 4);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined)
    return rest.length < Number(length) ? null : { status, last, body: rest.slice(0, Number(length)) };
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return { status, last, body: "" };
  const body = wholeChunks(rest);
  return body === null ? null : { status, last, body };
};

const wholeChunks = (text: string): string | null => {
  let body = "";
  for (let at = 0; ;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    const next = lineEnd + 2 + size + 2;
    if (text.length < next) return null;
    if (size === 0) return body;
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = next;
  }
};
