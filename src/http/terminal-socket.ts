import { z } from "zod";
import type { TerminalSize } from "../domain/command-process.ts";
import type { Log } from "../domain/log.ts";
import { commandSchema } from "../domain/run.ts";
import { AppError, invalidFields, publicMessageOf } from "../errors.ts";
import type { CommandRequest, Session, SessionEnd, Sessions } from "../runs/sessions.ts";
import type { Socket, SocketHandler } from "./web-sockets.ts";

/** The sub-protocol's name; see README, "The terminal's protocol". */
export const terminalProtocol = "croft.terminal.v1";

const sizeMessage = "must be a whole number from 1 to 1,000";
const sizeNumber = z
  .number({ error: sizeMessage })
  .int(sizeMessage)
  .min(1, sizeMessage)
  .max(1000, sizeMessage);
const sizeSchema = z.object({ columns: sizeNumber, rows: sizeNumber });

/** What clients say in text; bytes are what is typed. */
const messageSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("start"),
    /** A shell when left out. */
    command: commandSchema.optional(),
    /** Without it there is no terminal, and stdout and stderr come apart. */
    terminal: sizeSchema.optional(),
    stdin: z.boolean().default(true),
    inReplica: z.boolean().default(false),
    timeoutSeconds: z.number().int().min(1).max(86_400).optional(),
    /** Bytes of output that may be under way; more only comes once `taken` was said of them. */
    window: z.number().int().min(16_384).optional(),
  }),
  z.object({ type: z.literal("taken"), bytes: z.number().int().min(0) }),
  sizeSchema.extend({ type: z.literal("resize") }),
  /** The end of what is typed. */
  z.object({ type: z.literal("end") }),
]);
type Message = z.output<typeof messageSchema>;

/** The same words for every image: bash where there is one. */
const shell = ["/bin/sh", "-c", "if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi"];

const startWithinMs = 10_000;
/** Typed and not yet taken by the command; clients wait for `taken` long before. */
const maxPendingBytes = 1024 * 1024;
/** Messages that wait for their turn, however small. */
const maxPending = 1000;
/** Bytes that a client may send before it is told that they were taken. */
export const inputWindowBytes = 128 * 1024;

/** Close codes of our own, after RFC 6455, 7.4.2. */
const codes = { refused: 4400, ended: 4000, tooMuch: 1009, wrong: 1008 } as const;

export interface TerminalSocketDeps {
  log: Log;
  sessions: Sessions;
  who: Pick<CommandRequest, "actor" | "slug" | "environment" | "stillSignedIn">;
}

