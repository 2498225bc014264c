import type { ErrorCode, FieldError } from "../errors.ts";
import { parseEventStream, type ServerEvent } from "./event-stream.ts";

/** What the API refused, in its own words. `code` is `unreachable` when there was no answer. */
export class ApiError extends Error {
  override name = "ApiError";
  constructor(
    readonly code: ErrorCode | "unreachable",
    message: string,
    readonly status: number | null,
    readonly errors: FieldError[] = [],
  ) {
    super(message);
  }
}

export interface ClientOptions {
  /** Without trailing slash. */
  url: string;
  token: string | null;
  signal: AbortSignal;
  requestTimeoutMs?: number;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface Client {
  readonly url: string;
  readonly token: string | null;
  /** @throws ApiError */
  get<T>(path: string): Promise<T>;
  send<T>(
    method: Exclude<Method, "GET">,
    path: string,
    body?: unknown,
    options?: { timeoutMs: number },
  ): Promise<T>;
  /** An answer that may be as long as it likes; a silence of a minute ends it. */
  download(path: string): Promise<AsyncIterable<Uint8Array>>;
  /** One connection's events, until the server ends it; resumes after `lastEventId`. */
  events(path: string, lastEventId: string | null): AsyncGenerator<ServerEvent>;
}

/** Longer than the server's heartbeats: a connection silent for that long is dead. */
const silenceMs = 60_000;

const problemOf = async (response: Response): Promise<ApiError> => {
  const text = await response.text();
  try {
    const problem = JSON.parse(text) as { code?: ErrorCode; detail?: string; errors?: FieldError[] };
    if (typeof problem.detail === "string")
      return new ApiError(problem.code ?? "internal", problem.detail, response.status, problem.errors);
  } catch {
    // Not ours: a proxy in between, or another program on that port.
  }
  return new ApiError(
    "internal",
    `${response.url} answered ${response.status}, but not as Croft does; is this its address?`,
    response.status,
  );
};

/** Speaks to /api/v1 of one installation. */
export const createClient = (options: ClientOptions): Client => {
  const { url, token, signal, requestTimeoutMs = 60_000 } = options;

  const request = async (method: Method, path: string, init: RequestInit): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (token !== null) headers.set("Authorization", `Bearer ${token}`);
    let response: Response;
    try {
      response = await fetch(`${url}/api/v1${path}`, { ...init, method, headers, redirect: "manual" });
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const why =
        error instanceof Error && error.name === "TimeoutError" ? "it did not answer in time" : "no answer";
      throw new ApiError(
        "unreachable",
        `cannot reach Croft at ${url} (${why}); is croft serve running there?`,
        null,
      );
    }
    if (response.ok) return response;
    const problem = await problemOf(response);
    if (problem.code === "unauthenticated" && token === null)
      throw new ApiError(problem.code, "not signed in: run croft login, or set CROFT_TOKEN", response.status);
    throw problem;
  };

  const json = async <T>(
    method: Method,
    path: string,
    body?: unknown,
    timeoutMs = requestTimeoutMs,
  ): Promise<T> => {
    const response = await request(method, path, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
    });
    const text = await response.text();
    return (text === "" ? {} : JSON.parse(text)) as T;
  };

  return {
    url,
    token,
    get: (path) => json("GET", path),
    send: (method, path, body, options) => json(method, path, body, options?.timeoutMs),
    download: async (path) => {
      const silence = new AbortController();
      let timer = setTimeout(() => silence.abort(), silenceMs);
      const response = await request("GET", path, { signal: AbortSignal.any([signal, silence.signal]) });
      return (async function* () {
        try {
          for await (const piece of response.body ?? []) {
            clearTimeout(timer);
            timer = setTimeout(() => silence.abort(), silenceMs);
            yield piece;
          }
        } finally {
          clearTimeout(timer);
        }
      })();
    },
    events: async function* (path, lastEventId) {
      const silence = new AbortController();
      let timer = setTimeout(() => silence.abort(), silenceMs);
      const alive = () => {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), silenceMs);
      };
      try {
        const response = await request("GET", path, {
          headers: {
            Accept: "text/event-stream",
            ...(lastEventId === null ? {} : { "Last-Event-ID": lastEventId }),
          },
          signal: AbortSignal.any([signal, silence.signal]),
        });
        if (response.body) yield* parseEventStream(response.body, alive);
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (error instanceof ApiError) throw error;
        // Cut off in the middle, which for the caller is an end like any other: it asks for the rest.
      } finally {
        clearTimeout(timer);
      }
    },
  };
};
