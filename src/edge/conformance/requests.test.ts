import { afterAll, beforeAll, expect, test } from "bun:test";
import { METHODS } from "node:http";
import { type EdgeFixture, routeTo, startEdge, toPort } from "../testing/edge-fixture.ts";
import { readAnswer } from "./testing/answer-reader.ts";
import { connectKept, type KeptConnection, sendAndEnd } from "./testing/connections.ts";
import { type Llhttp, startLlhttp } from "./testing/llhttp.ts";
import {
  type ReadingServer,
  startBunServer,
  startCaddy,
  startGunicorn,
  startNginx,
  startUvicorn,
} from "./testing/reading-servers.ts";
import { type Recorder, startRecorder } from "./testing/recorder.ts";
import { mutatedRequests } from "./testing/request-mutations.ts";
import { firstSeed, seeded, trials } from "./testing/seeded.ts";
import { type Read, type Reading, readStrictly } from "./testing/strict-reader.ts";

/**
 * Mutated requests by the ten thousand (with `CROFT_SOAK=1` by the hundred thousand), each on a connection of its
 * own. What the edge takes for a request, a strict second reader takes for the same one; what it passes on, Node,
 * nginx, `Bun.serve`, Caddy, gunicorn and uvicorn read as exactly one request, the same one; and none of them reads
 * what the visitor sent in another way than the edge. A failure names its seed: `CROFT_FUZZ_SEED=…
 * CROFT_FUZZ_ROUNDS=1`.
 */

let recorder: Recorder;
let edge: EdgeFixture;
let llhttp: Llhttp;
let servers: ReadingServer[];

beforeAll(async () => {
  recorder = startRecorder();
  edge = startEdge([routeTo(["site.test"], toPort(recorder.port))], {
    keepAliveMs: 2_000,
    headMs: 2_000,
    bodyMs: 2_000,
  });
  llhttp = await startLlhttp();
  servers = [
    await startNginx(),
    { name: "node:http", host: llhttp.host, port: llhttp.port, close: () => llhttp.close() },
    startBunServer(),
    await startCaddy(),
    await startGunicorn(),
    await startUvicorn(),
  ];
}, 60_000);
afterAll(async () => {
  await edge.close();
  recorder.close();
  for (const server of servers) await server.close();
}, 30_000);

/** One request as the edge read it: from the visitor's bytes, and as it went to the upstream if it did. */
interface Taken {
  seed: number;
  read: Read;
  forwarded: { raw: string; read: Read } | null;
}

const originForm = (target: string): string => {
  const rest = target.replace(/^https?:\/\/[^/?]*/i, "");
  return rest.startsWith("/") || rest === "*" ? rest : `/${rest}`;
};

/** Hop-by-hop, or said anew by the edge; all others arrive as they were, in their order. */
const ownFields =
  /^(connection|keep-alive|te|upgrade|expect|transfer-encoding|proxy|proxy-.*|http2-settings|forwarded|x-forwarded-.*|x-real-ip|x-request-id)$/;
const disguised = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "upgrade",
  "expect",
  "te",
  "trailer",
  "keep-alive",
]);

const passedOn = (read: Read): string[] => {
  const named = new Set(
    read.fields
      .filter(([name]) => name === "connection")
      .flatMap(([, value]) => value.toLowerCase().split(","))
      .map((it) => it.trim()),
  );
  for (const name of [
    "host",
    "content-length",
    "content-type",
    "authorization",
    "cookie",
    "set-cookie",
    "date",
  ])
    named.delete(name);
  return read.fields
    .filter(([name]) => !named.has(name) && !ownFields.test(name.replaceAll("_", "-")))
    .filter(([name]) => !name.includes("_") || !disguised.has(name.replaceAll("_", "-")))
    .map(([name, value]) => `${name}: ${value}`);
};

/** What is wrong about a request that reached the upstream, "" when nothing is. */
const problemOf = (taken: Read, forwarded: Read): string => {
  const [seen, sent] = [forwarded.reading, taken.reading];
  if (seen.method !== sent.method || seen.target !== originForm(sent.target)) return "another request line";
  if (seen.host !== sent.host || seen.minor !== 1) return "another host or version";
  if (seen.body !== sent.body) return "another body";
  if (passedOn(taken).join("\n") !== passedOn(forwarded).join("\n")) return "other fields";
  const from = forwarded.fields.filter(([name]) => name.replaceAll("_", "-") === "x-forwarded-for");
  if (from.length !== 1 || from[0]![1] !== "127.0.0.1") return "provenance";
  if (
    forwarded.trailers.some((line) =>
      /^(host|content-length|transfer-encoding|trailer|x.forwarded.*):/i.test(line),
    )
  )
    return "trailers";
  return "";
};

