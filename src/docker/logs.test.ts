import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { NetworkRef } from "../domain/engine.ts";
import { type DockerFixture, dockerFixture, eventually } from "../testing/docker-fixture.ts";
import { createDemultiplexer } from "./demultiplex.ts";
import { createLineSplitter, maxLineChars } from "./line-splitter.ts";

setDefaultTimeout(30_000);

describe("line splitter", () => {
  const split = (...chunks: Uint8Array[]): string[] => {
    const lines: string[] = [];
    const splitter = createLineSplitter((line) => lines.push(line));
    for (const chunk of chunks) splitter.push(chunk);
    splitter.end();
    return lines;
  };
  const bytes = (text: string) => new TextEncoder().encode(text);

  test("lines over chunks, CRLF, empty lines, an unfinished end, a character cut in two", () => {
    const snow = bytes("snow ☃ man\r\n\nend");
    expect(split(snow.subarray(0, 6), snow.subarray(6))).toEqual(["snow ☃ man", "", "end"]);
  });

  test("a line without end comes in parts of bounded length and loses nothing", () => {
    const lines = split(...Array.from({ length: 100 }, () => bytes("x".repeat(1000))));
    expect(Math.max(...lines.map((line) => line.length))).toBe(maxLineChars);
    expect(lines.join("").length).toBe(100_000);
  });
});

test("demultiplexer: frames cut anywhere, even in their heads", () => {
  const frame = (stream: number, text: string) => {
    const body = new TextEncoder().encode(text);
    const head = new Uint8Array(8);
    head[0] = stream;
    new DataView(head.buffer).setUint32(4, body.length);
    return [...head, ...body];
  };
  const all = Uint8Array.from([...frame(1, "out"), ...frame(2, ""), ...frame(2, "error"), ...frame(1, "!")]);
  const seen: Record<number, string> = { 1: "", 2: "" };
  const feed = createDemultiplexer((stream, bytes) => (seen[stream] += new TextDecoder().decode(bytes)));
  for (const byte of all) feed(Uint8Array.of(byte));
  expect(seen).toEqual({ 1: "out!", 2: "error" });
});

describe("logs of a replica", () => {
  let fixture: DockerFixture;
  let network: NetworkRef;
  beforeAll(async () => {
    fixture = await dockerFixture();
    network = await fixture.network();
  });
  afterAll(() => fixture.cleanup());

  test("the tail holds the last lines of both outputs, also of one that ended", async () => {
    const { engine } = fixture;
    const { replicaId } = await fixture.start(
      "for i in 1 2 3 4 5; do echo line $i; done; echo bad >&2",
      network,
    );
    await eventually("end", async () => !(await engine.inspectReplica(replicaId))!.running);
    const all = await engine.logTail(replicaId, 100);
    expect(all.filter((line) => line !== "bad")).toEqual(["line 1", "line 2", "line 3", "line 4", "line 5"]);
    expect(all).toContain("bad");
    expect(await engine.logTail(replicaId, 2)).toHaveLength(2);
    await expect(engine.logTail("rep_nothere", 2)).rejects.toMatchObject({ code: "not_found" });
  });

  test("following ends with the replica, and begins where it is told", async () => {
    const { engine } = fixture;
    const sinceMs = Date.now() - 1000;
    const { replicaId } = await fixture.start(
      "echo one; sleep 1; echo two; head -c 40000 /dev/zero | tr '\\0' x",
      network,
    );
    const lines: string[] = [];
    await engine.followLogs(replicaId, sinceMs, (line) => lines.push(line), new AbortController().signal);
    expect(lines.slice(0, 2)).toEqual(["one", "two"]);
    expect(lines.slice(2).join("").length).toBe(40_000);
    const later: string[] = [];
    await engine.followLogs(
      replicaId,
      Date.now() + 60_000,
      (line) => later.push(line),
      new AbortController().signal,
    );
    expect(later).toEqual([]);
  });

  test("a tail of long lines is bounded; the newest stay", async () => {
    const { engine } = fixture;
    const { replicaId } = await fixture.start(
      "i=0; while [ $i -lt 300 ]; do i=$((i+1)); head -c 16000 /dev/zero | tr '\\0' x; echo; done; echo last",
      network,
    );
    await eventually("end", async () => !(await engine.inspectReplica(replicaId))!.running);
    const lines = await engine.logTail(replicaId, 2000);
    expect(lines.at(-1)).toBe("last");
    expect(lines.join("").length).toBeLessThanOrEqual(2_000_000);
    expect(lines.length).toBeGreaterThan(100);
  });

  test("a follower who takes nothing in holds the log up, and is given the rest when he goes on", async () => {
    const { engine } = fixture;
    const { replicaId } = await fixture.start(
      "i=0; while [ $i -lt 40000 ]; do i=$((i+1)); echo line number $i of a chatty app; done",
      network,
    );
    const room = Promise.withResolvers<void>();
    let seen = 0;
    const following = engine.followLogs(
      replicaId,
      0,
      () => {
        seen++;
        return room.promise;
      },
      new AbortController().signal,
    );
    await eventually("end", async () => !(await engine.inspectReplica(replicaId))!.running);
    await eventually("first lines", () => seen > 0);
    expect(seen).toBeLessThan(10_000);
    room.resolve();
    await following;
    expect(seen).toBe(40_000);
  });

  test("following ends with the signal", async () => {
    const { engine } = fixture;
    const { replicaId } = await fixture.start("echo ready; sleep 300", network);
    const controller = new AbortController();
    const lines: string[] = [];
    await engine.followLogs(
      replicaId,
      0,
      (line) => {
        lines.push(line);
        controller.abort();
      },
      controller.signal,
    );
    expect(lines).toEqual(["ready"]);
  });
});
