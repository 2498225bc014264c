import { ApiError, type Client } from "./client.ts";
import type { RawIo } from "./raw-io.ts";

export interface RemoteCommand {
  /** Below /api/v1. */
  path: string;
  /** A shell when left out. */
  command?: string[];
  isTerminal: boolean;
  inReplica: boolean;
  timeoutSeconds?: number;
}

export interface RemoteEnd {
  run: string | null;
  status: string;
  exitCode: number | null;
  reason: string | null;
}

type Said =
  | { type: "started"; run: string; window: number }
  | { type: "taken"; bytes: number }
  | { type: "exit"; status: string; exitCode: number | null; reason: string | null }
  | { type: "error"; code: ApiError["code"]; message: string };

const protocol = "croft.terminal.v1";
const outputWindowBytes = 1024 * 1024;
const pieceBytes = 32 * 1024;

/** Why a WebSocket was refused: its client does not tell, an ordinary request to the same address does. */
const whyRefused = async (client: Client, path: string): Promise<Error> => {
  try {
    await client.get(path);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== "invalid_input") return error as Error;
  }
  return new ApiError("unreachable", `${client.url} lets no WebSocket through; is a proxy in between?`, null);
};

/**
 * Runs a command at the other end of a WebSocket: what is read here goes in, what it prints comes out, neither faster
 * than it is taken. @throws ApiError
 */
export const runRemotely = (
  client: Client,
  io: RawIo,
  { path, isTerminal, ...rest }: RemoteCommand,
  signal: AbortSignal,
): Promise<RemoteEnd> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${client.url.replace(/^http/, "ws")}/api/v1${path}`, {
      protocols: [protocol],
      headers: client.token === null ? {} : { Authorization: `Bearer ${client.token}` },
    } as unknown as string[]);
    socket.binaryType = "arraybuffer";
    let opened = false;
    let run: string | null = null;
    let end: RemoteEnd | null = null;
    let failure: Error | null = null;
    let printed: Promise<unknown> = Promise.resolve();
    let windowBytes = 0;
    let sentBytes = 0;
    let room: PromiseWithResolvers<void> | null = null;

    const say = (message: object): void => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    };
    const send = async (bytes: Uint8Array): Promise<void> => {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        while (sentBytes >= windowBytes && socket.readyState === WebSocket.OPEN)
          await (room ??= Promise.withResolvers<void>()).promise;
        if (socket.readyState !== WebSocket.OPEN) return;
        const piece = bytes.slice(at, at + pieceBytes);
        sentBytes += piece.length;
        socket.send(piece);
      }
    };
    const print = (bytes: Uint8Array): void => {
      const isError = !isTerminal && bytes[0] === 2;
      const text = isTerminal ? bytes : bytes.subarray(1);
      printed = printed
        .then(() => io.write(isError ? "stderr" : "stdout", text))
        .then(() => say({ type: "taken", bytes: bytes.length }));
    };
    const hear = (said: Said): void => {
      switch (said.type) {
        case "started":
          run = said.run;
          windowBytes = said.window;
          io.onResize(() => say({ type: "resize", ...io.size() }));
          return io.read(send, () => say({ type: "end" }));
        case "taken":
          sentBytes -= said.bytes;
          room?.resolve();
          room = null;
          return;
        case "exit":
          end = { run, status: said.status, exitCode: said.exitCode, reason: said.reason };
          return;
        case "error":
          failure = new ApiError(said.code, said.message, null);
      }
    };
    const stop = (): void => socket.close();
    signal.addEventListener("abort", stop, { once: true });

    socket.onopen = () => {
      opened = true;
      if (isTerminal) io.setRaw(true);
      say({
        type: "start",
        ...rest,
        ...(isTerminal && { terminal: io.size() }),
        window: outputWindowBytes,
      });
    };
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data === "string") hear(JSON.parse(data) as Said);
      else print(new Uint8Array(data));
    };
    socket.onclose = () => {
      signal.removeEventListener("abort", stop);
      room?.resolve();
      void printed.finally(async () => {
        if (opened && isTerminal) io.setRaw(false);
        if (opened) io.close();
        if (signal.aborted) reject(signal.reason as Error);
        else if (failure) reject(failure);
        else if (end) resolve(end);
        else if (!opened) reject(await whyRefused(client, path));
        else
          reject(new ApiError("unreachable", "the connection was lost, and the command ended with it", null));
      });
    };
  });
