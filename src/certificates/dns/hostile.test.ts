import { afterAll, afterEach, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import { textsAt } from "./authoritative.ts";
import {
  decodeMessage,
  DnsFormatError,
  encodeMessage,
  encodeName,
  recordClasses,
  recordTypes,
  textData,
  textOf,
} from "./message.ts";
import { createRfc2136 } from "./rfc2136.ts";
import { checkSignature, signMessage, type TsigKey } from "./tsig.ts";

const signal = AbortSignal.timeout(60_000);
const key: TsigKey = { name: "croft", algorithm: "hmac-sha256", secret: Buffer.from("0123456789abcdef") };
const nowMs = Date.parse("2026-11-20T12:00:00Z");
const message = (change: object = {}) => ({
  id: 7,
  flags: 0x8400,
  question: [{ name: "a.example.org", type: recordTypes.txt, class: recordClasses.internet }],
  answer: [{ name: "a.example.org", type: recordTypes.txt, class: 1, ttl: 60, data: textData("one two") }],
  authority: [],
  additional: [],
  ...change,
});

let server: Server | null = null;
afterEach(() => void server?.close());
afterAll(() => void server?.close());

/** A name server that says whatever it likes. */
const saying = async (answer: (question: Buffer, socket: Socket) => void): Promise<number> => {
  server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (data) => answer(data.subarray(2), socket));
  });
  await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
  return (server.address() as { port: number }).port;
};
const framed = (bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);

test("what was written is read back, compressed names included", () => {
  const read = decodeMessage(encodeMessage(message()));
  expect(read).toMatchObject({ id: 7, flags: 0x8400, question: message().question });
  expect(read.answer[0]).toMatchObject({ name: "a.example.org", ttl: 60 });
  expect(textOf(read.answer[0]!.data)).toBe("one two");
  const compressed = Buffer.concat([
    Buffer.from("000784000001000100000000", "hex"),
    encodeName("a.example.org"),
    Buffer.from("00100001", "hex"),
    // The answer's name points at the question's.
    Buffer.from("c00c001000010000003c0008076f6e652074776f", "hex"),
  ]);
  expect(decodeMessage(compressed).answer[0]!.name).toBe("a.example.org");
});

test("names that are no names are not written", () => {
  expect(() => encodeName(`${"a".repeat(64)}.org`)).toThrow(DnsFormatError);
  expect(() => encodeName(Array(130).fill("a").join("."))).toThrow(DnsFormatError);
  expect(() => textData("a".repeat(256))).toThrow(DnsFormatError);
});

test("messages that are cut off, lie about lengths or lead in circles end in an error", () => {
  const whole = encodeMessage(message());
  for (let length = 0; length < whole.length; length++)
    expect(() => decodeMessage(whole.subarray(0, length)), String(length)).toThrow();
  const head = Buffer.from("000784000001000000000000", "hex");
  for (const name of ["c00c", "c00e", "c0ff", "0161c00c", "ffff", "80", "40"])
    expect(() => decodeMessage(Buffer.concat([head, Buffer.from(`${name}00100001`, "hex")])), name).toThrow();
});

test("bytes by the thousand: read or refused, never for long", () => {
  const rounds = process.env.CROFT_SOAK ? 200_000 : 20_000;
  const whole = Buffer.from(signMessage(message(), key, nowMs).bytes);
  let refused = 0;
  for (let i = 0; i < rounds; i++) {
    const bytes = Buffer.from(whole);
    for (let changes = 1 + (i % 4); changes > 0; changes--)
      bytes[Math.floor(Math.random() * bytes.length)] = Math.floor(Math.random() * 256);
    try {
      for (const { data } of decodeMessage(bytes).answer) textOf(data);
      // Whatever it says, it is not what the key signed.
      if (!bytes.equals(whole)) expect(checkSignature(bytes, key, new Uint8Array(), nowMs).good).toBe(false);
    } catch (error) {
      if (!(error instanceof DnsFormatError) && !(error instanceof RangeError)) throw error;
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(0);
}, 60_000);

test("a signature is for one request, one key, one time and these bytes", () => {
  const requestMac = signMessage(message(), key, nowMs).mac;
  // An answer is signed over the request's, too (RFC 8945 section 5.3.1), so one made alone fits no request.
  const alone = signMessage(message(), key, nowMs).bytes;
  expect(checkSignature(alone, key, requestMac, nowMs)).toMatchObject({ good: false });
  expect(checkSignature(encodeMessage(message()), key, requestMac, nowMs)).toEqual({
    good: false,
    signed: false,
    reason: "its answer is not signed",
  });
  const others = signMessage(message(), { ...key, name: "other" }, nowMs).bytes;
  expect(checkSignature(others, key, requestMac, nowMs)).toMatchObject({
    reason: "its answer is signed with another key",
  });
});

test("a server that accepts without a signature, answers something else, too much or nothing is not believed", async () => {
  const update = (port: number) =>
    createRfc2136({ server: { host: "127.0.0.1", port }, zone: "example.org", key }, { nowMs: Date.now })
      .present("_acme-challenge.example.org", "value", signal)
      .then(
        () => "done",
        (error: Error) => error.message,
      );
  const reply = (bytes: Buffer, change: (head: Buffer) => void): Buffer => {
    const head = Buffer.from(bytes.subarray(0, 12));
    head.writeUInt16BE(0xa800, 2);
    head.fill(0, 4);
    change(head);
    return framed(head);
  };
  expect(await update(await saying((question, socket) => socket.end(reply(question, () => {}))))).toBe(
    "the name server 127.0.0.1: its answer is not signed",
  );
  expect(
    await update(
      await saying((question, socket) =>
        socket.end(reply(question, (head) => head.writeUInt16BE(0xa805, 2))),
      ),
    ),
  ).toBe("the name server 127.0.0.1: it refuses; its policy does not allow this (REFUSED)");
  expect(
    await update(
      await saying((question, socket) => socket.end(reply(question, (head) => void (head[0]! ^= 1)))),
    ),
  ).toContain("answered something else");
  expect(await update(await saying((_, socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")))).toContain(
    "closed the connection without an answer",
  );
  expect(await update(await saying((_, socket) => socket.destroy()))).toContain("without an answer");
});

test("records of other names are not taken for the one that was asked for", async () => {
  const port = await saying((question, socket) => {
    const answer = encodeMessage(
      message({
        id: question.readUInt16BE(0),
        answer: [
          { name: "b.example.org", type: recordTypes.txt, class: 1, ttl: 60, data: textData("theirs") },
        ],
      }),
    );
    socket.end(framed(answer));
  });
  expect(await textsAt({ host: "127.0.0.1", port }, "a.example.org", signal)).toEqual([]);
});

test("who stops does not wait for a silent server", async () => {
  const port = await saying(() => {});
  const stop = new AbortController();
  const asked = textsAt({ host: "127.0.0.1", port }, "a.example.org", stop.signal);
  await Bun.sleep(20);
  stop.abort(new Error("stopped"));
  await expect(asked).rejects.toThrow("stopped");
});
