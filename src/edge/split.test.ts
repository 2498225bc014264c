import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createReplica, noteAnswer, noteFailure, chooseReplica } from "./replica-pool.ts";
import type { ActiveRoute } from "./state.ts";
import { type EdgeFixture, replicaAt, routeTo, startEdge } from "./testing/edge-fixture.ts";
import { exchangeRaw } from "./testing/raw-client.ts";
import { type RawUpstream, startRawUpstream } from "./testing/raw-upstream.ts";

const saying = (word: string): RawUpstream =>
  startRawUpstream((text) =>
    text.endsWith("\r\n\r\n")
      ? `HTTP/1.1 200 OK\r\nContent-Length: ${word.length}\r\nConnection: close\r\n\r\n${word}`
      : undefined,
  );
const get = (fields = ""): string =>
  `GET / HTTP/1.1\r\nHost: site.test\r\n${fields}Connection: close\r\n\r\n`;

describe("a split", () => {
  let fixture: EdgeFixture;
  let old: RawUpstream;
  let next: RawUpstream;
  let random = 0;
  beforeAll(() => {
    fixture = startEdge([], {}, () => random);
  });
  afterAll(() => fixture.close());
  beforeEach(() => {
    old = saying("old");
    next = saying("new");
    fixture.route([
      routeTo(["site.test"], {
        kind: "replicas",
        replicas: [replicaAt(old.port, "old"), replicaAt(next.port, "new")],
        split: {
          cookie: "croft_group",
          maxAgeSeconds: 600,
          groups: [
            { name: "stable", weight: 90, replicaIds: ["old"] },
            { name: "canary", weight: 10, replicaIds: ["new"] },
            { name: "gone", weight: 100, replicaIds: ["other"] },
          ],
        },
      }),
    ]);
  });
  afterEach(() => {
    old.close();
    next.close();
  });
  const ask = (cookie = ""): Promise<string> =>
    exchangeRaw(fixture.port, get(cookie === "" ? "" : `Cookie: ${cookie}\r\n`));
  const cookieOf = (answer: string) => /Set-Cookie: (.*)\r\n/.exec(answer)?.[1];

  test("goes by weight, and brings visitors back to where they were", async () => {
    random = 0.89;
    const first = await ask();
    expect(first).toEndWith("old");
    expect(cookieOf(first)).toBe("croft_group=stable; Path=/; Max-Age=600; HttpOnly; SameSite=Lax");
    random = 0.9;
    const second = await ask();
    expect(second).toEndWith("new");
    expect(cookieOf(second)).toStartWith("croft_group=canary;");
    const back = await ask("a=b; croft_group=stable; c=d");
    expect(back).toEndWith("old");
    expect(cookieOf(back)).toBeUndefined();
    random = 0;
    expect(await ask("croft_group=canary")).toEndWith("new");
  });

  test("a group that is gone gives its visitors another one", async () => {
    random = 0;
    for (const name of ["gone", "unknown", ""]) {
      const answer = await ask(`croft_group=${name}`);
      expect(answer).toEndWith("old");
      expect(cookieOf(answer)).toStartWith("croft_group=stable;");
    }
  });

  test("a group whose replica fails gives way, and keeps its visitors", async () => {
    next.close();
    const answer = await ask("croft_group=canary");
    expect(answer).toEndWith("old");
    expect(cookieOf(answer)).toBeUndefined();
  });
});

describe("a replica that fails", () => {
  const target = (count: number) => {
    const replicas = Array.from({ length: count }, (_, i) => createReplica(replicaAt(i + 1)));
    return { replicas, route: { replicas } as unknown as ActiveRoute };
  };

  test("is left out, longer each time, and tried with one request before others follow", () => {
    const { replicas, route } = target(2);
    const [bad, good] = replicas as [ReturnType<typeof createReplica>, ReturnType<typeof createReplica>];
    good.active = 5;
    expect(chooseReplica(route, 0, null)).toBe(bad);
    noteFailure(bad, 0);
    noteFailure(bad, 10);
    expect(chooseReplica(route, 999, null)).toBe(good);
    expect(chooseReplica(route, 1_000, null)).toBe(bad);
    bad.active = 1;
    expect(chooseReplica(route, 1_001, null)).toBe(good);
    noteFailure(bad, 1_100);
    bad.active = 0;
    expect(chooseReplica(route, 3_000, null)).toBe(good);
    expect(chooseReplica(route, 3_100, null)).toBe(bad);
    for (let now = 3_100; now < 1e6; now = bad.avoidUntilMs) noteFailure(bad, now);
    expect(bad.avoidUntilMs).toBeLessThanOrEqual(1e6 + 30_000);
    noteAnswer(bad);
    bad.active = 1;
    expect(chooseReplica(route, 1e6, null)).toBe(bad);
  });

  test("is tried all the same when there is no other", () => {
    const { replicas, route } = target(2);
    for (const replica of replicas) noteFailure(replica, 0);
    replicas[0]!.active = 1;
    expect(chooseReplica(route, 1, null)).toBe(replicas[1]!);
    const single = target(1);
    noteFailure(single.replicas[0]!, 0);
    expect(chooseReplica(single.route, 1, null)).toBe(single.replicas[0]!);
  });

  test("that resets costs a repeatable request nothing, and others are answered 502", async () => {
    const resetting = startRawUpstream((_, socket) => void socket.terminate());
    const good = saying("good");
    const fixture = startEdge([
      routeTo(["site.test"], {
        kind: "replicas",
        replicas: [replicaAt(resetting.port, "bad"), replicaAt(good.port, "good")],
      }),
    ]);
    for (let i = 0; i < 5; i++) expect(await exchangeRaw(fixture.port, get())).toEndWith("good");
    expect(resetting.connections).toHaveLength(1);
    fixture.route([
      routeTo(["site.test"], { kind: "replicas", replicas: [replicaAt(resetting.port, "bad again")] }),
    ]);
    expect(
      await exchangeRaw(
        fixture.port,
        "POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
      ),
    ).toStartWith("HTTP/1.1 502");
    await fixture.close();
    resetting.close();
    good.close();
  });
});
