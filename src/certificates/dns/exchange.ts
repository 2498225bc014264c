import { connect } from "node:net";

export interface ServerAddress {
  host: string;
  port: number;
}

const exchangeMs = 8_000;

/**
 * One message to a name server and its answer, over TCP (RFC 7766), which carries answers of every size and cannot
 * be forged from the side.
 * @throws Error in words for people when there is no answer within 8 s
 */
export const exchange = (
  { host, port }: ServerAddress,
  message: Uint8Array,
  signal: AbortSignal,
): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const socket = connect({ host, port });
    const end = (act: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
      socket.destroy();
      act();
    };
    const fail = (why: string): void => end(() => reject(new Error(`${host} port ${port} ${why}`)));
    const abort = (): void => end(() => reject(signal.reason as Error));
    const timer = setTimeout(() => fail(`did not answer within ${exchangeMs / 1000} s`), exchangeMs);
    signal.addEventListener("abort", abort, { once: true });
    socket.on("error", (error: Error & { code?: string }) =>
      fail(error.code === "ECONNREFUSED" ? "refuses connections" : "cannot be reached"),
    );
    socket.on("close", () => fail("closed the connection without an answer"));
    socket.on("data", (data: Buffer) => {
      received = Buffer.concat([received, data]);
      if (received.length < 2) return;
      const length = received.readUInt16BE(0);
      if (received.length < 2 + length) return;
      const answer = new Uint8Array(received.subarray(2, 2 + length));
      end(() =>
        answer.length >= 12 && answer[0] === message[0] && answer[1] === message[1]
          ? resolve(answer)
          : reject(new Error(`${host} port ${port} answered something else`)),
      );
    });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(message.length);
    socket.write(Buffer.concat([length, message]));
    if (signal.aborted) abort();
  });
