import { afterAll, beforeAll, expect, test } from "bun:test";
import { type EdgeFixture, routeTo, startEdge, toPort } from "../testing/edge-fixture.ts";
import { readAnswer } from "./testing/answer-reader.ts";
import { createAsker, sendAndEnd } from "./testing/connections.ts";
import { problemOf } from "./testing/forwarding.ts";
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
import { asOrigin, isHarmless, mayRefuse, saidBy, saidIn } from "./testing/readings.ts";
import { type Read, readStrictly } from "./testing/strict-reader.ts";

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
    const answer = readAnswer(text, at, /^(\r\n)?HEAD /.test(bytes.slice(sentAt, sentAt + 7)));
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

test("mutated requests: one reading, by the edge and by every upstream", async () => {
  const first = firstSeed();
  const rounds = trials(6_000, 200_000);
  const counts = { connections: 0, taken: 0, forwarded: 0, refused: 0, compared: 0, refusedElsewhere: 0 };
  for (let from = first; from < first + rounds; from += 500) {
    const to = Math.min(first + rounds, from + 500);
    let next = from;
    const lane = async (): Promise<void> => {
      const kept = servers.map(createAsker);
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
            if (!isHarmless(readings.error, bytes, it.read.reading))
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
