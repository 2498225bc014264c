import { notFound } from "../errors.ts";
import type { DockerClient } from "./client.ts";
import { inspectContainer } from "./containers.ts";
import { createDemultiplexer } from "./demultiplex.ts";
import { hasStatus } from "./errors.ts";
import { createLineSplitter } from "./line-splitter.ts";

const tailDeadlineMs = 20_000;
const maxTailLines = 10_000;

/** What replicas print, read from Docker's json-file logs. */
export const createLogs = (client: DockerClient) => {
  const read = async (
    replicaId: string,
    options: { follow: boolean; tail?: number; since?: string },
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<void> => {
    const info = await inspectContainer(client, replicaId);
    if (!info) throw notFound("the replica's container");
    const stream = await client.open(
      "read logs",
      (docker) =>
        new Promise<NodeJS.ReadableStream>((resolve, reject) =>
          // dockerode buffers the whole answer unless it follows; `dial` gives the stream in both cases
          docker.modem.dial(
            {
              path: `/containers/${info.Id}/logs?`,
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
    const stdout = createLineSplitter(onLine);
    const stderr = createLineSplitter(onLine);
    const demultiplex = createDemultiplexer((which, bytes) => (which === 2 ? stderr : stdout).push(bytes));
    await new Promise<void>((resolve) => {
      stream.on("data", demultiplex);
      stream.on("close", resolve);
      stream.on("end", resolve);
      stream.on("error", () => resolve());
    });
    stdout.end();
    stderr.end();
  };

  return {
    async logTail(replicaId: string, lines: number): Promise<string[]> {
      const found: string[] = [];
      const tail = Math.min(Math.max(1, Math.trunc(lines)), maxTailLines);
      const keep = (line: string) => {
        found.push(line);
        if (found.length > tail) found.shift();
      };
      await read(replicaId, { follow: false, tail }, keep, AbortSignal.timeout(tailDeadlineMs));
      return found;
    },

    async followLogs(
      replicaId: string,
      sinceMs: number,
      onLine: (line: string) => void,
      signal: AbortSignal,
    ): Promise<void> {
      const since = (sinceMs / 1000).toFixed(3);
      try {
        await read(replicaId, { follow: true, since }, onLine, signal);
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
  };
};
