import { join } from "node:path";
import { z } from "zod";
import { AppError } from "../errors.ts";
import type {
  AcmeChallenge,
  CertificateSet,
  EdgeHealth,
  MeterReading,
  RouteTable,
  RouteTarget,
} from "../domain/edge.ts";
import { latencyOfText } from "../domain/latency-histogram.ts";
import { boundedText } from "./bounded-text.ts";

/**
 * Speaks to a running edge. Every call has a deadline; all throw AppError `unavailable` when there is no answer,
 * `conflict` for a table that is not newer, `invalid_input` for one that is not understood.
 */
export interface EdgeClient {
  health(): Promise<EdgeHealth>;
  /** Returns once every new request follows the table, and the table is on the edge's disk. */
  putTable(table: RouteTable): Promise<{ version: number }>;
  /**
   * Returns once every new handshake uses them, and they are on the edge's disk; `invalid_input` names the
   * certificate that cannot be served, `conflict` says that the edge has a newer set.
   */
  putCertificates(set: CertificateSet): Promise<{ version: number }>;
  /** Replaces the challenges that are answered. */
  putChallenges(challenges: readonly AcmeChallenge[]): Promise<void>;
  meters(): Promise<MeterReading>;
  /** Requests and upgraded connections in flight by replica id. */
  active(): Promise<Record<string, number>>;
  /** Requests that wait for another target by route id. */
  held(): Promise<Record<string, number>>;
  /**
   * Leads present routes elsewhere, faster than a table does, but only until the edge is started anew: a table that
   * says the same has to follow. `conflict` unless `version` is the present table's.
   */
  putTargets(version: number, targets: Record<string, RouteTarget>): Promise<void>;
  /** Waits some seconds for requests that begin to wait. @returns routes where some wait */
  wanted(): Promise<string[]>;
  /**
   * Waits until nothing is in flight on the replicas, at most `deadlineMs` from now; then what is left is cut.
   * @returns how many were cut
   */
  drain(replicaIds: readonly string[], deadlineMs: number): Promise<{ remaining: number }>;
  /** Returns when the edge no longer listens; it then finishes what is in flight (10 s at most) and exits. */
  stop(): Promise<void>;
}

const answerMs = 5_000;
/** Shorter, since it is asked often and nothing is done for it. */
const healthMs = 2_000;
const usualBytes = 8 * 1024 * 1024;
/** Of tens of thousands of routes. */
export const metersBytes = 256 * 1024 * 1024;

const health = z.object({
  pid: z.number(),
  version: z.string(),
  tableVersion: z.number(),
  // An edge of an earlier version does not say it.
  certificateVersion: z.number().default(0),
  startedAtMs: z.number(),
  listening: z.array(z.string()),
  // An edge of before knows none.
  http2: z.boolean().default(false),
  proxyProtocol: z.boolean().default(false),
  process: z.string().default(""),
  processes: z.number().default(1),
  retired: z.number().default(0),
});
const count = z.number();
/** As the edge tells it. */
export const meterReading = z.object({
  epoch: z.string(),
  atMs: z.number(),
  meters: z.record(
    z.string(),
    z.object({
      requests: count,
      status2xx: count,
      status3xx: count,
      status4xx: count,
      status5xx: count,
      bytesIn: count,
      bytesOut: count,
      active: count,
      latencySumMs: count,
      latency: z.string().transform(latencyOfText),
    }),
  ),
});

/** @param dir the edge's folder, which holds `edge.sock` */
export const createEdgeClient = (dir: string): EdgeClient => {
  const unix = join(dir, "edge.sock");
  const call = async <T>(
    method: string,
    path: string,
    shape: z.ZodType<T>,
    body?: unknown,
    deadlineMs = answerMs,
    mostBytes = usualBytes,
  ): Promise<T> => {
    let response: Response;
    let text: string;
    try {
      response = await fetch(`http://edge${path}`, {
        unix,
        method,
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: AbortSignal.timeout(deadlineMs),
        // A kept connection may belong to an edge that was replaced meanwhile.
        keepalive: false,
      });
      text = await boundedText(response, mostBytes);
    } catch (cause) {
      throw new AppError("unavailable", `the edge does not answer on ${unix}`, { cause });
    }
    const answered = parseJson(text);
    if (!response.ok) throw refusal(response.status, answered);
    const parsed = shape.safeParse(answered);
    if (!parsed.success)
      throw new AppError("unavailable", `the edge's answer to ${path} was not understood`, {
        cause: parsed.error,
      });
    return parsed.data;
  };
  return {
    health: () => call("GET", "/health", health, undefined, healthMs),
    putTable: (table) => call("PUT", "/table", z.object({ version: z.number() }), table, 15_000),
    putCertificates: (set) => call("PUT", "/certificates", z.object({ version: z.number() }), set, 15_000),
    putChallenges: async (challenges) => {
      await call("PUT", "/challenges", z.object({}), { challenges });
    },
    meters: () => call("GET", "/meters", meterReading, undefined, answerMs, metersBytes),
    active: () => call("GET", "/active", z.record(z.string(), z.number())),
    held: () => call("GET", "/held", z.record(z.string(), z.number())),
    putTargets: async (version, targets) => {
      await call("PUT", "/targets", z.object({}), { version, targets });
    },
    wanted: () => call("GET", "/wanted", z.array(z.string()), undefined, 10_000),
    drain: (replicaIds, deadlineMs) =>
      call(
        "POST",
        "/drain",
        z.object({ remaining: z.number() }),
        { replicaIds, deadlineMs },
        deadlineMs + answerMs,
      ),
    stop: async () => {
      await call("POST", "/stop", z.object({}));
    },
  };
};

/** The call failed because somebody holds the socket, but does not answer: an edge that hangs. */
export const isHanging = (error: unknown): boolean =>
  error instanceof AppError && (error.cause as { name?: string } | undefined)?.name === "TimeoutError";

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

const refusal = (status: number, answered: unknown): AppError => {
  const said = z.object({ error: z.string() }).safeParse(answered);
  const words = said.success ? said.data.error : `status ${status}`;
  if (status === 409) return new AppError("conflict", words);
  if (status === 422) return new AppError("invalid_input", words);
  if (status === 400) return new AppError("invalid_input", `route table: ${words}`);
  return new AppError("unavailable", `the edge refused: ${words}`);
};
