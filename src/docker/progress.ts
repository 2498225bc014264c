import { z } from "zod";

/** One JSON message of a build or pull (Docker's jsonmessage.JSONMessage). */
const messageSchema = z.object({
  stream: z.string().optional(),
  status: z.string().optional(),
  id: z.string().optional(),
  progress: z.string().optional(),
  error: z.string().optional(),
  errorDetail: z.object({ code: z.number().optional(), message: z.string().optional() }).optional(),
  aux: z.unknown().optional(),
});
export type ProgressMessage = z.infer<typeof messageSchema>;

export interface ProgressError {
  message: string;
  /** Exit code of a build's command. */
  code: number | null;
}

const maxMessageChars = 4 * 1024 * 1024;

/**
 * Reads a stream of newline-separated JSON messages to its end.
 * @returns the error that the stream told, or that it broke off; null when all went well
 */
export const readProgress = (
  stream: NodeJS.ReadableStream,
  onMessage: (message: ProgressMessage) => void,
): Promise<ProgressError | null> =>
  new Promise((resolve, reject) => {
    const decoder = new TextDecoder();
    let rest = "";
    let failure: ProgressError | null = null;
    const onLine = (line: string) => {
      if (line.trim() === "") return;
      const message = messageSchema.parse(JSON.parse(line));
      if (message.error !== undefined || message.errorDetail)
        failure = {
          message: message.errorDetail?.message ?? message.error ?? "unknown error",
          code: message.errorDetail?.code ?? null,
        };
      onMessage(message);
    };
    stream.on("data", (bytes: Uint8Array) => {
      try {
        const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
        rest = lines.pop()!;
        if (rest.length > maxMessageChars) throw new Error("Docker sent a message without end");
        for (const line of lines) onLine(line);
      } catch (error) {
        (stream as NodeJS.ReadableStream & { destroy?(): void }).destroy?.();
        reject(error);
      }
    });
    stream.on("end", () => {
      try {
        onLine(rest);
        resolve(failure);
      } catch (error) {
        reject(error);
      }
    });
    stream.on("error", (error: Error) => resolve(failure ?? { message: error.message, code: null }));
    stream.on("close", () => resolve(failure ?? { message: "the engine closed the connection", code: null }));
  });
