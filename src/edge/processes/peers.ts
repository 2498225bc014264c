import { z } from "zod";
import type { Log } from "../../domain/log.ts";
import { boundedText } from "../bounded-text.ts";
import { processesIn, socketOf } from "./folder.ts";
import { isLiving, pidOf, type ProcessId } from "./identity.ts";

/** The other edge processes of the folder, as one of them speaks to them. */
export interface Peers {
  /** Living ones, whatever they do at present. */
  ids(): ProcessId[];
  /** @returns the answer; null when there is none in time, or it is not understood */
  ask<T>(id: ProcessId, shape: z.ZodType<T>, call: Call): Promise<T | null>;
  /** Asks all at once. Those without an answer are left out. */
  askAll<T>(shape: z.ZodType<T>, call: Call): Promise<Map<ProcessId, T>>;
  /**
   * Returns once every living process follows the command. One that hangs is killed, and one that does not
   * understand it (an older build that drains) is told to stop: it would go on with what is past.
   */
  tellAll(call: Call): Promise<void>;
}

export interface Call {
  method: "GET" | "PUT" | "POST";
  /** Below `/own`. */
  path: string;
  /** Sent as JSON. */
  body?: unknown;
  deadlineMs?: number;
  /** Of the answer. */
  mostBytes?: number;
}

const usualBytes = 8 * 1024 * 1024;
const askMs = 2_000;
const tellMs = 5_000;

const textOf = ({ body }: Call): string | undefined =>
  body === undefined ? undefined : JSON.stringify(body);

export const createPeers = (dir: string, own: ProcessId, log: Log): Peers => {
  const ids = (): ProcessId[] => processesIn(dir).filter((id) => id !== own && isLiving(id));

  const send = (
    id: ProcessId,
    { method, path, deadlineMs = askMs }: Call,
    text: string | undefined,
  ): Promise<Response> =>
    fetch(`http://edge/own${path}`, {
      unix: socketOf(dir, id),
      method,
      body: text,
      signal: AbortSignal.timeout(deadlineMs),
      keepalive: false,
    });

  const ask = async <T>(id: ProcessId, shape: z.ZodType<T>, call: Call): Promise<T | null> => {
    try {
      const response = await send(id, call, textOf(call));
      const parsed = shape.safeParse(JSON.parse(await boundedText(response, call.mostBytes ?? usualBytes)));
      return response.ok && parsed.success ? parsed.data : null;
    } catch {
      // It ends, or hangs: whoever needs its answer does without.
      return null;
    }
  };

  const tell = async (id: ProcessId, call: Call, text: string | undefined): Promise<void> => {
    try {
      const response = await send(id, { deadlineMs: tellMs, ...call }, text);
      const said = await response.text();
      if (response.ok) return;
      log.error("an edge process does not follow a command and is stopped", { id, command: call.path, said });
      await send(id, { method: "POST", path: "/stop" }, undefined);
    } catch (error) {
      // One that does not listen yet reads from the disk what it missed, and one that ends serves nobody any more.
      if (!isLiving(id) || (error as Error).name !== "TimeoutError") return;
      log.error("an edge process hangs and is killed", { id, command: call.path });
      process.kill(pidOf(id), "SIGKILL");
    }
  };

  return {
    ids,
    ask,
    async askAll(shape, call) {
      const asked = ids();
      const answers = await Promise.all(asked.map((id) => ask(id, shape, call)));
      const given = new Map<ProcessId, NonNullable<(typeof answers)[number]>>();
      asked.forEach((id, at) => {
        const answer = answers[at];
        if (answer != null) given.set(id, answer);
      });
      return given;
    },
    async tellAll(call) {
      const all = ids();
      if (all.length === 0) return;
      const text = textOf(call);
      await Promise.all(all.map((id) => tell(id, call, text)));
    },
  };
};
