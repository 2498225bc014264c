import { once } from "node:events";
import { rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { z } from "zod";
import { AppError } from "../errors.ts";
import { type HookAnswer, maxRequestBytes, maxUpdates } from "./hook-protocol.ts";
import { answerHook, type PushDeps } from "./push-answers.ts";
import type { Pushes } from "./pushes.ts";

export interface HookSocketDeps extends PushDeps {
  pushes: Pushes;
  /** Path of the unix socket; only the daemon's own user may connect. */
  socketPath: string;
}

const hash = z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/);
const requestSchema = z.object({
  token: z.string(),
  hook: z.enum(["pre-receive", "post-receive"]),
  updates: z
    .array(z.object({ before: hash, after: hash, ref: z.string().startsWith("refs/").max(1000) }))
    .max(maxUpdates + 1),
});

const requestDeadlineMs = 10_000;
/** How much of a log may wait for a pusher who reads slowly; beyond it lines are left out. */
const maxWaitingBytes = 256 * 1024;
/** Longest path that fits into a socket address (unix(7)). */
const maxPathBytes = 107;

/** Lines towards one hook; never waits for it. */
const answerTo = (socket: Socket) => {
  let leftOut = 0;
  const send = (answer: HookAnswer) => {
    if (socket.writable) socket.write(`${JSON.stringify(answer)}\n`);
  };
  const say = (line: string) => {
    if (socket.writableLength > maxWaitingBytes) {
      leftOut++;
      return;
    }
    if (leftOut > 0) send({ line: `… ${leftOut.toLocaleString("en")} lines left out` });
    leftOut = 0;
    send({ line });
  };
  const exit = (code: number) => {
    if (leftOut > 0) send({ line: `… ${leftOut.toLocaleString("en")} lines left out` });
    send({ exit: code });
    socket.end();
  };
  return { say, exit };
};

/** The request line, or null when it is none within the deadline. */
const readRequest = (socket: Socket): Promise<z.infer<typeof requestSchema> | null> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (text: string | null) => {
      clearTimeout(timer);
      socket.off("data", onData);
      try {
        resolve(text === null ? null : requestSchema.parse(JSON.parse(text)));
      } catch {
        resolve(null);
      }
    };
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (chunk.includes(10)) finish(Buffer.concat(chunks).toString("utf8").split("\n")[0]!);
      else if (size > 2 * maxRequestBytes) finish(null);
    };
    const timer = setTimeout(() => finish(null), requestDeadlineMs);
    socket.on("data", onData);
    socket.once("close", () => finish(null));
  });

/**
 * Listens for the hooks of running pushes. A socket that a dead daemon left behind is replaced.
 * @returns a function that stops listening and lets go of the pushers; deployments go on
 * @throws AppError `internal` when the path is too long for a socket
 */
export const serveHookSocket = async (deps: HookSocketDeps): Promise<() => Promise<void>> => {
  const { socketPath } = deps;
  if (Buffer.byteLength(socketPath) > maxPathBytes)
    throw new AppError("internal", `${socketPath} is too long for a socket: use a shorter data directory`);
  const open = new Set<Socket>();
  const server = createServer(async (socket) => {
    open.add(socket);
    const gone = new AbortController();
    socket.on("error", () => {});
    socket.on("close", () => {
      open.delete(socket);
      gone.abort();
    });
    const answer = answerTo(socket);
    const request = await readRequest(socket);
    const push = request && deps.pushes.find(request.token);
    if (!push) {
      answer.say("this push is not known to Croft");
      answer.exit(1);
      return;
    }
    answer.exit(await answerHook(deps, push, request, answer.say, gone.signal));
  });
  await rm(socketPath, { force: true });
  const listening = once(server, "listening", { signal: AbortSignal.timeout(requestDeadlineMs) });
  // Made without access for others from the start: between listen and a chmod it would be open to them. Bun binds
  // before `listen` returns, so nothing else is made under this mask.
  const umask = process.umask(0o177);
  try {
    server.listen(socketPath);
  } finally {
    process.umask(umask);
  }
  await listening;
  return async () => {
    for (const socket of open) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
    await rm(socketPath, { force: true });
  };
};
