import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { OnOutput } from "../domain/command-process.ts";
import { silentLog } from "../domain/log.ts";
import { conflict } from "../errors.ts";
import type { CommandRequest, Session, SessionEnd, Sessions } from "../runs/sessions.ts";
import { eventually } from "../testing/docker-fixture.ts";
import { type TerminalClient, terminalClient } from "../testing/terminal-client.ts";
import { terminalProtocol, terminalSocket } from "./terminal-socket.ts";
import { type SocketData, webSockets } from "./web-sockets.ts";

// The protocol over real sockets; the commands behind it are made up, so that they can be as slow as it takes. Real
// ones are in src/testing/e2e/runs.test.ts.

let server: Bun.Server<SocketData>;
let url: string;
let request: CommandRequest | null;
let print: OnOutput;
let typed: Uint8Array[];
let did: string[];
let finish: (end: SessionEnd) => void;
/** Until then no input is taken. */
let mayTake: Promise<unknown>;
/** Until then a size is not set. */
let maySize: Promise<unknown>;
let refusal: Error | null;

const sessions: Pick<Sessions, "open"> = {
  open: async (given, onOutput) => {
    if (refusal) throw refusal;
    request = given;
    print = onOutput;
    const ended = Promise.withResolvers<SessionEnd>();
    finish = ended.resolve;
    const session: Session = {
      runId: "run_1",
      write: async (bytes) => {
        await mayTake;
        typed.push(bytes);
      },
      endInput: () => void did.push("end"),
      resize: async ({ columns, rows }) => {
        did.push(`${columns}x${rows}`);
        await maySize;
      },
      leave: () => {
        did.push("leave");
        ended.resolve({ status: "cancelled", exitCode: 137, oomKilled: false, reason: "left" });
      },
      ended: ended.promise,
    };
    return session;
  },
};

beforeAll(() => {
  server = Bun.serve<SocketData>({
    hostname: "127.0.0.1",
    port: 0,
    websocket: webSockets,
    fetch: (asked, serving) => {
      const handler = terminalSocket({
        log: { ...silentLog, error: (message) => void did.push(message) },
        sessions: sessions as Sessions,
        who: {} as never,
      });
      const headers = { "Sec-WebSocket-Protocol": terminalProtocol };
      return serving.upgrade(asked, { headers, data: { handler, drained: null } })
        ? undefined
        : new Response("no", { status: 400 });
    },
  });
  url = `ws://127.0.0.1:${server.port}/`;
});
afterAll(() => server.stop(true));
beforeEach(() => {
  request = null;
  typed = [];
  did = [];
  mayTake = Promise.resolve();
  maySize = Promise.resolve();
  refusal = null;
});

const opened = async (start?: object | null): Promise<TerminalClient> => {
  const client = terminalClient(url, {}, start);
  await eventually("it is open", () => client.socket.readyState === WebSocket.OPEN);
  return client;
};
const started = (client: TerminalClient) =>
  eventually("it is started", () => client.said().some(({ type }) => type === "started"));

test("what is typed arrives in order and is said to be taken; then its end, and the command's", async () => {
  const client = await opened({ command: ["cat"], terminal: { columns: 80, rows: 24 } });
  client.type("one ");
  client.type("two");
  client.say({ type: "end" });
  await eventually("its end", () => did.includes("end"));
  expect(Buffer.concat(typed).toString()).toBe("one two");
  client.say({ type: "resize", columns: 100, rows: 30 });
  await eventually("its size", () => did.includes("100x30"));
  expect(request).toMatchObject({
    kind: "exec",
    argv: ["cat"],
    terminal: { columns: 80, rows: 24 },
    inReplica: false,
  });
  await print("stdout", new TextEncoder().encode("out"));
  finish({ status: "failed", exitCode: 3, oomKilled: false, reason: null });
  expect(await client.closed).toMatchObject({ code: 4000 });
  expect(client.output()).toBe("out");
  expect(client.said()).toEqual([
    expect.objectContaining({ type: "started", run: "run_1" }),
    { type: "taken", bytes: 4 },
    { type: "taken", bytes: 3 },
    { type: "exit", status: "failed", exitCode: 3, reason: null },
  ]);
});

