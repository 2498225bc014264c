import { AppError, notFound } from "../errors.ts";
import type { DockerClient } from "./client.ts";
import { inspectContainer } from "./containers.ts";
import { createDemultiplexer } from "./demultiplex.ts";
import { hasStatus } from "./errors.ts";
import { createLineSplitter } from "./line-splitter.ts";

const tailDeadlineMs = 20_000;
const maxTailLines = 10_000;
/** Lines may be long; a tail never takes more than this together, however many lines were asked for. */
const maxTailChars = 2_000_000;

interface LogOptions {
  follow: boolean;
  tail?: number;
  since?: string;
}

/** What replicas print, read from Docker's json-file logs. */
export const createLogs = (client: DockerClient) => {
  const containerIdOf = async (replicaId: string): Promise<string> => {
    const info = await inspectContainer(client, replicaId);
    if (!info) throw notFound("the replica's container");
    return info.Id;
  };

  /**
   * Passes on what is printed, `which` 1 for stdout and 2 for stderr, until the stream ends. An app can print faster
   * than anybody takes it in: each chunk waits until `taken` of the one before.
   */
  const read = async (
    containerId: string,
    options: LogOptions,
    onBytes: (which: number, bytes: Uint8Array) => void,
    signal: AbortSignal,
    taken: () => unknown = () => {},
  ): Promise<void> => {
    const stream = await client.open(
      "read logs",
      (docker) =>
        new Promise<NodeJS.ReadableStream>((resolve, reject) =>
          // dockerode buffers the whole answer unless it follows; `dial` gives the stream in both cases
          docker.modem.dial(
            {
              path: `/containers/${containerId}/logs?`,
              method: "GET",
              isStream: true,
              options: { stdout: true, stderr: true, ...options },
              statusCodes: { 200: true, 404: "no such container", 500: "server error" },
            },
            (error: unknown, answer: unknown) =>
              error ? reject(error) : resolve(answer as NodeJS.ReadableStream),
          ),
        ).catch((error) => {
          if (hasStatus(error, 404)) throw notFound("the replica's container");
          throw error;
        }),
      { signal },
    );
    const demultiplex = createDemultiplexer(onBytes);
    try {
      for await (const chunk of stream) {
        demultiplex(chunk as unknown as Uint8Array);
        await taken();
      }
    } catch {
      // A connection that broke off is the end of the log.
    }
  };

  /** Lines of both outputs, each with a splitter of its own, since their pieces come mixed. */
  const collector = (onLine: (line: string) => void) => {
    const stdout = createLineSplitter(onLine);
    const stderr = createLineSplitter(onLine);
    return {
      push: (which: number, bytes: Uint8Array) => (which === 2 ? stderr : stdout).push(bytes),
      end() {
        stdout.end();
        stderr.end();
      },
    };
  };

  return {
    async logTail(replicaId: string, lines: number): Promise<string[]> {
      const found: string[] = [];
      const tail = Math.min(Math.max(1, Math.trunc(lines)), maxTailLines);
      let chars = 0;
      const collect = collector((line) => {
        found.push(line);
        chars += line.length;
        while (found.length > tail || (chars > maxTailChars && found.length > 1))
          chars -= found.shift()!.length;
      });
      const signal = AbortSignal.timeout(tailDeadlineMs);
      await read(await containerIdOf(replicaId), { follow: false, tail }, collect.push, signal);
      collect.end();
      return found;
    },

    async followLogs(
      replicaId: string,
      sinceMs: number,
      onLine: (line: string) => unknown,
      signal: AbortSignal,
    ): Promise<void> {
      const since = (sinceMs / 1000).toFixed(3);
      if (signal.aborted) return;
      const containerId = await containerIdOf(replicaId);
      let last: unknown;
      const collect = collector((line) => {
        last = onLine(line);
      });
      const taken = () => last;
      try {
        let seen = 0;
        await read(
          containerId,
          { follow: true, since },
          (which, bytes) => {
            seen += bytes.length;
            collect.push(which, bytes);
          },
          signal,
          taken,
        );
        // When a container ends, Docker 20.10 may close a followed log before its last lines: those matter most.
        await read(
          containerId,
          { follow: false, since },
          (which, bytes) => {
            const skip = Math.min(seen, bytes.length);
            seen -= skip;
            collect.push(which, bytes.subarray(skip));
          },
          signal,
          taken,
        );
        collect.end();
      } catch (error) {
        const removed = error instanceof AppError && error.code === "not_found";
        if (!signal.aborted && !removed) throw error;
      }
    },
  };
};
