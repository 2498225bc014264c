import type { Socket } from "bun";
import { type Read, readStrictly } from "./strict-reader.ts";

/** An upstream that keeps each whole request as it came, byte for byte, and says in its answer which one it was. */
export interface Recorder {
  port: number;
  /** Requests by the number that `X-Seen` of the answer gives (latin1). */
  seen: Map<number, { raw: string; read: Read }>;
  /** Bytes that are no request in the strict reading: there must be none. */
  wrong: string[];
  close(): void;
}

export const startRecorder = (): Recorder => {
  const seen: Recorder["seen"] = new Map();
  const wrong: string[] = [];
  let number = 0;
  const listener = Bun.listen<{ text: string }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => void (socket.data = { text: "" }),
      data(socket, bytes) {
        socket.data.text += bytes.toString("latin1");
        answerAll(socket);
      },
      error() {},
    },
  });
  const answerAll = (socket: Socket<{ text: string }>): void => {
    let { text } = socket.data;
    while (text.length > 0) {
      const read = readStrictly(text, 0);
      if (read === "cut") break;
      if (read === "wrong") {
        wrong.push(text);
        text = "";
        socket.end();
        break;
      }
      seen.set(++number, { raw: text.slice(0, read.end), read });
      text = text.slice(read.end);
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Seen: ${number}\r\n\r\n`);
    }
    socket.data.text = text;
  };
  return { port: listener.port, seen, wrong, close: () => listener.stop(true) };
};
