import type { Context } from "hono";

export interface SseStream {
  /** Resolves once the client has room for more, so a slow one holds itself up and nobody else. */
  send(event: { id?: number; event: string; data: unknown }): Promise<void>;
  signal: AbortSignal;
}

const heartbeatMs = 15_000;
const bufferBytes = 64 * 1024;

/** Server-sent events (HTML Living Standard, section 9.2). The stream ends when `run` does or the client leaves. */
export const sseResponse = (c: Context, run: (stream: SseStream) => Promise<void>): Response => {
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
    await writer.ready;
    await writer.write(encoder.encode(text));
  };
  const heartbeat = setInterval(() => void write(": still here\n\n").catch(leave), heartbeatMs);
  void run({
    signal: ended.signal,
    send: ({ id, event, data }) =>
      write(`${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
  })
    .catch(() => {})
    .finally(() => {
      clearInterval(heartbeat);
      c.req.raw.signal.removeEventListener("abort", leave);
      ended.abort();
      void writer.close().catch(() => {});
    });
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
