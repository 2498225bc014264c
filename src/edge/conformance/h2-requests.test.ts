import { afterAll, beforeAll, expect, test } from "bun:test";
import { Flag, Frame, Setting } from "../h2/protocol.ts";
import { type BareEdge, startBareEdge } from "../h2/testing/bare-session.ts";
import { answerOf, block, type Fields, frame, setting } from "../h2/testing/h2-client.ts";
import { type Llhttp, startLlhttp } from "./testing/llhttp.ts";
import { type Recorder, startRecorder } from "./testing/recorder.ts";
import { firstSeed, type Seeded, seeded, trials } from "./testing/seeded.ts";

/**
 * HTTP/2 requests in well-formed frames and valid HPACK whose meaning is spoiled, by the ten thousand: pseudo
 * fields, names, values, lengths, trailers, cookies. Each that reaches the upstream is exactly the one request that
 * was meant, in the strict reader's eyes and in llhttp's; every other is refused on its stream alone.
 */

let recorder: Recorder;
let llhttp: Llhttp;
let bare: BareEdge;
beforeAll(async () => {
  recorder = startRecorder();
  llhttp = await startLlhttp();
  bare = startBareEdge(recorder.port);
}, 60_000);
afterAll(async () => {
  bare.close();
  recorder.close();
  await llhttp.close();
}, 30_000);

interface Sent {
  id: number;
  fields: Fields;
  body: string;
  trailers: Fields;
}

const odd = [
  "",
  " ",
  "\t",
  "\r",
  "\n",
  "\0",
  "\r\n",
  "\r\n\r\n",
  "\x7f",
  "\xe9",
  ":",
  ",",
  ";",
  "#",
  "a b",
  "A",
  "_",
];
const smuggled = "x\r\nContent-Length: 5\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: site.test\r\n\r\n";
const methods = [
  "GET",
  "GET",
  "POST",
  "PUT",
  "HEAD",
  "OPTIONS",
  "get",
  "CONNECT",
  "TRACE",
  "PRI",
  "X-Y",
  "",
  "GET /x HTTP/1.1\r\nA: b\r\n\r\nGET",
  "G ET",
  "GE\0T",
];
const paths = [
  "/",
  "/a?b=c",
  "/%00",
  "*",
  "",
  "x",
  "//x",
  "http://site.test/",
  "/a b",
  "/ HTTP/1.1\r\nX: y",
  "/#x",
  "/\xe9",
  "/?q=\r\n",
  "/\t",
  `/${"p".repeat(17_000)}`,
];
const authorities = [
  "site.test",
  "SITE.test",
  "site.test:443",
  "other.test",
  "a@site.test",
  "site.test/x",
  "site.test\r\nX: y",
  "",
  "[::1]",
  "site.test, other.test",
  "site test",
];
const extras: Fields = [
  ["content-length", "3"],
  ["content-length", "0"],
  ["content-length", "-1"],
  ["content-length", "3, 3"],
  ["content-length", "99999999999999999"],
  ["transfer-encoding", "chunked"],
  ["transfer_encoding", "chunked"],
  ["content_length", "9"],
  ["connection", "close"],
  ["connection", "x-a"],
  ["upgrade", "websocket"],
  ["keep-alive", "1"],
  ["proxy-connection", "x"],
  ["te", "trailers"],
  ["te", "gzip"],
  ["host", "site.test"],
  ["host", "other.test"],
  ["cookie", "a=b"],
  ["cookie", "c=d; e=f"],
  ["cookie", "g\r\nX: y"],
  ["expect", "100-continue"],
  ["expect", "later"],
  ["x-forwarded-for", "6.6.6.6"],
  ["forwarded", "for=6.6.6.6"],
  ["trailer", "x-t"],
  ["x-a", "b"],
  ["x-a", smuggled],
  [smuggled, "x"],
  ["x-long", "l".repeat(7_000)],
  [":path", "/late"],
  [":status", "200"],
  [":protocol", "websocket"],
  ["x:y", "z"],
  ["X-A", "b"],
  ["", "x"],
  ["x-a", "  blank  "],
];

