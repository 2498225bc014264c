import { afterAll, beforeAll, expect, test } from "bun:test";
import { type EdgeFixture, replicaAt, routeTo, startEdge } from "../testing/edge-fixture.ts";
import { type Answer, readAnswer } from "./testing/answer-reader.ts";
import { sendAndEnd } from "./testing/connections.ts";
import { type Llhttp, startLlhttp } from "./testing/llhttp.ts";
import { hostileTrial, isOddInterim, startHostileUpstream } from "./testing/hostile-upstream.ts";
import { firstSeed, trials } from "./testing/seeded.ts";

/**
 * Mutated answers by the ten thousand (with `CROFT_SOAK=1` by the hundred thousand). On the visitor's connection
 * stand well-formed answers alone, in the order of the requests; one that cannot be had whole is an error of the
 * edge's own, or visibly breaks off; nothing that an upstream says beyond one answer is taken for the next.
 * llhttp reads what the visitor gets in the same way, and reads no other answer than the edge in the upstream's bytes.
 */

let edge: EdgeFixture;
let llhttp: Llhttp;
const upstream = startHostileUpstream();

beforeAll(async () => {
  edge = startEdge([routeTo(["site.test"], { kind: "replicas", replicas: [replicaAt(upstream.port)] })], {
    answerMs: 4_000,
    silenceMs: 4_000,
    leaveMs: 4_000,
  });
  llhttp = await startLlhttp();
}, 60_000);
afterAll(async () => {
  await edge.close();
  upstream.close();
  await llhttp.close();
}, 30_000);

const counts = { connections: 0, passedOn: 0, ownErrors: 0, brokenOff: 0, markers: 0 };

const one = async (seed: number): Promise<void> => {
  const { bytes, method, minor, after } = hostileTrial(seed);
  const fail = (what: string, text: string): never => {
    throw new Error(`seed ${seed}: ${what}: ${JSON.stringify([method, minor, bytes, text]).slice(0, 3_000)}`);
  };
  const keep = minor === 0 ? "Connection: keep-alive\r\n" : "";
  const text = await sendAndEnd("127.0.0.1", edge.port, [
    `${method} /hostile-${seed} HTTP/1.${minor}\r\nHost: site.test\r\n${keep}\r\n` +
      `GET /marker-${seed} HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n`,
  ]);
  counts.connections++;
  const finals: Answer[] = [];
  let at = 0;
  let isCut = false;
  while (at < text.length && finals.length < 3) {
    const answer = readAnswer(text, at, finals.length === 0 && method === "HEAD");
    if (answer === "wrong") fail("not an answer", text.slice(at));
    if (answer === "cut" || answer === "wrong") {
      isCut = true;
      break;
    }
    at = answer.end;
    if (answer.status >= 200) finals.push(answer);
    else if (minor === 0 || answer.status === 101 || answer.fields.has("content-length"))
      fail("an interim answer that may not be", text);
  }
  const [first, second] = finals;
  if (finals.length > 2) fail("more answers than requests", text);
  if (isCut && finals.length > 0) fail("the second answer is cut", text);
  if (first === undefined) {
    // For a visitor who has sent FIN an upstream that falls silent is waited for no longer than a moment.
    if (text === "" && after === "fin") fail("no answer at all", text);
    counts.brokenOff++;
    return;
  }
  if (second !== undefined) {
    if (second.fields.get("x-marker") !== String(seed) || second.body !== "marker")
      fail("not the second's answer", text);
    counts.markers++;
  }
  const heads = method === "HEAD" ? [0] : [];
  const visitors = await llhttp.read("response", text, heads);
  const read = visitors.messages.filter((it) => it.status >= 200);
  if (visitors.error !== null || read.length !== finals.length) fail(`llhttp: ${visitors.error}`, text);
  for (const [index, it] of read.entries())
    if (
      it.status !== finals[index]!.status ||
      Buffer.from(it.body, "base64").toString("latin1") !== finals[index]!.body
    )
      fail("llhttp reads another answer", text);
  const isOwn = first.status >= 502 && first.fields.get("cache-control") === "no-store";
  if (isOwn) {
    counts.ownErrors++;
    return;
  }
  counts.passedOn++;
  const theirs = (await llhttp.read("response", bytes, heads)).messages.find((it) => it.status >= 200);
  // A tab behind `chunked`, which is a blank like any other (RFC 9110 section 5.6.3), hides it from llhttp.
  if (isOddInterim(bytes) || /transfer-encoding:.*\t\r\n/i.test(bytes)) return;
  const body = Buffer.from(theirs?.body ?? "", "base64").toString("latin1");
  if (theirs?.status !== first.status || (theirs.complete && body !== first.body))
    fail("llhttp reads another upstream", text);
};

test("mutated answers: the visitor's connection stays in step", async () => {
  const first = firstSeed();
  const last = first + trials(8_000, 200_000);
  let next = first;
  const lane = async (): Promise<void> => {
    while (next < last) await one(next++);
  };
  await Promise.all(Array.from({ length: 96 }, lane));
  console.log(`${llhttp.version}: ${JSON.stringify(counts)}`);
  expect(counts.markers).toBeGreaterThan(counts.connections / 8);
  expect(counts.passedOn).toBeGreaterThan(counts.connections / 4);
  expect(edge.edge.visitors.size).toBe(0);
  const { meter, replicas } = edge.edge.router.byId.get("site.test")!;
  expect([meter.active, replicas[0]!.active]).toEqual([0, 0]);
}, 3_600_000);
