import type { Context } from "hono";
import type { OutputName } from "../domain/command-process.ts";
import type { Session, SessionEnd } from "../runs/sessions.ts";

const bufferBytes = 64 * 1024;
/** So that proxies and clients see that a silent command still runs. */
const heartbeatMs = 15_000;

/**
 * A command's output as lines of JSON: `{"run"}` first, then `{"stdout"}` and `{"stderr"}` as they come, at last
 * `{"exitCode", "status", "reason"}`. Bytes that are no UTF-8 are replaced. The command ends with the connection.
 * @param open starts the command; what it throws is an ordinary answer
 */
export const execStream = async (
  c: Context,
  open: (onOutput: (name: OutputName, bytes: Uint8Array) => Promise<unknown>) => Promise<Session>,
): Promise<Response> => {
  const encoder = new TextEncoder();
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const strategy = new ByteLengthQueuingStrategy({ highWaterMark: bufferBytes });
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(undefined, strategy, strategy);
  const writer = writable.getWriter();
  let gone = false;
  const say = async (value: object): Promise<void> => {
    if (gone) return;
    try {
      await writer.ready;
      await writer.write(encoder.encode(`${JSON.stringify(value)}\n`));
    } catch {
      gone = true;
    }
  };
  // Nothing of the output may stand before the line that names the run.
  const named = Promise.withResolvers<void>();
  const session = await open(async (name, bytes) => {
    await named.promise;
    const text = decoders[name].decode(bytes, { stream: true });
    if (text !== "") await say({ [name]: text });
  });
  const leave = (): void => {
    gone = true;
    session.leave();
    void writer.abort().catch(() => {});
  };
  writer.closed.catch(leave);
  const { signal } = c.req.raw;
  signal.addEventListener("abort", leave, { once: true });
  if (signal.aborted) leave();
  const heartbeat = setInterval(() => {
    if (writer.desiredSize !== null && writer.desiredSize > 0) void say({});
  }, heartbeatMs);

  void say({ run: session.runId });
  named.resolve();
  const finish = async ({ exitCode, status, reason }: SessionEnd): Promise<void> => {
    clearInterval(heartbeat);
    signal.removeEventListener("abort", leave);
    for (const name of ["stdout", "stderr"] as const) {
      const rest = decoders[name].decode();
      if (rest !== "") await say({ [name]: rest });
    }
    await say({ exitCode, status, reason });
    await writer.close().catch(() => {});
  };
  void session.ended.then(finish);
  return new Response(readable, {
    headers: {
      "Content-Type": "application/x-ndjson; charset=utf-8",
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
      "X-Content-Type-Options": "nosniff",
    },
  });
};