const spoil = (random: Seeded, text: string): string => {
  const at = random.below(text.length + 1);
  return text.slice(0, at) + random.pick(odd) + text.slice(at + random.below(2));
};

const requestOf = (random: Seeded, id: number): { sent: Sent; frames: Buffer[] } => {
  const rare = <T>(usual: T, list: readonly T[]): T => (random.once(12) ? random.pick(list) : usual);
  const fields: [string, string][] = [
    [":method", rare(random.pick(["GET", "POST"]), methods)],
    [":scheme", rare("https", ["http", "HTTPS", "ftp", ""])],
    [":path", rare("/p", paths)],
    [":authority", rare("site.test", authorities)],
  ];
  for (let count = random.below(3); count > 0; count--) fields.push([...random.pick(extras)]);
  if (random.once(20)) fields.splice(random.below(4), 1);
  if (random.once(20)) fields.splice(random.below(fields.length + 1), 0, [...random.pick(fields)]);
  if (random.once(8)) {
    const it = random.pick(fields);
    const part = random.below(2);
    it[part] = spoil(random, it[part]!);
  }
  const body = random.once(2) ? "" : "b".repeat(random.pick([0, 1, 3, 3, 3, 9, 2_000]));
  const trailers: [string, string][] = [];
  if (body !== "" && random.once(3)) {
    for (let count = 1 + random.below(2); count > 0; count--)
      trailers.push(random.once(2) ? ["x-t", "1"] : [...random.pick(extras)]);
    if (random.once(6)) trailers[0]![random.below(2)] = spoil(random, trailers[0]![0]);
  }
  const ends = body === "" && random.once(2) ? Flag.endStream : 0;
  const frames: Buffer[] = [];
  const head = block(fields);
  for (let at = 0; at === 0 || at < head.length;) {
    const size = Math.min(
      16_384,
      random.once(3) ? 1 + random.below(head.length) : head.length,
      head.length - at,
    );
    const last = at + size === head.length ? Flag.endHeaders : 0;
    frames.push(
      frame(
        at === 0 ? Frame.headers : Frame.continuation,
        (at === 0 ? ends : 0) | last,
        id,
        head.subarray(at, at + size),
      ),
    );
    at += size;
    if (frames.length > 14) return requestOf(random, id);
  }
  if (ends === 0) {
    for (let at = 0; at < body.length;) {
      const size = random.once(2) ? body.length - at : 1 + random.below(body.length - at);
      frames.push(frame(Frame.data, 0, id, body.slice(at, at + size)));
      at += size;
    }
    if (trailers.length > 0)
      frames.push(frame(Frame.headers, Flag.endStream | Flag.endHeaders, id, block(trailers)));
    else frames.push(frame(Frame.data, Flag.endStream, id));
  }
  return { sent: { id, fields, body, trailers }, frames };
};

/** What is wrong about a request at the upstream, "" when nothing is. */
const problemOf = (
  { fields, body, trailers }: Sent,
  raw: string,
  read: Recorder["seen"] extends Map<number, infer T> ? T : never,
): string => {
  const all = (name: string): string[] => fields.filter(([it]) => it === name).map(([, value]) => value);
  const { reading } = read.read;
  if (all(":method").length !== 1 || reading.method !== all(":method")[0]) return "method";
  if (all(":path").length !== 1 || reading.target !== all(":path")[0]) return "path";
  if (reading.host !== (all(":authority")[0] ?? all("host")[0])) return "authority";
  if (reading.body !== body) return "body";
  const sentNames = new Set([
    ...fields.map(([name]) => name),
    "host",
    "transfer-encoding",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "forwarded",
    "x-request-id",
    "expect",
  ]);
  const stray = read.read.fields.find(([name]) => !sentNames.has(name));
  if (stray !== undefined) return `a field of nobody's: ${stray[0]}`;
  for (const [name, value] of read.read.fields)
    if (name === "x-a" && !all("x-a").includes(value)) return "a value";
  if (
    read.read.fields
      .filter(([name]) => name === "x-forwarded-for")
      .map(([, it]) => it)
      .join() !== "192.0.2.1"
  )
    return "provenance";
  if (read.read.fields.filter(([name]) => name === "cookie").length > 1) return "cookies";
  if (read.read.trailers.some((line) => !trailers.some(([name, value]) => line === `${name}: ${value}`)))
    return "trailers";
  if (/[\r\n\0]/.test(raw.replaceAll("\r\n", ""))) return "a control byte";
  return "";
};

