import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type EdgeFixture, routeTo, startEdge, toPort } from "./testing/edge-fixture.ts";
import { connectRaw, exchangeRaw } from "./testing/raw-client.ts";
import {
  dated,
  okAnswer,
  type RawUpstream,
  startOkUpstream,
  startRawUpstream,
} from "./testing/raw-upstream.ts";

/** One request and its answer through the edge, in every framing. */

let fixture: EdgeFixture;
const upstreams: RawUpstream[] = [];
const site = (respond: Parameters<typeof startRawUpstream>[0]): RawUpstream => {
  const upstream = startRawUpstream(respond);
  upstreams.push(upstream);
  fixture.route([routeTo(["site.test"], toPort(upstream.port))]);
  return upstream;
};
const answering = (answer: string): RawUpstream =>
  site((text) => (text.endsWith("\r\n\r\n") ? answer : undefined));

beforeAll(() => {
  fixture = startEdge([]);
});
afterAll(async () => {
  await fixture.close();
  for (const upstream of upstreams) upstream.close();
});

const host = "Host: site.test\r\n";
const get = `GET / HTTP/1.1\r\n${host}\r\n`;

describe("answers", () => {
  test("with a length, on kept connections on both sides", async () => {
    const upstream = answering(okAnswer);
    const client = await connectRaw(fixture.port);
    for (let i = 1; i <= 3; i++) {
      client.send(get);
      await client.until((text) => text === okAnswer.repeat(i));
    }
    client.close();
    expect(upstream.connections).toHaveLength(1);
  });

  test("chunked ones are framed anew, trailers kept", async () => {
    answering(
      `HTTP/1.1 200 OK\r\n${dated}Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n`,
    );
    const client = await connectRaw(fixture.port);
    client.send(get);
    const text = await client.until((text) => text.endsWith("X-Sum: 5\r\n\r\n"));
    client.close();
    expect(text).toBe(
      `HTTP/1.1 200 OK\r\n${dated}Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nX-Sum: 5\r\n\r\n`,
    );
  });

  test("chunked ones reach an HTTP/1.0 visitor plain, ended by the connection's end", async () => {
    answering(
      `HTTP/1.1 200 OK\r\n${dated}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`,
    );
    const text = await exchangeRaw(fixture.port, `GET / HTTP/1.0\r\n${host}Connection: keep-alive\r\n\r\n`);
    expect(text).toBe(`HTTP/1.1 200 OK\r\n${dated}Connection: close\r\n\r\nabcde`);
  });

  test("ended by the upstream's connection: chunked for HTTP/1.1, whose connection goes on", async () => {
    site((text, socket) => {
      if (!text.endsWith("\r\n\r\n")) return;
      socket.write(`HTTP/1.1 200 OK\r\n${dated}\r\nabc`);
      setTimeout(() => socket.end("def"), 20);
    });
    const client = await connectRaw(fixture.port);
    client.send(get);
    const text = await client.until((text) => text.endsWith("0\r\n\r\n"));
    expect(text).toBe(
      `HTTP/1.1 200 OK\r\n${dated}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n`,
    );
    client.send(get);
    await client.until((text) => text.match(/\r\n0\r\n\r\n/g)?.length === 2);
    client.close();
  });

  test("an HTTP/1.0 visitor may keep its connection when the length is known", async () => {
    answering(okAnswer);
    const client = await connectRaw(fixture.port);
    const request = `GET / HTTP/1.0\r\n${host}Connection: keep-alive\r\n\r\n`;
    client.send(request);
    await client.until((text) => text.endsWith("ok"));
    client.send(request);
    const text = await client.until((text) => text.match(/ok/g)?.length === 2);
    client.close();
    expect(text).toContain("Connection: keep-alive\r\n");
  });

  test("to HEAD, 204 and 304 have no body, whatever their fields say", async () => {
    let answer = `HTTP/1.1 200 OK\r\n${dated}Content-Length: 50\r\n\r\n`;
    site((text) => (text.endsWith("\r\n\r\n") ? answer : undefined));
    const client = await connectRaw(fixture.port);
    client.send(`HEAD / HTTP/1.1\r\n${host}\r\n`);
    await client.until((text) => text.endsWith("Content-Length: 50\r\n\r\n"));
    answer = `HTTP/1.1 304 Not Modified\r\n${dated}Content-Length: 50\r\n\r\n`;
    client.send(get);
    await client.until((text) => text.endsWith(`304 Not Modified\r\n${dated}Content-Length: 50\r\n\r\n`));
    answer = `HTTP/1.1 204 No Content\r\n${dated}Content-Length: 3\r\n\r\n`;
    client.send(get);
    await client.until((text) => text.endsWith(`HTTP/1.1 204 No Content\r\n${dated}\r\n`));
    answer = `HTTP/1.1 200 OK\r\n${dated}Transfer-Encoding: chunked\r\n\r\n`;
    client.send(`HEAD / HTTP/1.1\r\n${host}\r\n`);
    await client.until((text) =>
      text.endsWith(`204 No Content\r\n${dated}\r\nHTTP/1.1 200 OK\r\n${dated}\r\n`),
    );
    client.close();
  });

  test("interim ones are passed on, to HTTP/1.1 only", async () => {
    answering(`HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n${okAnswer}`);
    const client = await connectRaw(fixture.port);
    client.send(get);
    const text = await client.until((text) => text.endsWith("ok"));
    client.close();
    expect(text).toBe(`HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n${okAnswer}`);
    const old = await exchangeRaw(fixture.port, `GET / HTTP/1.0\r\n${host}\r\n`);
    expect(old).toStartWith(`HTTP/1.1 200 OK\r\n${dated}`);
  });

  test("say when they were made: by the app, or else by the edge, which adds no word on itself", async () => {
    for (const own of ["", "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\nServer: app/1\r\n"]) {
      answering(`HTTP/1.1 200 OK\r\n${own}Content-Length: 2\r\n\r\nok`);
      const client = await connectRaw(fixture.port);
      client.send(get);
      const text = await client.until((text) => text.endsWith("ok"));
      client.close();
      const dates = [...text.matchAll(/^Date: (.*)\r$/gim)].map(([, date]) => date!);
      expect(dates).toHaveLength(1);
      if (own === "") expect(dates[0]).toBe(new Date(Date.parse(dates[0]!)).toUTCString());
      else expect(text).toContain(own);
      expect(text.match(/^server: .*/gim)?.length ?? 0).toBe(own === "" ? 0 : 1);
      expect(Math.abs(Date.parse(dates[0]!) - Date.now()) < 60_000).toBe(own === "");
    }
    const unknown = await exchangeRaw(
      fixture.port,
      "GET / HTTP/1.1\r\nHost: no.test\r\nConnection: close\r\n\r\n",
    );
    expect(unknown).toMatch(/^Date: /m);
    expect(unknown).not.toMatch(/^(server|via): /im);
  });

  test("of the edge's own name the request, as the app would have been told", async () => {
    const upstream = site(() => "no answer");
    const client = await connectRaw(fixture.port);
    client.send(get);
    const text = await client.until((text) => text.includes("</html>"));
    client.close();
    const [, id] = /^X-Request-Id: ([0-9a-f]{12}-[0-9a-f]+)\r$/m.exec(text)!;
    expect(upstream.received().join("")).toContain(`X-Request-Id: ${id}\r\n`);
  });

  test("lose hop-by-hop fields, those named by Connection included", async () => {
    answering(
      `HTTP/1.1 200 OK\r\n${dated}Connection: keep-alive, X-Inner\r\nX-Inner: 1\r\nKeep-Alive: timeout=5\r\n` +
        "Proxy-Authenticate: x\r\nUpgrade: h2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n",
    );
    const client = await connectRaw(fixture.port);
    client.send(get);
    const text = await client.until((text) => text.endsWith("\r\n\r\n"));
    client.close();
    expect(text).toBe(
      `HTTP/1.1 200 OK\r\n${dated}Set-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n`,
    );
  });

  test("heads that come in pieces", async () => {
    site((text, socket) => {
      if (!text.endsWith("\r\n\r\n")) return;
      const bytes = okAnswer.split("");
      const next = (): void => {
        const byte = bytes.shift();
        if (byte === undefined) return;
        socket.write(byte);
        socket.flush();
        setTimeout(next, 1);
      };
      next();
    });
    const client = await connectRaw(fixture.port);
    client.send(get);
    expect(await client.until((text) => text.endsWith("ok"))).toBe(okAnswer);
    client.close();
  });

  const invalid: [string, string][] = [
    ["not HTTP", "SSH-2.0-OpenSSH\r\n"],
    ["two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"],
    [
      "length and chunked",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"],
    ["bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"],
    ["field with NUL", "HTTP/1.1 200 OK\r\nX: \0\r\n\r\n"],
    ["status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
    ["status 600", "HTTP/1.1 600 What\r\n\r\n"],
    ["an upgrade that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"],
    ["a huge head", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(40_000)}\r\n\r\n`],
  ];
  test.each(invalid)("that cannot be trusted become 502: %s", async (_name, answer) => {
    answering(answer);
    const client = await connectRaw(fixture.port);
    client.send(get);
    const text = await client.until((text) => text.includes("</html>"));
    client.close();
    expect(text).toStartWith("HTTP/1.1 502 Bad Gateway\r\n");
  });

  test("cut in the middle are visibly cut: length, chunked, bad chunk", async () => {
    for (const answer of [
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    ]) {
      site((text, socket) => {
        if (text.endsWith("\r\n\r\n")) socket.end(answer);
      });
      const text = await exchangeRaw(fixture.port, get);
      expect(text).not.toContain("\r\n0\r\n");
      expect(text).not.toContain("502");
    }
  });

  test("bytes behind an answer are not given to the next request", async () => {
    const upstream = answering(`${okAnswer}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`);
    const client = await connectRaw(fixture.port);
    client.send(get);
    await client.until((text) => text.endsWith("ok"));
    client.send(get);
    await client.until((text) => text === okAnswer.repeat(2));
    client.close();
    expect(upstream.connections).toHaveLength(2);
  });
});

describe("requests", () => {
  test("pipelined ones are answered one after the other, in order", async () => {
    let inFlight = 0;
    let most = 0;
    site((text, socket) => {
      if (!text.endsWith("\r\n\r\n")) return;
      most = Math.max(most, ++inFlight);
      const path = text.slice(text.lastIndexOf("GET ") + 4, text.lastIndexOf(" HTTP"));
      setTimeout(() => {
        inFlight--;
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${path.length}\r\n\r\n${path}`);
      }, 5);
    });
    const client = await connectRaw(fixture.port);
    client.send(["/a", "/b", "/c"].map((path) => `GET ${path} HTTP/1.1\r\n${host}\r\n`).join(""));
    const text = await client.until((text) => text.endsWith("/c"));
    client.close();
    expect(text.match(/\/[abc]/g)).toEqual(["/a", "/b", "/c"]);
    expect(most).toBe(1);
  });

  test("bodies with a length or chunked arrive whole, then the connection goes on", async () => {
    const upstream = startOkUpstream();
    upstreams.push(upstream);
    fixture.route([routeTo(["site.test"], toPort(upstream.port))]);
    const client = await connectRaw(fixture.port);
    client.send(`POST /1 HTTP/1.1\r\n${host}Content-Length: 5\r\n\r\nab`);
    await Bun.sleep(10);
    client.send("cde");
    await client.until((text) => text === okAnswer);
    client.send(`POST /2 HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r`);
    await Bun.sleep(10);
    client.send("\n3\r\ncde\r\n0\r\n\r\n");
    await client.until((text) => text === okAnswer.repeat(2));
    client.send(get);
    await client.until((text) => text === okAnswer.repeat(3));
    client.close();
    const seen = upstream.received().join("");
    expect(seen).toContain("Content-Length: 5\r\n");
    expect(seen).toContain("\r\n\r\nabcde");
    expect(seen).toContain("2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n");
  });

  test("Expect: 100-continue is passed on, and the go-ahead comes back", async () => {
    const upstream = site((text) => {
      if (text.endsWith("\r\n\r\n")) return "HTTP/1.1 100 Continue\r\n\r\n";
      return text.endsWith("body") ? okAnswer : undefined;
    });
    const client = await connectRaw(fixture.port);
    client.send(`POST / HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n`);
    await client.until((text) => text === "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body");
    await client.until((text) => text.endsWith("ok"));
    client.close();
    expect(upstream.received()[0]).toContain("Expect: 100-continue\r\n");
  });

  test("an answer before the body's end is passed on and ends the connection", async () => {
    const upstream = site((text) =>
      text.endsWith("\r\n\r\n") ? "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno" : undefined,
    );
    const client = await connectRaw(fixture.port);
    client.send(`POST / HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 40\r\n\r\n`);
    await client.until((text) => text.endsWith("no"));
    client.send(get);
    await client.untilClosed();
    expect(client.text()).toContain("Connection: close\r\n");
    expect(client.text().match(/HTTP/g)).toHaveLength(1);
    expect(upstream.received()).toHaveLength(1);
  });

  test("a stream of events arrives event by event", async () => {
    let events: { write(text: string): void } | null = null;
    site((_text, socket) => {
      events = socket as never;
      return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    });
    const client = await connectRaw(fixture.port);
    client.send(get);
    await client.until((text) => text.endsWith("\r\n\r\n"));
    for (const event of ["data: 1\n\n", "data: 2\n\n"]) {
      events!.write(`9\r\n${event}\r\n`);
      await client.until((text) => text.includes(event));
    }
    client.close();
  });

  test("a visitor who only stops sending still gets its answers, pipelined ones too", async () => {
    const upstream = Bun.serve({
      port: 0,
      development: false,
      fetch: (request) => new Response(`<${new URL(request.url).pathname}>`),
    });
    fixture.route([routeTo(["site.test"], toPort(upstream.port!))]);
    for (const paths of [["/a"], ["/a", "/b", "/c"]]) {
      const client = await connectRaw(fixture.port);
      client.send(paths.map((path) => `GET ${path} HTTP/1.1\r\n${host}\r\n`).join(""));
      client.socket.shutdown();
      const text = await client.untilClosed();
      expect([...(text.match(/<\/.>/g) ?? [])]).toEqual(paths.map((path) => `<${path}>`));
    }
    await upstream.stop(true);
  });

  test("a visitor who closes in the middle of a stream cancels it at the upstream", async () => {
    let pulled = 0;
    const left = Promise.withResolvers<void>();
    const upstream = Bun.serve({
      port: 0,
      development: false,
      fetch: () =>
        new Response(
          new ReadableStream({
            async pull(controller) {
              pulled++;
              controller.enqueue(Buffer.from("event"));
              await Bun.sleep(20);
            },
            cancel: () => left.resolve(),
          }),
        ),
    });
    fixture.route([routeTo(["site.test"], toPort(upstream.port!))]);
    const client = await connectRaw(fixture.port);
    client.send(get);
    while (pulled < 3) await Bun.sleep(5);
    client.close();
    await left.promise;
    await upstream.stop(true);
  });

  test("a visitor who leaves cancels the request at the upstream", async () => {
    const left = Promise.withResolvers<void>();
    const upstream = Bun.serve({
      port: 0,
      fetch(request) {
        request.signal.addEventListener("abort", () => left.resolve());
        return new Promise<Response>(() => {});
      },
    });
    fixture.route([routeTo(["site.test"], toPort(upstream.port!))]);
    const client = await connectRaw(fixture.port);
    client.send(get);
    while (fixture.edge.router.byId.get("site.test")!.replicas[0]!.active === 0) await Bun.sleep(1);
    await Bun.sleep(20);
    client.close();
    await left.promise;
    expect(fixture.edge.router.byId.get("site.test")!.replicas[0]!.active).toBe(0);
    await upstream.stop(true);
  });
});