test("of a flood of sizes the engine is asked for one at a time, and for the last", async () => {
  const first = Promise.withResolvers<void>();
  maySize = first.promise;
  const client = await opened({ terminal: { columns: 80, rows: 24 } });
  await started(client);
  for (let columns = 1; columns <= 1000; columns++) client.say({ type: "resize", columns, rows: 30 });
  // It is handled after them.
  client.type("typed");
  await eventually("what came last", () => typed.length === 1);
  expect(did).toEqual(["1x30"]);
  first.resolve();
  await eventually("its last size", () => did.includes("1000x30"));
  expect(did).toEqual(["1x30", "1000x30"]);
  client.socket.close();
  await client.closed;
});

test("a shell is what a terminal gets that asks for nothing else", async () => {
  const client = await opened({ terminal: { columns: 80, rows: 24 }, inReplica: true });
  await started(client);
  expect(request).toMatchObject({ kind: "terminal", inReplica: true, stdin: true });
  client.socket.close();
  await eventually("it is left", () => did.includes("leave"));
});

test("without a terminal each piece says which output it is", async () => {
  const pieces: number[][] = [];
  const client = await opened({ command: ["x"] });
  client.socket.onmessage = ({ data }) => {
    if (typeof data !== "string") pieces.push([...new Uint8Array(data as ArrayBuffer)]);
  };
  await eventually("it is started", () => request !== null);
  await print("stdout", new Uint8Array([7]));
  await print("stderr", new Uint8Array([8]));
  await eventually("both", () => pieces.length === 2);
  expect(pieces).toEqual([
    [1, 7],
    [2, 8],
  ]);
  client.socket.close();
});

test("no more output is under way than the client's window holds, until it took that", async () => {
  const client = await opened({ command: ["yes"], terminal: { columns: 80, rows: 24 }, window: 16_384 });
  await started(client);
  await print("stdout", new Uint8Array(16_000));
  let went = false;
  const waiting = Promise.resolve(print("stdout", new Uint8Array(1000))).then(() => (went = true));
  await eventually("it came", () => client.output().length === 17_000);
  expect(went).toBe(false);
  client.say({ type: "taken", bytes: 1000 });
  await waiting;
  // And one who leaves holds nobody up.
  const last = Promise.resolve(print("stdout", new Uint8Array(20_000)));
  client.socket.close();
  await last;
});

test("who sends more than the command takes is cut off, by bytes and by messages", async () => {
  for (const flood of ["bytes", "messages"]) {
    mayTake = new Promise(() => {});
    const client = await opened({ command: ["sleep"], terminal: { columns: 80, rows: 24 } });
    await started(client);
    for (let i = 0; i < 2000 && client.socket.readyState === WebSocket.OPEN; i++)
      if (flood === "bytes") client.type("x".repeat(10_000));
      else client.say({ type: "end" });
    if (flood === "messages") client.type("x");
    for (let i = 0; flood === "messages" && i < 2000; i++) client.say({ type: "end" });
    expect(await client.closed).toMatchObject({ code: 1009 });
    expect(did).toContain("leave");
  }
});

test.each([
  ["no JSON", "{"],
  ["null", "null"],
  ["a list", "[]"],
  ["something else first", '{"type":"resize","columns":1,"rows":1}'],
  ["an unknown type", '{"type":"stop"}'],
  ["no command", '{"type":"start","command":[]}'],
  ["a size that is none", '{"type":"start","terminal":{"columns":0,"rows":99999}}'],
  ["NUL", '{"type":"start","command":["a\\u0000b"]}'],
])("%s is refused in words, and nothing is started", async (_, text) => {
  const client = await opened(null);
  client.socket.send(text);
  expect(await client.closed).toMatchObject({ code: 4400 });
  expect(client.said()).toMatchObject([{ type: "error", code: "invalid_input" }]);
  expect(request).toBeNull();
});

test("a second start ends the first", async () => {
  const client = await opened();
  await started(client);
  client.say({ type: "start" });
  expect(await client.closed).toMatchObject({ code: 4400 });
  expect(did).toContain("leave");
});

test("why nothing could be started is told", async () => {
  refusal = conflict("the site has no release yet");
  const client = terminalClient(url, {});
  expect(await client.closed).toMatchObject({ code: 4400, reason: "the site has no release yet" });
  expect(client.said()).toEqual([
    { type: "error", code: "conflict", message: "the site has no release yet" },
  ]);
  refusal = new TypeError("the inside of Croft");
  const other = terminalClient(url, {});
  await other.closed;
  expect(JSON.stringify(other.said())).not.toContain("the inside");
  expect(did).toEqual(["a terminal failed"]);
});
