import { expect, test } from "bun:test";
import { routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw } from "./testing/raw-client.ts";
import { splitRequests, startOkUpstream, startRawUpstream } from "./testing/raw-upstream.ts";

/**
 * Mutated requests against an edge and an upstream that records every byte. Whatever the mutation: the edge goes
 * on serving, and what reached the upstream is a sequence of plain requests that a second, naive parser reads the
 * same way. Seeded, so that a failure comes back; its seed is part of the message.
 */

const seeds = [
  "GET /path?q=1 HTTP/1.1\r\nHost: site.test\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n",
  "POST /form HTTP/1.1\r\nHost: site.test\r\nContent-Length: 11\r\nContent-Type: text/plain\r\n\r\nhello world",
  "POST /chunks HTTP/1.1\r\nHost: site.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-T: 1\r\n\r\n",
  "PUT /x HTTP/1.1\r\nHost: site.test\r\nConnection: keep-alive, x-drop\r\nX-Drop: 1\r\nContent-Length: 3\r\n\r\nabc",
  "GET http://site.test/abs HTTP/1.1\r\nHost: site.test\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
  "HEAD / HTTP/1.0\r\nHost: site.test\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n",
];
const morsels = [
  ..."\r\n",
  "\r\n",
  "\n",
  "\r",
  "\0",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "\x0b",
  "\x7f",
  "\xff",
  "_",
  "0",
  "1",
  "f",
  "-",
  "+",
  "\r\n\r\n",
  "\r\n ",
  "Content-Length: 5\r\n",
  "Content-Length: 0\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Host: evil.test\r\n",
  "Transfer-Encoding : chunked\r\n",
  "Transfer-Encoding: identity\r\n",
  "content_length: 5\r\n",
  "Connection: content-length, host\r\n",
  "0\r\n\r\n",
  "ffffffffffff",
  "GET /smuggled HTTP/1.1\r\nHost: site.test\r\n\r\n",
  " HTTP/1.1",
  "chunked",
  "Expect: 100-continue\r\n",
];

/** Small seeded generator (mulberry32): the same numbers everywhere. */
const generator = (seed: number) => (): number => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
};

const mutate = (random: () => number, from: readonly string[]): string => {
  const pick = (length: number): number => Math.floor(random() * length);
  let text = from[pick(from.length)]!;
  for (let n = 1 + pick(3); n > 0; n--) {
    const at = pick(text.length + 1);
    const length = pick(4);
    const kind = pick(5);
    if (kind === 0) text = text.slice(0, at) + text.slice(at + length);
    else if (kind === 1) text = text.slice(0, at) + morsels[pick(morsels.length)] + text.slice(at);
    else if (kind === 2)
      text = text.slice(0, at) + morsels[pick(morsels.length)] + text.slice(at + length + 1);
    else if (kind === 3) text = text.slice(0, at) + String.fromCharCode(pick(256)) + text.slice(at + 1);
    else {
      // At a line's start, where whole fields make sense.
      const lineStart = text.indexOf("\r\n", at) + 2;
      text = text.slice(0, lineStart) + morsels[pick(morsels.length)] + text.slice(lineStart);
    }
  }
  return text;
};

