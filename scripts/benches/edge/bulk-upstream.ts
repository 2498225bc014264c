/**
 * An upstream for large bodies: `bun bulk-upstream.ts PORT`. `GET /bytes/N` is answered with N bytes, as fast as they
 * are taken; any other request is answered when its body (with a length) has come. Knows just enough HTTP for the bench.
 */
import type { Socket } from "bun";

interface State {
  /** Of the head read so far. */
  head: string;
  bodyLeft: number;
  answerLeft: number;
}

const block = Buffer.alloc(512 * 1024, "croft");

const pour = (socket: Socket<State>): void => {
  const state = socket.data;
  while (state.answerLeft > 0) {
    const size = Math.min(block.length, state.answerLeft);
    const taken = socket.write(block, 0, size);
    if (taken > 0) state.answerLeft -= taken;
    if (taken < size) return;
  }
};

const answer = (socket: Socket<State>, bytes: number): void => {
  socket.write(
    `HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${bytes}\r\n\r\n`,
  );
  socket.data.answerLeft = bytes;
  pour(socket);
};

Bun.listen<State>({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  socket: {
    open(socket) {
      socket.data = { head: "", bodyLeft: 0, answerLeft: 0 };
    },
    data(socket, bytes) {
      const state = socket.data;
      let body = bytes.length;
      if (state.bodyLeft === 0) {
        state.head += bytes.toString("latin1");
        const end = state.head.indexOf("\r\n\r\n");
        if (end < 0) return;
        body = state.head.length - end - 4;
        const length = Number(/\r\ncontent-length: *(\d+)/i.exec(state.head)?.[1] ?? 0);
        const asked = Number(/^GET \/bytes\/(\d+)/.exec(state.head)?.[1] ?? 3);
        state.head = "";
        if (length === 0) {
          answer(socket, asked);
          return;
        }
        state.bodyLeft = length;
      }
      state.bodyLeft -= body;
      if (state.bodyLeft <= 0) {
        state.bodyLeft = 0;
        answer(socket, 3);
      }
    },
    drain: pour,
    error() {},
  },
});
