import { afterAll, beforeAll, expect, test } from "bun:test";
import { Flag, Frame } from "../h2/protocol.ts";
import { type BareEdge, startBareEdge } from "../h2/testing/bare-session.ts";
import { answerOf, ask, headers } from "../h2/testing/h2-client.ts";
import { hostileTrial, isOddInterim, startHostileUpstream } from "./testing/hostile-upstream.ts";
import { type Llhttp, startLlhttp } from "./testing/llhttp.ts";
import { firstSeed, trials } from "./testing/seeded.ts";

/**
 * Mutated answers for visitors who speak HTTP/2: an answer that can be had whole is the one that llhttp reads, any
 * other is an error of the edge's or a reset stream; the connection and its other streams go on.
 */

let bare: BareEdge;
let llhttp: Llhttp;
const upstream = startHostileUpstream();
beforeAll(async () => {
  bare = startBareEdge(upstream.port);
  bare.edge.deadlines.answerMs = 4_000;
  bare.edge.deadlines.silenceMs = 4_000;
  llhttp = await startLlhttp();
}, 60_000);
afterAll(async () => {
  bare.close();
  upstream.close();
  await llhttp.close();
}, 30_000);

test("mutated answers over HTTP/2", async () => {
  const counts = { connections: 0, passedOn: 0, ownErrors: 0, reset: 0 };
  const one = async (seed: number): Promise<void> => {
    const { bytes, method } = hostileTrial(seed);
    const it = bare.open();
    it.send(headers(1, ask(`/hostile-${seed}`, [], method)));
    // On an upstream connection of its own, since the first is busy.
    it.send(headers(3, ask(`/marker-${seed}`)));
    const endsAtMs = performance.now() + 12_000;
    while (it.session.streams.size > 0 && performance.now() < endsAtMs) await Bun.sleep(1);
    await new Promise((resolve) => setImmediate(resolve));
    const fail = (what: string): never => {
      const frames = it
        .frames()
        .map(({ type, flags, streamId, payload }) => [type, flags, streamId, payload.toString("latin1")]);
      throw new Error(`seed ${seed}: ${what}: ${JSON.stringify([method, bytes, frames]).slice(0, 3_000)}`);
    };
    const frames = it.frames();
    counts.connections++;
    if (it.session.phase !== "open" || frames.some(({ type }) => type === Frame.goAway))
      fail("the connection has ended");
    const second = answerOf(frames, 3);
    if (
      second.fields.get("x-marker") !== String(seed) ||
      second.body.toString() !== "marker" ||
      second.reset !== null
    )
      fail("not the second's answer");
    const ends = frames.filter(
      ({ streamId, type, flags }) =>
        streamId === 1 && (type === Frame.reset || (type <= Frame.headers && (flags & Flag.endStream) !== 0)),
    );
    if (ends.length !== 1) fail(`${ends.length} ends`);
    const first = answerOf(frames, 1);
    for (const name of first.fields.keys())
      if (
        !/^:status$|^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name) ||
        ["connection", "transfer-encoding", "keep-alive", "upgrade"].includes(name)
      )
        fail(`the field ${name}`);
    const length = first.fields.get("content-length");
    if (first.reset !== null) {
      counts.reset++;
      return;
    }
    if (
      length !== undefined &&
      method !== "HEAD" &&
      first.fields.get(":status") !== "304" &&
      first.body.length !== Number(length)
    )
      fail("another length");
    const status = Number(first.fields.get(":status"));
    if (status >= 502 && first.fields.get("cache-control") === "no-store") {
      counts.ownErrors++;
      return;
    }
    counts.passedOn++;
    const heads = method === "HEAD" ? [0] : [];
    const theirs = (await llhttp.read("response", bytes, heads)).messages.find(
      (message) => message.status >= 200,
    );
    // As over HTTP/1.1: a tab hides `chunked` from llhttp.
    if (isOddInterim(bytes) || /transfer-encoding:.*\t\r\n/i.test(bytes)) return;
    if (
      theirs?.status !== status ||
      (theirs.complete && !Buffer.from(theirs.body, "base64").equals(first.body))
    )
      fail("llhttp reads another upstream");
    it.end();
  };
  const from = firstSeed();
  const last = from + trials(5_000, 100_000);
  let next = from;
  const lane = async (): Promise<void> => {
    while (next < last) await one(next++);
  };
  await Promise.all(Array.from({ length: 96 }, lane));
  console.log(`${llhttp.version}: ${JSON.stringify(counts)}`);
  expect(bare.log).toEqual([]);
  expect(counts.passedOn).toBeGreaterThan(counts.connections / 5);
  const { meter } = bare.edge.router.byId.get("site.test")!;
  expect(meter.active).toBe(0);
}, 3_600_000);
