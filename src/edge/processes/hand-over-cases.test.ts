import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { connect as connectH2 } from "node:http2";
import { ensureEdge, handOverEdge } from "../spawn.ts";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { ended } from "../testing/edge-process.ts";
import { type EdgeProcesses, edgeProcesses } from "../testing/edge-processes.ts";
import { connectRaw, exchangeRaw } from "../testing/raw-client.ts";
import { okAnswer, startRawUpstream } from "../testing/raw-upstream.ts";
import { createAuthority } from "../tls/testing/authority.ts";

/** What a hand-over means for who is connected. */

const authority = createAuthority();
const server = Bun.serve({
  port: 0,
  development: false,
  idleTimeout: 0,
  async fetch(request, server) {
    const { pathname } = new URL(request.url);
    if (pathname === "/socket")
      return server.upgrade(request) ? undefined : new Response("", { status: 400 });
    if (pathname === "/slow") await Bun.sleep(700);
    if (pathname === "/events")
      return new Response(
        new ReadableStream({
          async pull(controller) {
            await Bun.sleep(50);
            controller.enqueue("data: tick\n\n");
          },
        }),
        { headers: { "Content-Type": "text/event-stream" } },
      );
    return new Response("hello");
  },
  websocket: {
    message(socket, message) {
      socket.send(message);
    },
  },
});
let edge: EdgeProcesses;
let port: number;
beforeEach(async () => {
  edge = edgeProcesses();
});
afterEach(() => edge.close());
afterAll(async () => {
  await server.stop(true);
  authority.remove();
});

