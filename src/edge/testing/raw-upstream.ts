import type { Socket } from "bun";

/** An upstream whose bytes a test reads and writes itself. */
export interface RawUpstream {
  port: number;
  /** All bytes of each connection, in the order of their opening (latin1). */
  received(): string[];
  connections: Socket<{ text: string }>[];
  close(): void;
}

/** A line without which the edge would add one of its own. */
export const dated = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
export const okAnswer = `HTTP/1.1 200 OK\r\n${dated}Content-Length: 2\r\n\r\nok`;

/**
 * @param respond called with each connection's text so far, whenever bytes come, and with how many requests it
 *   answered before; returns what to write (nothing for undefined)
 */
export const startRawUpstream = (
  respond: (text: string, socket: Socket<{ text: string }>) => string | undefined | void,
): RawUpstream => {
  const connections: Socket<{ text: string }>[] = [];
  const texts: { text: string }[] = [];
  const listener = Bun.listen<{ text: string }>({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        socket.data = { text: "" };
        texts.push(socket.data);
        connections.push(socket);
      },
      data(socket, bytes) {
        socket.data.text += bytes.toString("latin1");
        const answer = respond(socket.data.text, socket);
        if (answer !== undefined && answer !== null) socket.write(Buffer.from(answer as string, "latin1"));
      },
      error() {},
    },
  });
  return {
    port: listener.port,
    received: () => texts.map(({ text }) => text),
    connections,
    close: () => listener.stop(true),
  };
};

/** Answers every bodiless request with `ok`, and one with a body once it is there whole. */
export const startOkUpstream = (): RawUpstream => {
  const answered = new WeakMap<object, number>();
  return startRawUpstream((text, socket) => {
    const whole = countRequests(text);
    const before = answered.get(socket) ?? 0;
    if (whole <= before) return undefined;
    answered.set(socket, whole);
    return okAnswer.repeat(whole - before);
  });
};

/** How many whole requests a byte stream holds, read by a plain second parser. */
export const countRequests = (text: string): number => splitRequests(text).length;

export const splitRequests = (text: string): { head: string; body: string }[] => {
  const requests: { head: string; body: string }[] = [];
  let rest = text;
  for (;;) {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return requests;
    const head = rest.slice(0, end);
    rest = rest.slice(end + 4);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head);
    if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
      let body = "";
      for (;;) {
        const line = rest.indexOf("\r\n");
        if (line < 0) return requests;
        const size = Number.parseInt(rest.slice(0, line), 16);
        if (rest.length < line + 4 + size) return requests;
        body += rest.slice(line + 2, line + 2 + size);
        rest = rest.slice(line + 2 + size);
        if (size === 0) {
          const trailers = rest.startsWith("\r\n") ? 2 : rest.indexOf("\r\n\r\n") + 4;
          rest = rest.slice(trailers);
          break;
        }
        rest = rest.slice(2);
      }
      requests.push({ head, body });
    } else {
      const size = length === null ? 0 : Number(length[1]);
      if (rest.length < size) return requests;
      requests.push({ head, body: rest.slice(0, size) });
      rest = rest.slice(size);
    }
  }
};
