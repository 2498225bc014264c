import type { Socket } from "bun";
import { readAnswer } from "./answer-reader.ts";

/**
 * Sends bytes on a connection of its own, in the given pieces, then FIN.
 * @returns all that came (latin1) up to the connection's end; rejects after 10 s
 */
export const sendAndEnd = (host: string, port: number, pieces: readonly string[]): Promise<string> => {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let text = "";
  let unsent: Buffer = Buffer.from(pieces[0]!, "latin1");
  let next = 1;
  const timer = setTimeout(
    () => reject(new Error(`no end within 10 s; came: ${JSON.stringify(text.slice(0, 300))}`)),
    10_000,
  );
  const send = (socket: Socket): void => {
    while (unsent.length > 0) {
      const written = socket.write(unsent);
      if (written < 0) return;
      unsent = unsent.subarray(written);
      if (unsent.length > 0) return;
    }
    if (next < pieces.length) {
      unsent = Buffer.from(pieces[next++]!, "latin1");
      setImmediate(() => send(socket));
    } else socket.shutdown();
  };
  const done = (): void => {
    clearTimeout(timer);
    resolve(text);
  };
  Bun.connect({
    hostname: host,
    port,
    socket: {
      open: send,
      drain: send,
      data: (_, bytes) => void (text += bytes.toString("latin1")),
      close: done,
      error() {},
    },
  }).catch(reject);
  return promise;
};

export interface KeptConnection {
  /** Sends one request. @returns its answer's text, or what came until the connection's end, 5 s at most */
  ask(request: string, isHead: boolean): Promise<string>;
  closed(): boolean;
  close(): void;
}

/** A connection on which one request follows the other, as the edge keeps them to an upstream. */
export const connectKept = async (host: string, port: number): Promise<KeptConnection> => {
  let text = "";
  let closed = false;
  let wake = (): void => {};
  let unsent: Buffer = Buffer.alloc(0);
  const flush = (socket: Socket): void => {
    if (unsent.length === 0) return;
    unsent = unsent.subarray(Math.max(0, socket.write(unsent)));
  };
  const socket = await Bun.connect({
    hostname: host,
    port,
    socket: {
      data(_, bytes) {
        text += bytes.toString("latin1");
        wake();
      },
      drain: flush,
      close() {
        closed = true;
        wake();
      },
      error() {},
    },
  });
  return {
    closed: () => closed,
    close: () => socket.end(),
    async ask(request, isHead) {
      text = "";
      unsent = Buffer.from(request, "latin1");
      flush(socket);
      const endsAtMs = performance.now() + 5_000;
      for (let at = 0; ;) {
        const answer = readAnswer(text, at, isHead);
        if (answer === "wrong") return text;
        if (answer !== "cut") {
          if (answer.status >= 200) return text.slice(0, answer.end);
          at = answer.end;
          continue;
        }
        if (closed) return text;
        const leftMs = endsAtMs - performance.now();
        if (leftMs <= 0) return text;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, leftMs);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
    },
  };
};

/** Asks one server for one answer after another, on a connection that is kept as long as all goes well. */
export const createAsker = (server: {
  host: string;
  port: number;
}): ((raw: string, isHead: boolean) => Promise<string>) & { close(): void } => {
  let kept: KeptConnection | null = null;
  const ask = async (raw: string, isHead: boolean): Promise<string> => {
    const isNew = kept === null || kept.closed();
    if (kept === null || isNew) kept = await connectKept(server.host, server.port);
    let text = await kept.ask(raw, isHead);
    if (text === "" && !isNew) {
      // A server may close what is kept.
      kept.close();
      kept = await connectKept(server.host, server.port);
      text = await kept.ask(raw, isHead);
    }
    // Whatever else the server makes of it: the next request begins afresh.
    if (!/^HTTP\/1\.1 (100[^]*HTTP\/1\.1 )?200 /.test(text)) {
      kept.close();
      kept = null;
    }
    return text;
  };
  return Object.assign(ask, { close: () => kept?.close() });
};
