import { Hono } from "hono";
import type { AccessLine } from "../../domain/access-log.ts";
import { fakeLiveLine } from "./fake-logs.ts";
import type { DeploymentView, LogLineView } from "../../domain/views.ts";
import type { AppEnv } from "../../http/request-env.ts";
import { sseResponse } from "../../http/sse.ts";

type Event =
  | { event: "log"; data: LogLineView }
  | { event: "status"; data: DeploymentView }
  | { event: "end"; data: { status: string } };

/**
 * The event streams of the API over an array that a test adds to: what comes after the asked sequence number,
 * then what is added. `cut` breaks every open connection, as a restart of the daemon does.
 */
export const fakeEvents = () => {
  const events: Event[] = [];
  const appLines: string[] = [];
  const requests: AccessLine[] = [];
  const requestConnections: string[] = [];
  let wake = Promise.withResolvers<void>();
  let cut = new AbortController();
  const connections: { after: number; lastEventId: string | undefined }[] = [];
  let refuse = 0;

  const app = new Hono<AppEnv>();
  app.get("/api/v1/deployments/:id/logs", (c) => {
    if (refuse > 0) {
      refuse--;
      return c.text("starting", 503);
    }
    const lastEventId = c.req.header("last-event-id");
    const after = Number(lastEventId ?? c.req.query("after") ?? 0);
    connections.push({ after, lastEventId });
    const { signal } = cut;
    return sseResponse(c, async (stream) => {
      let next = 0;
      while (!stream.signal.aborted && !signal.aborted) {
        const woken = wake.promise;
        for (; next < events.length; next++) {
          const { event, data } = events[next]!;
          if (event === "log" && data.seq <= after) continue;
          await stream.send({ ...(event === "log" ? { id: data.seq } : {}), event, data });
          if (event === "end") return;
        }
        await Promise.race([
          woken,
          new Promise((resolve) => {
            stream.signal.addEventListener("abort", resolve);
            signal.addEventListener("abort", resolve);
          }),
        ]);
      }
    });
  });
  app.get("/api/v1/sites/:slug/logs", (c) => {
    const { signal } = cut;
    const after = c.req.header("last-event-id") ?? c.req.query("cursor");
    return sseResponse(c, async (stream) => {
      let next = after?.startsWith("7.") ? Number(after.slice(2)) : 0;
      while (!stream.signal.aborted && !signal.aborted) {
        const woken = wake.promise;
        for (; next < appLines.length; next++)
          await stream.send({ id: `7.${next + 1}`, event: "log", data: fakeLiveLine(appLines[next]!) });
        await Promise.race([
          woken,
          new Promise((resolve) => {
            stream.signal.addEventListener("abort", resolve);
            signal.addEventListener("abort", resolve);
          }),
        ]);
      }
    });
  });

  app.get("/api/v1/sites/:slug/access-log", (c) => {
    const after = c.req.header("last-event-id") ?? c.req.query("after") ?? "";
    requestConnections.push(new URL(c.req.url).search);
    const { signal } = cut;
    return sseResponse(c, async (stream) => {
      let next = after === "" ? 0 : Number(after.split(".")[1]);
      // What there is already comes first, and then the place behind it.
      for (const present = requests.length; next < present; next++)
        await stream.send({ id: `made-up.${present}`, event: "request", data: requests[next] });
      await stream.send({ id: `made-up.${next}`, event: "here", data: {} });
      while (!stream.signal.aborted && !signal.aborted) {
        const woken = wake.promise;
        for (; next < requests.length; next++)
          await stream.send({ id: `made-up.${next + 1}`, event: "request", data: requests[next] });
        await Promise.race([
          woken,
          new Promise((resolve) => {
            stream.signal.addEventListener("abort", resolve);
            signal.addEventListener("abort", resolve);
          }),
        ]);
      }
    });
  });

  const wakeAll = () => {
    const old = wake;
    wake = Promise.withResolvers();
    old.resolve();
  };
  return {
    app,
    /** Every connection made, with what it asked for. */
    connections,
    appLines,
    push(...added: Event[]): void {
      events.push(...added);
      wakeAll();
    },
    requested(...lines: AccessLine[]): void {
      requests.push(...lines);
      wakeAll();
    },
    /** What each connection to the access log asked for. */
    requestConnections,
    printed(...lines: string[]): void {
      appLines.push(...lines);
      wakeAll();
    },
    /** Forgets all, for the next test. */
    clear(): void {
      events.length = 0;
      appLines.length = 0;
      requests.length = 0;
      requestConnections.length = 0;
      connections.length = 0;
      refuse = 0;
    },
    cut(): void {
      const old = cut;
      cut = new AbortController();
      old.abort();
    },
    /** The next connections are answered 503, as while the daemon starts. */
    refuseNext(times: number): void {
      refuse = times;
    },
  };
};
