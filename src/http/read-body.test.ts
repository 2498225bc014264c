import { expect, test } from "bun:test";
import { connect } from "node:net";
import { Hono } from "hono";
import { z } from "zod";
import { silentLog } from "../domain/log.ts";
import { AppError } from "../errors.ts";
import { errorHandler } from "./error-response.ts";
import { readFormBody, readJson } from "./read-body.ts";

test("a client that leaves in the middle of its body is no error of ours, and fills no log", async () => {
  const logged: string[] = [];
  const thrown = Promise.withResolvers<Error>();
  const app = new Hono().post("/", async (c) => c.json(await readJson(c, z.object({}))));
  const handle = errorHandler({ ...silentLog, error: (message) => void logged.push(message) });
  app.onError((error, c) => {
    thrown.resolve(error);
    return handle(error, c);
  });
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: app.fetch });
  try {
    const socket = connect(server.port!, "127.0.0.1", () => {
      socket.write(
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
      );
      setTimeout(() => socket.resetAndDestroy(), 50);
    });
    socket.on("error", () => {});
    expect(await thrown.promise).toMatchObject({ code: "invalid_input" });
    expect(await thrown.promise).toBeInstanceOf(AppError);
    expect(logged).toEqual([]);
  } finally {
    await server.stop(true);
  }
});

test("a form that is none is refused, not a fault inside", async () => {
  const app = new Hono().post("/", async (c) => c.json(await readFormBody(c)));
  app.onError(errorHandler(silentLog));
  const send = (type: string, body: string) =>
    app.request("/", { method: "POST", headers: { "content-type": type }, body });
  expect(await (await send("application/x-www-form-urlencoded", "a=1&b=%zz")).json()).toMatchObject({
    a: "1",
  });
  for (const type of ["multipart/form-data; boundary=x", "multipart/form-data"])
    expect((await send(type, "--x\r\nContent-Disposition: bad\r\n\r\n%%%")).status, type).toBe(400);
});

test("JSON that is no object is refused in words of ours", async () => {
  const app = new Hono().post("/", async (c) => c.json(await readJson(c, z.object({ a: z.number() }))));
  app.onError(errorHandler(silentLog));
  const send = (body: string) =>
    app.request("/", { method: "POST", headers: { "content-type": "application/json" }, body });
  expect(await (await send('{"a":1}')).json()).toEqual({ a: 1 });
  for (const body of ["[]", "null", "5", '"a"']) {
    const answer = await send(body);
    expect(answer.status, body).toBe(422);
    expect(await answer.json(), body).toMatchObject({ detail: "the request body must be a JSON object" });
  }
});
