import { expect, test } from "bun:test";
import { Hono } from "hono";
import { silentLog } from "../domain/log.ts";
import { createThrottle } from "../identity/throttle.ts";
import { fakeClock } from "../testing/fake-clock.ts";
import { errorHandler } from "./error-response.ts";
import { limitChanges } from "./limit-changes.ts";
import type { AppEnv, UserActor } from "./request-env.ts";

test("one person's changes are counted together; reading, and other people, are not held up", async () => {
  const clock = fakeClock();
  const app = new Hono<AppEnv>();
  app.onError(errorHandler(silentLog));
  app.use(async (c, next) => {
    const userId = c.req.header("x-user");
    c.set("actor", userId ? ({ kind: "user", userId } as UserActor) : null);
    await next();
  });
  app.use(limitChanges(createThrottle(clock, { burst: 2, refillMs: 1000 })));
  app.all("/", (c) => c.text("done"));
  const send = async (method: string, user: string | null) =>
    (await app.request("/", { method, headers: user ? { "x-user": user } : {} })).status;
  expect([await send("POST", "eve"), await send("DELETE", "eve")]).toEqual([200, 200]);
  expect([await send("PUT", "eve"), await send("PATCH", "eve")]).toEqual([429, 429]);
  expect([await send("GET", "eve"), await send("POST", "bob"), await send("POST", null)]).toEqual([
    200, 200, 200,
  ]);
  clock.advance(1000);
  expect(await send("POST", "eve")).toBe(200);
});
