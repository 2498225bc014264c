import type { Socket } from "bun";

/** A connection whose bytes a test writes and reads itself. Everything received is in `text` (latin1). */
export interface RawClient {
  socket: Socket<unknown>;
  text(): string;
  bytes(): Buffer;
  closed(): boolean;
  send(data: string | Uint8Array): void;
  /** Resolves when the condition holds on what was received, or the connection is closed; fails after 5 s. */
  until(condition: (text: string) => boolean, deadlineMs?: number): Promise<string>;
  untilClosed(deadlineMs?: number): Promise<string>;
  close(): void;
}

export const connectRaw = async (port: number): Promise<RawClient> => {
  const received: Buffer[] = [];
  let closed = false;
  let wake: () => void = () => {};
  let unsent: Uint8Array = new Uint8Array();
  const flush = (socket: Socket<unknown>): void => {
    if (unsent.length === 0) return;
    const written = socket.write(unsent);
    unsent = unsent.subarray(Math.max(0, written));
  };
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_, data) {
        received.push(Buffer.from(data));
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
  const text = (): string => Buffer.concat(received).toString("latin1");
  const until = async (condition: (text: string) => boolean, deadlineMs = 5_000): Promise<string> => {
    const endsAtMs = performance.now() + deadlineMs;
    while (!condition(text()) && !closed) {
      const leftMs = endsAtMs - performance.now();
      if (leftMs <= 0)
        throw new Error(`nothing of that within ${deadlineMs} ms; received: ${text().slice(0, 500)}`);
      await Promise.race([new Promise<void>((resolve) => (wake = resolve)), Bun.sleep(leftMs)]);
    }
    return text();
  };
  return {
    socket,
    text,
    bytes: () => Buffer.concat(received),
    closed: () => closed,
    send(data) {
      const bytes = typeof data === "string" ? Buffer.from(data, "latin1") : data;
      unsent = unsent.length === 0 ? bytes : Buffer.concat([unsent, bytes]);
      flush(socket);
    },
    until,
    async untilClosed(deadlineMs = 5_000) {
      await until(() => closed, deadlineMs);
      return text();
    },
    close: () => socket.end(),
  };
};

/** Sends bytes on a connection of its own and returns all that comes until the answer's connection ends. */
export const exchangeRaw = async (port: number, data: string): Promise<string> => {
  const client = await connectRaw(port);
  client.send(data);
  try {
    return await client.untilClosed();
  } finally {
    client.close();
  }
};