/** What is wrong with bytes that reached the upstream; "" when they are plain requests in one reading. */
const problemOf = (received: string): string => {
  for (const { head } of splitRequests(received)) {
    const lines = head.split("\r\n");
    if (/[\r\n\0]/.test(lines.join(""))) return `stray control byte in ${JSON.stringify(head)}`;
    if (!/^[!#-'*+.^-z|~A-Z0-9-]+ (\/[!-"$-~]*|\*) HTTP\/1\.1$/.test(lines[0]!))
      return `request line ${lines[0]}`;
    const names = lines.slice(1).map((line) => line.slice(0, line.indexOf(":")).toLowerCase());
    if (names.some((name) => !/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)))
      return `name in ${JSON.stringify(head)}`;
    const count = (name: string): number => names.filter((it) => it.replaceAll("_", "-") === name).length;
    if (count("host") !== 1) return `hosts in ${JSON.stringify(head)}`;
    if (!/\r\nHost: *site\.test\.?(:\d*)?(\r\n|$)/i.test(head))
      return `foreign host in ${JSON.stringify(head)}`;
    if (count("content-length") + count("transfer-encoding") > 1)
      return `two framings in ${JSON.stringify(head)}`;
    if (count("x-forwarded-for") !== 1 || /\r\nx-forwarded-for: *6/i.test(head))
      return `provenance in ${JSON.stringify(head)}`;
  }
  return "";
};

test("4000 mutated requests: the edge serves on, the upstream never sees a second reading", async () => {
  const upstream = startOkUpstream();
  const fixture = startEdge([routeTo(["site.test"], toPort(upstream.port))], {
    headMs: 400,
    bodyMs: 400,
    keepAliveMs: 400,
  });
  const first = Number(process.env.CROFT_FUZZ_SEED ?? 1);
  const rounds = Number(process.env.CROFT_FUZZ_ROUNDS ?? 4_000);
  let answered = 0;
  const one = async (seed: number): Promise<void> => {
    const random = generator(seed);
    const text = mutate(random, seeds);
    const client = await connectRaw(fixture.port);
    // In one piece or cut somewhere.
    const cut = random() < 0.5 ? Math.floor(random() * text.length) : text.length;
    client.send(text.slice(0, cut));
    if (cut < text.length) {
      await Bun.sleep(1);
      client.send(text.slice(cut));
    }
    // Behind it a request that must be answered by itself or not at all.
    client.send(`GET /behind-${seed} HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n`);
    const answer = await client.untilClosed(8_000);
    client.close();
    answered += answer.match(/HTTP\/1\.1 200 OK\r\n/g)?.length ?? 0;
    if (answer !== "" && !answer.startsWith("HTTP/1.1 "))
      throw new Error(`seed ${seed}: ${JSON.stringify(answer)}`);
  };
  for (let at = first; at < first + rounds; at += 100)
    await Promise.all(Array.from({ length: Math.min(100, first + rounds - at) }, (_, i) => one(at + i)));

  for (const received of upstream.received()) expect(problemOf(received)).toBe("");
  // Each whole request that the second parser finds is one that the edge had answered as such.
  const seen = upstream.received().reduce((sum, received) => sum + splitRequests(received).length, 0);
  expect(seen).toBe(answered);
  // Every answer the edge let through belongs to a request: nothing is left in flight.
  expect(fixture.edge.visitors.size).toBe(0);
  const { meter, replicas } = fixture.edge.router.byId.get("site.test")!;
  expect([meter.active, replicas[0]!.active]).toEqual([0, 0]);
  const client = await connectRaw(fixture.port);
  client.send("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n");
  await client.until((text) => text.endsWith("ok"));
  client.close();
  await fixture.close();
  upstream.close();
}, 120_000);

const answers = [
  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
  "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
  "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
  "HTTP/1.0 200 OK\r\nConnection: keep-alive, x-drop\r\nX-Drop: 1\r\nContent-Length: 0\r\n\r\n",
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x01a",
];

test("2000 mutated answers: the edge serves on, and no other request gets a piece of them", async () => {
  const upstream = startRawUpstream((text, socket) => {
    const target = /^[\s\S]*GET \/([a-z]+)-(\d+) HTTP\/1\.1\r\n/.exec(text);
    if (target === null || !text.endsWith("\r\n\r\n")) return undefined;
    const [, kind, seed] = target;
    if (kind === "plain") return `HTTP/1.1 200 OK\r\nContent-Length: ${seed!.length}\r\n\r\n${seed}`;
    const random = generator(Number(seed));
    const answer = mutate(random, answers);
    if (random() < 0.3) socket.end(Buffer.from(answer, "latin1"));
    return random() < 0.3 ? undefined : answer;
  });
  const fixture = startEdge([routeTo(["site.test"], toPort(upstream.port))], {
    keepAliveMs: 300,
    answerMs: 300,
    silenceMs: 300,
  });
  const one = async (seed: number): Promise<void> => {
    const strange = await connectRaw(fixture.port);
    const upgrade = seed % 4 === 0 ? "Connection: Upgrade\r\nUpgrade: websocket\r\n" : "";
    strange.send(`GET /strange-${seed} HTTP/1.1\r\nHost: site.test\r\n${upgrade}\r\n`);
    await strange.until((text) => text.includes("\r\n\r\n"), 8_000);
    const plain = await connectRaw(fixture.port);
    plain.send(`GET /plain-${seed} HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n`);
    const answer = await plain.untilClosed(8_000);
    strange.close();
    const expected = `HTTP/1.1 200 OK\r\nContent-Length: ${String(seed).length}\r\nConnection: close\r\n\r\n${seed}`;
    if (answer !== expected) throw new Error(`seed ${seed}: ${JSON.stringify(answer)}`);
  };
  const first = Number(process.env.CROFT_FUZZ_SEED ?? 1);
  const rounds = Number(process.env.CROFT_FUZZ_ROUNDS ?? 2_000);
  for (let at = first; at < first + rounds; at += 100)
    await Promise.all(Array.from({ length: Math.min(100, first + rounds - at) }, (_, i) => one(at + i)));
  const { meter, replicas } = fixture.edge.router.byId.get("site.test")!;
  while (meter.active > 0) await Bun.sleep(10);
  expect(replicas[0]!.active).toBe(0);
  expect(meter.status2xx).toBeGreaterThanOrEqual(rounds);
  await fixture.close();
  upstream.close();
}, 120_000);
