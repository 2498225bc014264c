import type { Context } from "hono";

export interface SseStream {
  /** Resolves once the client has room for more, so a slow one holds itself up and nobody else; also when it left. */
  send(event: { id?: number | string; event: string; data: unknown }): Promise<void>;
  signal: AbortSignal;
}

export interface SseOptions {
  /** Asked with every heartbeat; when it throws, the stream ends. */
  check?(): Promise<unknown>;
  heartbeatMs?: number;
  /** Once, when the stream has ended. */
  onEnd?(): void;
}

const bufferBytes = 64 * 1024;
/** A client that takes nothing for so many heartbeats is cut off; one that lives comes back and resumes. */
const patienceHeartbeats = 4;

/** Server-sent events (HTML Living Standard, section 9.2). The stream ends when `run` does or the client leaves. */
export const sseResponse = (
  c: Context,
  run: (stream: SseStream) => Promise<void>,
  { check, heartbeatMs = 15_000, onEnd }: SseOptions = {},
): Response => {
  const ended = new AbortController();
  const leave = (): void => ended.abort();
  c.req.raw.signal.addEventListener("abort", leave, { once: true });
  const encoder = new TextEncoder();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(
    undefined,
    new ByteLengthQueuingStrategy({ highWaterMark: bufferBytes }),
    new ByteLengthQueuingStrategy({ highWaterMark: bufferBytes }),
  );
  const writer = writable.getWriter();
  writer.closed.catch(leave);
  const write = async (text: string): Promise<void> => {
    if (ended.signal.aborted) return;
    try {
      await writer.ready;
      await writer.write(encoder.encode(text));
    } catch {
      leave();
    }
  };
  let missed = 0;
  const beat = async (): Promise<void> => {
    if (++missed > patienceHeartbeats) return leave();
    await check?.();
    // Not queued behind what a slow client has not taken yet: that alone shows whether it is still there.
    if (writer.desiredSize !== null && writer.desiredSize <= 0) return;
    await write(": still here\n\n");
    missed = 0;
  };
  const heartbeat = setInterval(() => void beat().catch(leave), heartbeatMs);
  const stopped = new Promise<void>((resolve) => {
    ended.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const running = run({
    signal: ended.signal,
    send: async ({ id, event, data }) => {
      await write(
        `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
      );
      missed = 0;
    },
  });
  // A writer that waits for room does not hear of the end, so the end does not wait for it.
  void Promise.race([running, stopped])
    .catch(() => {})
    .finally(() => {
      clearInterval(heartbeat);
      c.req.raw.signal.removeEventListener("abort", leave);
      if (ended.signal.aborted) void writer.abort().catch(() => {});
      else void writer.close().catch(() => {});
      leave();
      onEnd?.();
    });
  running.catch(() => {});
  return new Response(readable, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    },
  });
};

export const wantsEvents = (c: Context): boolean =>
  c.req.header("accept")?.includes("text/event-stream") ?? false;
