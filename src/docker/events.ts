import { z } from "zod";
import type { EngineEvent } from "../domain/engine.ts";
import type { Log } from "../domain/log.ts";
import type { DockerClient } from "./client.ts";
import { replicaIdOf } from "./labels.ts";
import { createLineSplitter } from "./line-splitter.ts";

const firstBackoffMs = 250;
const maxBackoffMs = 10_000;
/** A stream that is silent looks like one whose engine hangs: only asking tells. */
const pingEveryMs = 5000;
const pingDeadlineMs = 5000;

/** What is done to a container, by Croft or by hand, and changes what it is. */
const touching = new Set(["pause", "unpause", "destroy"]);

/** Docker's events.Message, as far as needed. */
const eventSchema = z.object({
  Action: z.string(),
  Actor: z.object({ ID: z.string(), Attributes: z.record(z.string(), z.string()).nullish() }),
  timeNano: z.number(),
});

/** One line of the event stream; null when it is not about a replica of ours. */
export const parseEvent = (line: string): EngineEvent | null => {
  const parsed = eventSchema.safeParse(JSON.parse(line));
  if (!parsed.success) return null;
  const { Action: action, Actor: actor, timeNano } = parsed.data;
  const attributes = actor.Attributes ?? {};
  const replicaId = replicaIdOf([attributes.name ?? ""], attributes);
  if (replicaId === null) return null;
  const common = { replicaId, containerId: actor.ID, atMs: Math.floor(timeNano / 1e6) };
  if (action === "die") return { kind: "die", ...common, exitCode: Number(attributes.exitCode ?? 0) };
  if (action === "oom") return { kind: "oom", ...common };
  if (action === "update") return { kind: "updated", ...common };
  if (action === "start") return { kind: "start", ...common };
  return touching.has(action) ? { kind: "touched", ...common } : null;
};

const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });

/** Docker's event stream, opened anew with a growing pause whenever it ends; see `Engine.watch`. */
export const createWatch = (client: DockerClient, log: Log) => {
  /** One life of the stream: ends when the engine closes it, does not answer a ping, or the signal aborts. */
  const follow = async (
    onEvent: (event: EngineEvent) => void,
    signal: AbortSignal,
    onOpen: () => void,
  ): Promise<void> => {
    const life = new AbortController();
    const end = () => life.abort();
    signal.addEventListener("abort", end);
    const ping = setInterval(() => {
      client.call("ping", (docker) => docker.ping(), { deadlineMs: pingDeadlineMs }).catch(end);
    }, pingEveryMs);
    try {
      // docker-modem writes an object as JSON, its types ask for the text
      const filters = JSON.stringify({
        type: ["container"],
        event: ["die", "oom", "start", "update", ...touching],
        label: ["croft.managed=true"],
      });
      const stream = await client.open("follow events", (docker) => docker.getEvents({ filters }), {
        signal: life.signal,
      });
      onOpen();
      const lines = createLineSplitter((line) => {
        try {
          const event = line === "" ? null : parseEvent(line);
          if (event) onEvent(event);
        } catch (error) {
          log.warn("an event of Docker could not be handled", { error });
        }
      });
      await new Promise<void>((resolve) => {
        stream.on("data", (bytes: Uint8Array) => lines.push(bytes));
        for (const name of ["end", "close", "error"]) stream.on(name, () => resolve());
      });
    } finally {
      clearInterval(ping);
      signal.removeEventListener("abort", end);
      life.abort();
    }
  };

  const run = async (onEvent: (event: EngineEvent) => void, signal: AbortSignal): Promise<void> => {
    let backoffMs = firstBackoffMs;
    let connected = false;
    while (!signal.aborted) {
      try {
        await follow(onEvent, signal, () => {
          connected = true;
          backoffMs = firstBackoffMs;
          onEvent({ kind: "connected" });
        });
      } catch (error) {
        if (!signal.aborted) log.debug("Docker's events cannot be followed", { error });
      }
      if (signal.aborted) return;
      if (connected) onEvent({ kind: "disconnected" });
      connected = false;
      await sleep(backoffMs, signal);
      backoffMs = Math.min(backoffMs * 2, maxBackoffMs);
    }
  };

  return (onEvent: (event: EngineEvent) => void, signal: AbortSignal): void => {
    run(onEvent, signal).catch((error) => log.error("watching Docker ended", { error }));
  };
};
