import { afterAll, afterEach, beforeEach, describe, expect, test } from "bun:test";
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectH2 } from "node:http2";
import { join } from "node:path";
import { ensureEdge, handOverEdge } from "../spawn.ts";
import { routeTo, toPort } from "../testing/edge-fixture.ts";
import { ended } from "../testing/edge-process.ts";
import { type EdgeProcesses, edgeProcesses } from "../testing/edge-processes.ts";
import { connectRaw, exchangeRaw } from "../testing/raw-client.ts";
import { okAnswer, startRawUpstream } from "../testing/raw-upstream.ts";
import { createAuthority } from "../tls/testing/authority.ts";
import { leadSocket, socketOf } from "./folder.ts";
import { processIdOf } from "./identity.ts";

/** What a hand-over means for who is connected, and what comes of one that fails half-way. */

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
const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
  for (let i = 0; !(await holds()); i++) {
    if (i > 500) throw new Error(`not within 10 s: ${what}`);
    await Bun.sleep(20);
  }
};

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

  test("a download and an upload outlast the deadline, since their end is in sight", async () => {
    const release: (() => void)[] = [];
    const upstream = startRawUpstream((text, socket) => {
      if (text.startsWith("GET")) {
        socket.write("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
        release.push(() => socket.write("half"));
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
    const upload = await connectRaw(port);
    upload.send("POST / HTTP/1.1\r\nHost: site.test\r\nContent-Length: 10\r\n\r\nabcde");
    while (upstream.received().length < 2) await Bun.sleep(5);
    await handOverEdge(edge.wanted({ drainMs: 300 }));
    await Bun.sleep(1_000);
    release[0]!();
    upload.send("whole");
    expect(await download.until((text) => text.endsWith("halfhalf"))).toContain("HTTP/1.1 200 ");
    expect(await upload.untilClosed()).toEndWith("Connection: close\r\n\r\nok");
    download.close();
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

describe("what fails half-way", () => {
  test("an edge that does not come up: the old one goes on", async () => {
    await begin();
    const before = await pidOfLead();
    const script = join(edge.dir, "broken.ts");
    writeFileSync(script, 'console.error(JSON.stringify({ message: "no such luck" })); process.exit(1)');
    const broken = { command: [process.execPath, script], version: "2" };
    await expect(ensureEdge(edge.wanted(broken))).rejects.toThrow(/ended at once: no such luck/);
    const taken = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    const elsewhere = [
      { host: "127.0.0.1", port },
      { host: "127.0.0.1", port: taken.port },
    ];
    await expect(ensureEdge(edge.wanted({ listen: elsewhere }))).rejects.toThrow(
      /is taken by another program/,
    );
    taken.stop(true);
    expect(await pidOfLead()).toBe(before);
    expect(await exchangeRaw(port, get("/", "Connection: close\r\n"))).toEndWith("hello");
  }, 30_000);

  test("killed at any moment, either of the two goes on, alone; no count is lost or doubled", async () => {
    await begin();
    const listen = [{ host: "127.0.0.1", port }];
    let asked = 0;
    let killedEarly = 0;
    for (let round = 0; round < 16; round++) {
      const before = await pidOfLead();
      const arguments_ = ["edge", "--dir", edge.dir, "--listen", `127.0.0.1:${port}`, "--take-over"];
      const next = Bun.spawn([process.execPath, join(import.meta.dir, "../entry.ts"), ...arguments_], {
        stdio: ["ignore", "ignore", "ignore"],
      });
      // A start takes about a tenth of a second.
      await Bun.sleep(40 + round * 10);
      process.kill(next.pid, "SIGKILL");
      await next.exited;
      // Also when the lead's name is with the dead one, whoever asks next finds an edge or starts one.
      await ensureEdge(edge.wanted({ listen }));
      const present = await pidOfLead();
      if (present === before) killedEarly++;
      await until("one lead", async () => {
        const { lead, starting } = await edge.roles();
        return lead.length === 1 && lead[0] === present && starting.length === 0;
      });
      for (let i = 0; i < 5; i++, asked++)
        expect(await exchangeRaw(port, get("/", "Connection: close\r\n"))).toEndWith("hello");
      expect((await edge.client.meters()).meters.a!.requests).toBe(asked);
      expect(await pidOfLead()).toBe(present);
    }
    expect(killedEarly).toBeGreaterThan(0);
  }, 60_000);

  test("a process that took over and died before it said so gives the lead back", async () => {
    await begin();
    const before = await pidOfLead();
    const other = Bun.spawn(["sleep", "60"]);
    const id = processIdOf(other.pid)!;
    // As far as one gets that is killed right after it has taken the lead.
    const listener = Bun.listen({ unix: socketOf(edge.dir, id), socket: { data() {} } });
    linkSync(socketOf(edge.dir, id), join(edge.dir, "beside.sock"));
    renameSync(join(edge.dir, "beside.sock"), leadSocket(edge.dir));
    other.kill("SIGKILL");
    await other.exited;
    // What asks it to leave in the name of a dead process is not believed.
    const own = processIdOf(before)!;
    const answer = await fetch("http://edge/own/retire", {
      unix: socketOf(edge.dir, own),
      method: "POST",
      body: JSON.stringify({ lead: id, deadlineMs: 0 }),
    });
    expect(answer.status).toBe(409);
    await until("the lead is back", async () => (await pidOfLead().catch(() => 0)) === before);
    listener.stop(true);
    expect(await exchangeRaw(port, get("/", "Connection: close\r\n"))).toEndWith("hello");
  }, 30_000);

  test("the lead's name is removed: it is there again within moments", async () => {
    await begin();
    const before = await pidOfLead();
    rmSync(leadSocket(edge.dir));
    await until("the name", async () => (await pidOfLead().catch(() => 0)) === before);
  }, 30_000);

  test("an edge of before hand-overs is told to stop", async () => {
    let stopped = 0;
    const former = Bun.serve({
      unix: leadSocket(edge.dir),
      fetch(request) {
        if (new URL(request.url).pathname === "/stop") {
          stopped++;
          return Response.json({});
        }
        const health = { pid: process.pid, version: "0.0.1", tableVersion: 0, startedAtMs: 0, listening: [] };
        return Response.json(health);
      },
    });
    await ensureEdge(edge.wanted());
    expect(stopped).toBe(1);
    expect(await pidOfLead()).not.toBe(process.pid);
    await former.stop(true);
    await until("the name", async () => (await pidOfLead().catch(() => 0)) > 0);
  }, 30_000);
});

test("what is damaged on disk does no harm to a hand-over", async () => {
  await begin();
  const table = join(edge.dir, "table.json");
  const whole = readFileSync(table);
  for (const cut of [0, 1, 70, whole.length - 1]) {
    writeFileSync(table, whole.subarray(0, cut));
    // Beside the one that is in use.
    rmSync(join(edge.dir, "limits-1.bin"));
    writeFileSync(join(edge.dir, "limits-1.bin"), whole.subarray(0, cut));
    writeFileSync(join(edge.dir, "meters-9-9-00000000.json"), whole.subarray(0, cut));
    await handOverEdge(edge.wanted());
    const { tableVersion } = await edge.client.health();
    expect(tableVersion).toBe(0);
    // The daemon sends it anew.
    await edge.client.putTable({
      version: 1,
      routes: [routeTo(["site.test"], toPort(server.port!), {}, "a")],
    });
    expect(await exchangeRaw(port, get("/", "Connection: close\r\n"))).toEndWith("hello");
  }
}, 30_000);