/** Sends a trial through the edge. @returns what the edge took for requests */
const throughEdge = async (seed: number): Promise<{ bytes: string; taken: Taken[] }> => {
  const random = seeded(seed);
  const bytes = mutatedRequests(random);
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const next = random.once(2) ? bytes.length : at + 1 + random.below(bytes.length - at);
    pieces.push(bytes.slice(at, next));
    at = next;
  }
  const text = await sendAndEnd("127.0.0.1", edge.port, pieces);
  const taken: Taken[] = [];
  let sentAt = 0;
  for (let at = 0; at < text.length;) {
    const read = readStrictly(bytes, sentAt);
    const whole = typeof read !== "string";
    // A refusal within a HEAD's body has no body of its own, one of its head has.
    const bare = whole ? read.reading.method === "HEAD" : text.endsWith("\r\n\r\n");
    const answer = readAnswer(text, at, bare);
    if (typeof answer === "string")
      throw new Error(`seed ${seed}: the answer is ${answer}: ${JSON.stringify(text.slice(at))}`);
    at = answer.end;
    const seen = answer.fields.get("x-seen");
    if (!whole) {
      if (seen !== undefined || answer.status < 400 || at !== text.length)
        throw new Error(
          `seed ${seed}: taken, though it is ${read}: ${JSON.stringify(bytes.slice(sentAt, sentAt + 600))}`,
        );
      continue;
    }
    sentAt = read.end;
    const forwarded = seen === undefined ? null : recorder.seen.get(Number(seen))!;
    recorder.seen.delete(Number(seen));
    // A refusal says nothing of where the request ended.
    if (forwarded === null && answer.fields.get("connection") === "close") break;
    taken.push({ seed, read, forwarded });
    const problem = forwarded === null ? "" : problemOf(read, forwarded.read);
    if (problem !== "")
      throw new Error(`seed ${seed}: ${problem}: ${JSON.stringify([bytes, forwarded!.raw])}`);
  }
  return { bytes, taken };
};

const bodiless = /^(GET|HEAD|TRACE)$/;

const asOrigin = (
  server: string,
  { method, target, host, body }: Pick<Reading, "method" | "target" | "host" | "body">,
): string => {
  // ASGI tells of no query and of an empty one in the same way.
  const path = server === "uvicorn" ? originForm(target).replace(/^([^?]*)\?$/, "$1") : originForm(target);
  // A URL is all that `Bun.serve` tells of a target.
  const normal = server === "Bun.serve" && path.startsWith("/") ? new URL(`http://x${path}`) : null;
  return JSON.stringify([
    // gunicorn gives apps all methods in capitals.
    server === "gunicorn" ? method.toUpperCase() : method,
    normal === null ? path : normal.pathname + normal.search,
    // Some keep blanks behind a value; the edge passes on none.
    host.trim().toLowerCase(),
    // Nor does it tell the body of these.
    normal !== null && bodiless.test(method) ? "" : Buffer.from(body, "latin1").toString("base64"),
  ]);
};

interface Said {
  method: string;
  target: string;
  host: string;
  body: string;
}

const saidBy = (server: string, said: Said): string =>
  asOrigin(server, { ...said, body: Buffer.from(said.body, "base64").toString("latin1") });

/** What a reading server says of each request on a connection, up to the first that it refuses. */
const saidIn = (text: string): Said[] =>
  [...text.split(/^HTTP\/1\.1 (?!200|100)/m)[0]!.matchAll(/\r\nx-read: ([\w+/=]+)\r\n/gi)].map(
    ([, it]) => JSON.parse(Buffer.from(it!, "base64").toString()) as Said,
  );

/** A connection that answers after another for one server. */
const asker = (
  server: ReadingServer,
): ((raw: string, isHead: boolean) => Promise<string>) & { close(): void } => {
  let kept: KeptConnection | null = null;
  const ask = async (raw: string, isHead: boolean): Promise<string> => {
    const isNew = kept === null || kept.closed();
    if (kept === null || isNew) kept = await connectKept(server.host, server.port);
    let text = await kept.ask(raw, isHead);
    if (text === "" && !isNew) {
      // A server may close what is kept.
      kept.close();
      kept = await connectKept(server.host, server.port);
      text = await kept.ask(raw, isHead);
    }
    // Whatever else the server makes of it: the next request begins afresh.
    if (!/^HTTP\/1\.1 (100[^]*HTTP\/1\.1 )?200 /.test(text)) {
      kept.close();
      kept = null;
    }
    return text;
  };
  return Object.assign(ask, { close: () => kept?.close() });
};

/**
 * Servers may refuse a request that the edge takes: then the site answers with an error in place of the edge, and
 * nobody reads it in another way. Each such case is one of these.
 */
const mayRefuse = ({ raw, read: { reading } }: { raw: string; read: Read }): boolean =>
  // The edge takes any token for a method, most servers know a list (nginx: capital letters, `_` and `-`).
  !METHODS.includes(reading.method) ||
  reading.target === "*" ||
  // Browsers send a `%` that encodes nothing as it is typed; nginx refuses it, as it does an encoded NUL.
  /%(?![0-9a-f]{2})|%00/i.test(reading.target) ||
  // Out of the root: nginx alone refuses it.
  /^(\/[^/?]*)?\/(\.|%2e){2}([/?;]|$)/i.test(reading.target) ||
  // The servers' bounds for a head.
  raw.length > 8_000;

