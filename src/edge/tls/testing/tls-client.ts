import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";

/** A TLS connection whose bytes a test writes and reads itself. */
export interface TlsClient {
  socket: TLSSocket;
  text(): string;
  closed(): boolean;
  /** The certificate's names as the peer sent them. */
  names(): string;
  send(data: string | Uint8Array): void;
  /** Resolves when the condition holds on what was received, or the connection is closed; fails after 5 s. */
  until(condition: (text: string) => boolean): Promise<string>;
  close(): void;
}

/** Rejects when the handshake fails, or is not done within 10 s. */
export const connectTls = async (
  port: number,
  servername: string,
  options: ConnectionOptions = {},
): Promise<TlsClient> => {
  const received: Buffer[] = [];
  let closed = false;
  let wake = (): void => {};
  const socket = connect({ host: "127.0.0.1", port, servername, ...options });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error("no handshake within 10 s"));
    }, 10_000);
    socket.once("secureConnect", () => (clearTimeout(timer), resolve()));
    socket.once("error", (error: Error) => (clearTimeout(timer), reject(error)));
    socket.once("close", () => (clearTimeout(timer), reject(new Error("closed during the handshake"))));
  });
  socket.on("data", (data: Buffer) => {
    received.push(data);
    wake();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    closed = true;
    wake();
  });
  const text = (): string => Buffer.concat(received).toString("latin1");
  return {
    socket,
    text,
    closed: () => closed,
    names: () => socket.getPeerCertificate().subjectaltname ?? "",
    send: (data) => void socket.write(data),
    async until(condition) {
      const endsAtMs = performance.now() + 5_000;
      while (!condition(text()) && !closed) {
        const leftMs = endsAtMs - performance.now();
        if (leftMs <= 0) throw new Error(`nothing of that within 5 s; received: ${text().slice(0, 500)}`);
        await Promise.race([new Promise<void>((resolve) => (wake = resolve)), Bun.sleep(leftMs)]);
      }
      return text();
    },
    close: () => socket.destroy(),
  };
};

/** One request on a connection of its own. @returns the whole answer */
export const askTls = async (
  port: number,
  host: string,
  ca: string,
  path = "/",
  servername = host,
): Promise<string> => {
  const client = await connectTls(port, servername, { ca });
  try {
    client.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    return await client.until(() => false);
  } finally {
    client.close();
  }
};