const local = { host: "127.0.0.1", port: 0 };
const begin = async (more: Parameters<EdgeProcesses["wanted"]>[0] = {}): Promise<void> => {
  await ensureEdge(edge.wanted(more));
  await edge.client.putTable({
    version: 1,
    routes: [routeTo(["site.test", "127.0.0.1"], toPort(server.port!), {}, "a")],
  });
  port = (await edge.ports())[0]!;
};
const get = (path = "/", more = "") => `GET ${path} HTTP/1.1\r\nHost: site.test\r\n${more}\r\n`;
const pidOfLead = async (): Promise<number> => (await edge.client.health()).pid;
describe("who is connected", () => {
  test("a WebSocket and a stream of events stay until the deadline; then 1001, and the old process ends", async () => {
    await begin();
    const before = await pidOfLead();
    const socket = new WebSocket(`ws://127.0.0.1:${port}/socket`);
    await new Promise((resolve) => (socket.onopen = resolve));
    const closed = new Promise<CloseEvent>((resolve) => (socket.onclose = resolve));
    const echo = async (text: string): Promise<void> => {
      const echoed = new Promise((resolve) => (socket.onmessage = ({ data }) => resolve(data)));
      socket.send(text);
      expect(await echoed).toBe(text);
    };
    const events = await connectRaw(port);
    events.send(get("/events"));
    await events.until((text) => text.includes("tick"));
    await echo("before");
    await handOverEdge(edge.wanted({ drainMs: 1_500 }));
    expect(await pidOfLead()).not.toBe(before);
    expect((await edge.client.health()).retired).toBe(1);
    expect(Object.values(await edge.client.active())).toEqual([2]);
    await echo("after");
    const ticks = events.text().split("tick").length;
    await events.until((text) => text.split("tick").length > ticks + 3);
    expect((await closed).code).toBe(1001);
    await events.untilClosed();
    await ended(before);
    expect((await edge.client.health()).retired).toBe(0);
    // Both were counted by the process that is gone.
    expect((await edge.client.meters()).meters.a!.requests).toBe(2);
  }, 30_000);

  test("a kept connection gets its next answer, which says that it ends; what is under way ends well", async () => {
    await begin();
    const before = await pidOfLead();
    const idle = await connectRaw(port);
    idle.send(get());
    await idle.until((text) => text.endsWith("hello"));
    const slow = await connectRaw(port);
    slow.send(get("/slow"));
    while (Object.values(await edge.client.active())[0] !== 1) await Bun.sleep(5);
    // A head whose end comes later.
    const begun = await connectRaw(port);
    begun.send("GET / HTTP/1.1\r\n");
    await handOverEdge(edge.wanted());
    await slow.until((text) => text.endsWith("hello"));
    expect(idle.closed()).toBe(false);
    idle.send(get());
    const text = await idle.untilClosed();
    expect(text.match(/HTTP\/1.1 200 /g)?.length).toBe(2);
    expect(text).toEndWith("Connection: close\r\n\r\nhello");
    // Its head went out before the hand-over, so it was not told: it may ask once more.
    begun.send("Host: site.test\r\n\r\n");
    expect(await begun.untilClosed()).toEndWith("hello");
    slow.close();
    await ended(before);
  }, 30_000);

  test("a download and an upload outlast the deadline, since they would begin anew", async () => {
    const release: (() => void)[] = [];
    const upstream = startRawUpstream((text, socket) => {
      if (text.startsWith("GET")) {
        if (text.startsWith("GET /chunked")) {
          // As `git clone` gets it.
          socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
          release.push(() => socket.write("4\r\nhalf\r\n0\r\n\r\n"));
        } else {
          socket.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
          release.push(() => socket.write("half"));
        }
      } else if (text.endsWith("whole")) return okAnswer;
      return undefined;
    });
    await begin();
    const before = await pidOfLead();
    const routes = [routeTo(["site.test"], toPort(upstream.port), {}, "a")];
    await edge.client.putTable({ version: 2, routes });
    const download = await connectRaw(port);
    download.send(get());
    await download.until((text) => text.endsWith("half"));
    const clone = await connectRaw(port);
    clone.send(get("/chunked"));
    await clone.until((text) => text.includes("half"));
    const upload = await connectRaw(port);
    upload.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 10\r\n\r\nabcde");
    while (upstream.received().length < 3) await Bun.sleep(5);
    await handOverEdge(edge.wanted({ drainMs: 300 }));
    await Bun.sleep(1_000);
    for (const go of release) go();
    upload.send("whole");
    expect(await download.until((text) => text.endsWith("halfhalf"))).toContain("HTTP/1.1 200 ");
    expect(await clone.until((text) => text.endsWith("0\r\n\r\n"))).toContain("HTTP/1.1 200 ");
    expect(await upload.untilClosed()).toEndWith("Connection: close\r\n\r\nok");
    download.close();
    clone.close();
    await ended(before);
    upstream.close();
  }, 30_000);

  test("HTTP/2: sessions go elsewhere without losing a request", async () => {
    await begin({ listenTls: [local] });
    await edge.client.putCertificates({
      version: 1,
      certificates: [authority.issue(["site.test"])],
      fallback: "refuse",
    });
    const secure = (await edge.ports())[1]!;
    let over = false;
    let answered = 0;
    let sessions = 0;
    const failed: string[] = [];
    const visit = async (): Promise<void> => {
      while (!over) {
        const session = connectH2(`https://site.test:${secure}`, {
          ca: authority.ca,
          host: "127.0.0.1",
          servername: "site.test",
        } as never);
        session.on("error", (error: Error) => failed.push(`session: ${error.message}`));
        let leaving = false;
        session.on("goaway", () => (leaving = true));
        await new Promise((resolve) => session.once("connect", resolve));
        sessions++;
        while (!over && !leaving && !session.closed && !session.destroyed) {
          const status = await new Promise<unknown>((resolve) => {
            const request = session.request({ ":path": "/", ":authority": "site.test" });
            let status: unknown;
            request.on("response", (fields) => (status = fields[":status"]));
            request.on("data", () => {});
            request.on("end", () => resolve(status));
            request.on("error", (error: Error) => resolve(error.message));
            request.end();
          });
          if (status === 200) answered++;
          else failed.push(String(status));
        }
        session.close();
      }
    };
    const visitors = [visit(), visit(), visit()];
    for (let i = 0; i < 5; i++) {
      for (const enough = answered + 100; answered < enough && failed.length === 0;) await Bun.sleep(2);
      await handOverEdge(edge.wanted({ listenTls: [local] }));
    }
    for (const enough = answered + 100; answered < enough && failed.length === 0;) await Bun.sleep(2);
    over = true;
    await Promise.all(visitors);
    expect(failed).toEqual([]);
    expect(sessions).toBeGreaterThan(5);
    expect((await edge.client.meters()).meters.a!.requests).toBe(answered);
  }, 60_000);

  test("commands reach the process that drains: a table, a challenge, a drain", async () => {
    await begin();
    const before = await pidOfLead();
    const socket = await connectRaw(port);
    const upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    socket.send(get("/socket", `${upgrade}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n`));
    await socket.until((text) => text.startsWith("HTTP/1.1 101"));
    const idle = await connectRaw(port);
    idle.send(get());
    await idle.until((text) => text.endsWith("hello"));
    await edge.client.putChallenges([{ token: "tok", keyAuthorization: "tok.print", host: "new.test" }]);
    await handOverEdge(edge.wanted());
    // The new one knows what was put before.
    const challenge =
      "GET /.well-known/acme-challenge/tok HTTP/1.1\r\nHost: new.test\r\nConnection: close\r\n\r\n";
    expect(await exchangeRaw(port, challenge)).toEndWith("tok.print");
    const message = { kind: "message", status: 200, title: "another table", message: "" } as const;
    await edge.client.putTable({ version: 2, routes: [routeTo(["site.test"], message, {}, "a")] });
    idle.send(get());
    expect(await idle.untilClosed()).toContain("another table");
    expect(await edge.client.drain([`replica-${server.port}`], 100)).toEqual({ remaining: 1 });
    await ended(before);
  }, 30_000);
});
