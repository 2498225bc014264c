import { expect, test } from "bun:test";
import { parseEventStream, type ServerEvent } from "./event-stream.ts";

const parse = async (text: string, pieceLength: number): Promise<ServerEvent[]> => {
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let i = 0; i < bytes.length; i += pieceLength) controller.enqueue(bytes.slice(i, i + pieceLength));
      controller.close();
    },
  });
  return Array.fromAsync(parseEventStream(body));
};

const text =
  ': heartbeat\n\nid: 1\nevent: log\ndata: {"a": "ü"}\n\n' +
  "id:2\r\nevent:log\r\ndata: one\r\ndata:  two\r\n\r\n" +
  "data\n\nretry: 5\nevent: nothing\n\nid: 3\ndata: ✓\n\nid: 4\ndata: cut off";

test.each([1, 2, 3, 7, 1000])("events come out the same in pieces of %d bytes", async (pieceLength) => {
  expect(await parse(text, pieceLength)).toEqual([
    { id: "1", event: "log", data: '{"a": "ü"}' },
    { id: "2", event: "log", data: "one\n two" },
    { id: "2", event: "message", data: "" },
    { id: "3", event: "message", data: "✓" },
  ]);
});
