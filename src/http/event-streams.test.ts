import { afterEach, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { Hono } from "hono";
import { createEventStreams } from "./event-streams.ts";
import type { AppEnv, UserActor } from "./request-env.ts";
import type { SseStream } from "./sse.ts";

const actorOf = (userId: string): UserActor => ({
  kind: "user",
  userId,
  username: userId,
  isAdmin: false,
  via: "key",
  ip: null,
  userAgent: null,
});

const open: { stop(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.stop();
});

interface Door {
  signedIn: boolean;
  allowed: boolean;
}

/** A server of event streams over real sockets, with a door that can be shut while a stream is open. */
const serve = (run: (stream: SseStream) => Promise<void>, door: Door, perPerson = 2) => {
  const streams = createEventStreams({ perPerson, heartbeatMs: 20 });
  const app = new Hono<AppEnv>().get("/:user", (c) => {
    c.set("stillSignedIn", async () => door.signedIn);
    const check = async () => {
      if (!door.allowed) throw new Error("not yours any more");
    };
    return streams.respond(c, actorOf(c.req.param("user")), check, run);
  });
  app.onError((error, c) => c.text(error.message, 429));
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, idleTimeout: 0, fetch: app.fetch });
  open.push({ stop: () => void server.stop(true) });
  return server;
};

const untilAborted = ({ signal }: SseStream): Promise<void> =>
  new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

/** A client that asks and then reads nothing. */
const deafClient = (port: number): Promise<Socket> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.pause();
      socket.write("GET /ada HTTP/1.1\r\nHost: x\r\n\r\n", () => resolve(socket));
    });
    socket.on("error", () => {});
    open.push({ stop: () => socket.destroy() });
  });

test("who is signed out, or may no longer look, is told nothing more", async () => {
  for (const shut of ["signedIn", "allowed"] as const) {
    const door: Door = { signedIn: true, allowed: true };
    const server = serve(async (stream) => {
      await stream.send({ event: "log", data: "hello" });
      await untilAborted(stream);
    }, door);
    const reader = (await fetch(`${server.url}ada`)).body!.getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toContain("hello");
    door[shut] = false;
    const rest = async () => {
      while (!(await reader.read()).done);
    };
    // The connection is cut: there is nothing more to say to this client.
    await expect(rest()).rejects.toMatchObject({ code: "ECONNRESET" });
  }
});

test("one person has so many streams at once, others theirs, and ended ones count no more", async () => {
  const server = serve(untilAborted, { signedIn: true, allowed: true });
  const first = new AbortController();
  // Held: an answer that nobody keeps may be collected, and its connection closed.
  const open = [await fetch(`${server.url}ada`, { signal: first.signal }), await fetch(`${server.url}ada`)];
  expect((await fetch(`${server.url}ada`)).status).toBe(429);
  expect((await fetch(`${server.url}bob`)).status).toBe(200);
  first.abort();
  let status = 429;
  while (status === 429) status = (await fetch(`${server.url}ada`)).status;
  expect(status).toBe(200);
  expect(open.map((answer) => answer.status)).toEqual([200, 200]);
});

test("a client that reads nothing holds its own stream up, and is cut off in the end", async () => {
  let sent = 0;
  const ended = Promise.withResolvers<void>();
  const server = serve(
    async (stream) => {
      stream.signal.addEventListener("abort", () => ended.resolve(), { once: true });
      for (; !stream.signal.aborted; sent++) await stream.send({ event: "log", data: "x".repeat(10_000) });
    },
    { signedIn: true, allowed: true },
  );
  await deafClient(server.port!);
  await ended.promise;
  // What the kernel's buffers on both sides and ours take: some megabytes at most.
  expect(sent * 10_000).toBeLessThan(50_000_000);
});