test("spoiled requests in good frames: what reaches the upstream is what was meant", async () => {
  const first = firstSeed();
  const rounds = trials(6_000, 150_000);
  const counts = { sessions: 0, requests: 0, forwarded: 0, answered: 0, reset: 0, over: 0 };
  const one = async (seed: number): Promise<void> => {
    const random = seeded(seed);
    const it = bare.open(random.once(8) ? setting(Setting.headerTableSize, 0) : undefined);
    const sent: Sent[] = [];
    const parts: Buffer[] = [];
    for (let id = 1; id === 1 || random.once(2); id += 2) {
      const request = requestOf(random, id);
      sent.push(request.sent);
      parts.push(...request.frames);
    }
    const bytes = Buffer.concat(parts);
    for (let at = 0; at < bytes.length;) {
      const next = random.once(2) ? bytes.length : at + 1 + random.below(bytes.length - at);
      it.send(bytes.subarray(at, next));
      at = next;
    }
    const endsAtMs = performance.now() + 5_000;
    while (it.session.streams.size > 0 && it.session.phase === "open") {
      if (performance.now() > endsAtMs)
        throw new Error(`seed ${seed}: streams that do not end: ${[...it.session.streams.keys()]}`);
      await Bun.sleep(1);
    }
    // What is gathered goes out after the events at hand.
    await new Promise((resolve) => setImmediate(resolve));
    const frames = it.frames();
    const goAway = frames.find(({ type }) => type === Frame.goAway);
    if (goAway !== undefined)
      throw new Error(
        `seed ${seed}: the connection ended with ${goAway.payload.readUInt32BE(4)}: ${JSON.stringify(sent)}`,
      );
    counts.sessions++;
    for (const request of sent) {
      counts.requests++;
      const answer = answerOf(frames, request.id);
      const seen = Number(answer.fields.get("x-seen") ?? 0);
      if (answer.reset !== null) counts.reset++;
      else if (answer.fields.has(":status")) counts.answered++;
      else throw new Error(`seed ${seed}: neither answer nor reset: ${JSON.stringify(request)}`);
      if (seen === 0) continue;
      counts.forwarded++;
      const forwarded = recorder.seen.get(seen)!;
      recorder.seen.delete(seen);
      const problem = problemOf(request, forwarded.raw, forwarded);
      if (problem !== "")
        throw new Error(`seed ${seed}: ${problem}: ${JSON.stringify([request, forwarded.raw])}`);
      const { messages, error } = await llhttp.read("request", forwarded.raw);
      const { method, target, host, body } = forwarded.read.reading;
      if (error?.startsWith("HPE_INVALID_METHOD") === true || method === "PRI") continue;
      const [message] = messages;
      if (
        messages.length !== 1 ||
        error !== null ||
        message!.method !== method ||
        message!.target !== target ||
        message!.host !== host ||
        Buffer.from(message!.body, "base64").toString("latin1") !== body
      )
        throw new Error(
          `seed ${seed}: llhttp reads ${JSON.stringify([error, messages])} of ${JSON.stringify(forwarded.raw)}`,
        );
    }
    it.end();
  };
  let next = first;
  const lane = async (): Promise<void> => {
    while (next < first + rounds) await one(next++);
  };
  await Promise.all(Array.from({ length: 16 }, lane));
  console.log(`${llhttp.version}: ${JSON.stringify(counts)}`);
  expect(recorder.wrong).toEqual([]);
  expect(bare.log).toEqual([]);
  expect(counts.forwarded).toBeGreaterThan(counts.requests / 10);
  const { meter } = bare.edge.router.byId.get("site.test")!;
  expect([meter.active, bare.edge.visitors.size, bare.edge.sessions.size]).toEqual([0, 0, 0]);
}, 3_600_000);
