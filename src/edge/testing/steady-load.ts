import type { Socket } from "bun";
import { connect as connectTls } from "node:tls";

/**
 * Visitors who count as failed whatever is not an answer: a connection that is refused, reset, or closed without an
 * answer having said so.
 */
export interface SteadyLoad {
  answered(): number;
  failed(): string[];
  /** Ends after the requests under way. */
  stop(): Promise<void>;
}

export interface LoadOptions {
  port: number;
  host: string;
  /** Connections that are kept, and as many that are made anew for each request. */
  kept: number;
  fresh: number;
  /** Over TLS with this authority. */
  ca?: string;
}

interface Wire {
  send(text: string): void;
  /** @returns what came next; null for the end */
  next(): Promise<string | null>;
  close(): void;
}

const get = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
const post = (host: string) => `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 11\r\n\r\nhello there`;

export const startLoad = ({ port, host, kept, fresh, ca }: LoadOptions): SteadyLoad => {
  let answered = 0;
  const failed: string[] = [];
  let over = false;

  /** One request. @returns whether the connection goes on */
  const ask = async (wire: Wire, number: number): Promise<boolean> => {
    wire.send(number % 3 === 2 ? post(host) : get(host));
    let text = "";
    for (;;) {
      const part = await wire.next();
      if (part === null) throw new Error(`closed after ${JSON.stringify(text.slice(0, 60))}`);
      text += part;
      const end = text.indexOf("\r\n\r\n");
      const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1]);
      if (end < 0 || text.length < end + 4 + length) continue;
      if (!text.startsWith("HTTP/1.1 200 ")) throw new Error(text.slice(0, 60));
      answered++;
      return !/\r\nconnection: close\r\n/i.test(text.slice(0, end + 2));
    }
  };

  const visit = async (keep: boolean): Promise<void> => {
    for (let number = 0; !over;) {
      try {
        const wire = await (ca === undefined ? plainWire(port) : tlsWire(port, host, ca));
        try {
          while ((await ask(wire, number++)) && keep && !over);
        } finally {
          wire.close();
        }
      } catch (error) {
        failed.push(
          `${keep ? "kept" : "fresh"}${ca === undefined ? "" : " tls"}: ${(error as Error).message}`,
        );
      }
    }
  };

  const visitors = [
    ...Array.from({ length: kept }, () => visit(true)),
    ...Array.from({ length: fresh }, () => visit(false)),
  ];
  return {
    answered: () => answered,
    failed: () => failed,
    async stop() {
      over = true;
      await Promise.all(visitors);
    },
  };
};

const queue = () => {
  const parts: (string | null)[] = [];
  let wake: () => void = () => {};
  return {
    push(part: string | null) {
      parts.push(part);
      wake();
    },
    async next(): Promise<string | null> {
      const endsAtMs = performance.now() + 20_000;
      while (parts.length === 0) {
        const leftMs = endsAtMs - performance.now();
        if (leftMs <= 0) throw new Error("no answer within 20 s");
        let timer: Timer | undefined;
        await Promise.race([
          new Promise<void>((resolve) => (wake = resolve)),
          new Promise<void>((resolve) => (timer = setTimeout(resolve, leftMs))),
        ]);
        clearTimeout(timer);
      }
      return parts[0] === null ? null : parts.shift()!;
    },
  };
};

const plainWire = async (port: number): Promise<Wire> => {
  const { push, next } = queue();
  const socket: Socket<unknown> = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_, bytes) => push(bytes.toString("latin1")),
      end: () => push(null),
      close: () => push(null),
      error: () => push(null),
    },
  });
  return { send: (text) => void socket.write(text), next, close: () => void socket.end() };
};

const tlsWire = (port: number, servername: string, ca: string): Promise<Wire> =>
  new Promise((resolve, reject) => {
    const { push, next } = queue();
    const socket = connectTls({ host: "127.0.0.1", port, servername, ca }, () =>
      resolve({ send: (text) => void socket.write(text), next, close: () => void socket.end() }),
    );
    socket.on("data", (bytes: Buffer) => push(bytes.toString("latin1")));
    socket.on("end", () => push(null));
    socket.on("close", () => push(null));
    socket.on("error", reject);
  });