/** What llhttp refuses of the visitor's own bytes, though the edge takes it: why it does no harm. */
const harmless: [error: string | null, why: RegExp][] = [
  // Methods that it does not know; PRI is known to it for HTTP/2 alone.
  ["HPE_INVALID_METHOD", /(?:)/],
  ["HPE_INVALID_VERSION", /PRI /],
  // Read as `Connection`, which it is not (RFC 9110 section 7.6.1); the edge drops it.
  ["HPE_CLOSED_CONNECTION", /proxy-connection:\s*close/i],
  // A chunk extension that is none; all of them end at the edge.
  ["HPE_STRICT", /\r\n[0-9a-f]+;/i],
  ["HPE_INVALID_CHUNK_SIZE", /\r\n[0-9a-f]+;/i],
  // In trailers, where the edge drops it.
  ["HPE_INVALID_CONTENT_LENGTH", /\r\n0+(;.*)?\r\n(.+\r\n)*content-length:/i],
  // A tab behind the value; the edge writes the field anew.
  ["HPE_INVALID_TRANSFER_ENCODING", /transfer-encoding:.*\t\r\n/i],
  // After a request that asks for another protocol it reads no further; the edge drops the wish.
  [null, /upgrade:/i],
];

test("mutated requests: one reading, by the edge and by every upstream", async () => {
  const first = firstSeed();
  const rounds = trials(6_000, 200_000);
  const counts = { connections: 0, taken: 0, forwarded: 0, refused: 0, compared: 0, refusedElsewhere: 0 };
  for (let from = first; from < first + rounds; from += 500) {
    const to = Math.min(first + rounds, from + 500);
    let next = from;
    const lane = async (): Promise<void> => {
      const kept = servers.map(asker);
      while (next < to) {
        const seed = next++;
        const { bytes, taken } = await throughEdge(seed);
        counts.connections++;
        if (taken.length === 0) counts.refused++;
        counts.taken += taken.length;
        // What every server makes of the visitor's own bytes.
        const readings = await llhttp.read("request", bytes);
        for (const [at, it] of taken.entries()) {
          const message = readings.messages[at];
          if (message?.complete !== true) {
            if (!harmless.some(([error, why]) => error === readings.error && why.test(bytes)))
              throw new Error(`seed ${seed}: llhttp says ${readings.error} to ${JSON.stringify(bytes)}`);
            counts.refusedElsewhere++;
            break;
          }
          counts.compared++;
          if (saidBy("", message) !== asOrigin("", it.read.reading))
            throw new Error(
              `seed ${seed}: llhttp reads ${JSON.stringify(message)} of ${JSON.stringify(bytes)}`,
            );
        }
        for (const server of servers) {
          if (seed % 4 !== 0) continue;
          const list = saidIn(await sendAndEnd(server.host, server.port, [bytes]));
          for (const [at, said] of list.entries()) {
            const it = taken[at];
            if (it === undefined) break;
            counts.compared++;
            if (saidBy(server.name, said) !== asOrigin(server.name, it.read.reading))
              throw new Error(
                `seed ${seed}: ${server.name} reads ${JSON.stringify(said)} of ${JSON.stringify(bytes)}`,
              );
          }
        }
        // What they make of what the edge passes on.
        for (const { forwarded } of taken) {
          if (forwarded === null) continue;
          counts.forwarded++;
          const { reading } = forwarded.read;
          for (const [index, server] of servers.entries()) {
            const text = await kept[index]!(forwarded.raw, reading.method === "HEAD");
            const list = saidIn(text);
            if (list.length === 0) {
              if (!mayRefuse(forwarded))
                throw new Error(
                  `seed ${seed}: ${server.name} says ${JSON.stringify(text.slice(0, 80))} to ${JSON.stringify(forwarded.raw)}`,
                );
              counts.refusedElsewhere++;
              continue;
            }
            counts.compared++;
            if (list.length !== 1 || saidBy(server.name, list[0]!) !== asOrigin(server.name, reading))
              throw new Error(
                `seed ${seed}: ${server.name} reads ${JSON.stringify(list)} of ${JSON.stringify(forwarded.raw)}`,
              );
          }
        }
      }
      for (const it of kept) it.close();
    };
    await Promise.all(Array.from({ length: 16 }, lane));
  }
  console.log(`${llhttp.version}: ${JSON.stringify(counts)}`);
  expect(recorder.wrong).toEqual([]);
  expect(edge.edge.visitors.size).toBe(0);
  const { meter } = edge.edge.router.byId.get("site.test")!;
  expect(meter.active).toBe(0);
}, 3_600_000);
