import type { Duplex } from "node:stream";
import type { OnOutput, OutputName } from "../domain/command-process.ts";
import { createDemultiplexer } from "./demultiplex.ts";

/**
 * Both directions of a command: Docker's connection after its upgrade (Engine API, "Attach to a container").
 * @param isTerminal then output comes as it is; otherwise stdout and stderr share it in frames
 */
export const createAttachedStream = (stream: Duplex, isTerminal: boolean, onOutput: OnOutput) => {
  let ended = false;
  const pump = async (): Promise<void> => {
    let pieces: [OutputName, Uint8Array][] = [];
    const demultiplex = createDemultiplexer((which, bytes) =>
      pieces.push([which === 2 ? "stderr" : "stdout", bytes]),
    );
    try {
      for await (const chunk of stream as AsyncIterable<Uint8Array>) {
        if (isTerminal) pieces.push(["stdout", chunk]);
        else demultiplex(chunk);
        for (const [name, bytes] of pieces) await onOutput(name, bytes);
        pieces = [];
      }
    } catch {
      // A connection that broke off: whether the command has ended is asked elsewhere.
    } finally {
      ended = true;
      stream.destroy();
    }
  };
  const done = pump();

  return {
    /** When the other end closed it, or `close` was called. */
    done,
    close: () => void stream.destroy(),
    write: (bytes: Uint8Array): Promise<void> => {
      if (ended || stream.writableEnded || stream.destroyed || stream.write(bytes)) return Promise.resolve();
      return new Promise((resolve) => {
        const go = (): void => {
          for (const name of ["drain", "close"] as const) stream.off(name, go);
          resolve();
        };
        for (const name of ["drain", "close"] as const) stream.once(name, go);
      });
    },
    /** Closes one half alone: the command sees the end of its input and can still answer. */
    endInput: (): void => {
      if (!ended && !stream.writableEnded) stream.end();
    },
  };
};

export type AttachedStream = ReturnType<typeof createAttachedStream>;