/** One terminal, or one command, over a WebSocket: input in, output out, in order, neither faster than it is taken. */
export const terminalSocket = ({ log, sessions, who }: TerminalSocketDeps): SocketHandler => {
  let socket: Socket | null = null;
  let starting = false;
  let session: Session | null = null;
  let left = false;
  let pendingBytes = 0;
  let pending = 0;
  let work: Promise<unknown> = Promise.resolve();
  let late: Timer | undefined;
  let size: TerminalSize | null = null;
  let resizing = false;
  let windowBytes = Infinity;
  let underWayBytes = 0;
  let room: PromiseWithResolvers<void> | null = null;

  const say = (message: object): Promise<boolean> =>
    socket?.send(JSON.stringify(message)) ?? Promise.resolve(false);
  const refuse = async (error: unknown): Promise<void> => {
    const code = error instanceof AppError ? error.code : "internal";
    if (code === "internal") log.error("a terminal failed", { site: who.slug, error });
    const message = publicMessageOf(error);
    await say({ type: "error", code, message });
    socket?.close(codes.refused, message);
  };

  const taken = (bytes: number): void => {
    underWayBytes -= bytes;
    if (underWayBytes > windowBytes && !left) return;
    room?.resolve();
    room = null;
  };

  const output = async (bytes: Uint8Array): Promise<void> => {
    underWayBytes += bytes.length;
    await socket?.send(bytes);
    while (underWayBytes > windowBytes && !left) await (room ??= Promise.withResolvers<void>()).promise;
  };

  const over = async (end: SessionEnd): Promise<void> => {
    const { status, exitCode, reason } = end;
    await say({ type: "exit", status, exitCode, reason });
    socket?.close(codes.ended, reason ?? status);
  };

  const start = async (message: Extract<Message, { type: "start" }>): Promise<void> => {
    const isTerminal = message.terminal !== undefined;
    windowBytes = message.window ?? Infinity;
    try {
      const opened = await sessions.open(
        {
          ...who,
          kind: isTerminal && message.command === undefined ? "terminal" : "exec",
          argv: message.command ?? shell,
          terminal: message.terminal ?? null,
          stdin: message.stdin,
          inReplica: message.inReplica,
          timeoutSeconds: message.timeoutSeconds ?? null,
        },
        (name, bytes) => {
          // Which of both it is goes before the bytes, where there are two.
          if (isTerminal) return output(bytes);
          const framed = new Uint8Array(bytes.length + 1);
          framed[0] = name === "stderr" ? 2 : 1;
          framed.set(bytes, 1);
          return output(framed);
        },
      );
      session = opened;
      // Who left while it started has nothing to do with it any more.
      if (left) opened.leave();
      void opened.ended.then(over);
      await say({ type: "started", run: opened.runId, window: inputWindowBytes });
    } catch (error) {
      await refuse(error);
    }
  };

  const input = async (bytes: Uint8Array): Promise<void> => {
    await session?.write(bytes);
    pendingBytes -= bytes.length;
    await say({ type: "taken", bytes: bytes.length });
  };

  /** One at a time, and of many sizes the last: each is a request to the engine. */
  const resize = async (wanted: TerminalSize): Promise<void> => {
    size = wanted;
    if (resizing) return;
    resizing = true;
    try {
      for (let next: TerminalSize | null; (next = size) !== null && !left;) {
        size = null;
        await session?.resize(next);
      }
    } finally {
      resizing = false;
    }
  };

  const handle = async (message: Message): Promise<void> => {
    if (message.type === "start") return start(message);
    if (message.type === "end") return session?.endInput();
    if (message.type === "taken") return taken(message.bytes);
    return resize({ columns: message.columns, rows: message.rows });
  };

  const parse = (text: string): Message => {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (cause) {
      throw new AppError("invalid_input", "a message in text must be JSON", { cause });
    }
    const parsed = messageSchema.safeParse(value);
    if (!parsed.success) throw invalidFields(parsed.error.issues);
    return parsed.data;
  };

  /** One after the other, as they came. */
  const next = (act: () => Promise<unknown> | undefined): void => {
    if (++pending > maxPending) return tooMuch();
    work = work
      .then(act)
      .catch(refuse)
      .finally(() => pending--);
  };
  const tooMuch = (): void => {
    session?.leave();
    socket?.close(codes.tooMuch, "more was sent than the command took");
  };

  return {
    opened(opened) {
      socket = opened;
      late = setTimeout(() => opened.close(codes.wrong, "nothing was started in time"), startWithinMs);
    },
    message(data) {
      if (typeof data !== "string") {
        pendingBytes += data.length;
        if (pendingBytes > maxPendingBytes) return tooMuch();
        return next(() => input(data));
      }
      let message: Message;
      try {
        message = parse(data);
        if ((message.type === "start") === starting)
          throw new AppError(
            "invalid_input",
            starting ? "it was started already" : "it must begin with start",
          );
      } catch (error) {
        session?.leave();
        return void refuse(error);
      }
      if (message.type === "start") {
        starting = true;
        clearTimeout(late);
      }
      // Beside what is typed, which waits for as long as the command takes none of it.
      if (message.type === "taken" || (message.type === "resize" && session)) handle(message).catch(refuse);
      else next(() => handle(message));
    },
    closed() {
      left = true;
      clearTimeout(late);
      taken(0);
      session?.leave();
    },
  };
};
