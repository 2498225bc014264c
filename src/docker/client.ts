import type Dockerode from "dockerode";
import { AppError, invalid } from "../errors.ts";
import { DockerodeClient } from "./dockerode.ts";
import { engineRefused, engineTooSlow, engineUnavailable, isConnectionError, isHttpError } from "./errors.ts";

/** The newest API this code was written for; Docker 29 accepts nothing older than 1.44. */
const newestApi = "1.44";
const defaultDeadlineMs = 15_000;
/** Of the question whether an engine that let a call time out answers at all, and how long a "no" holds. */
const pingDeadlineMs = 2000;
const noAnswerHoldsMs = 1000;

export interface CallOptions {
  deadlineMs?: number;
  /** Ends the call early; the signal's reason is thrown then. */
  signal?: AbortSignal;
}

/**
 * Docker's API with a deadline on every call and errors as AppErrors: `engine_unavailable` when it does not
 * answer. Error statuses that `work` catches itself stay its own.
 */
export interface DockerClient {
  readonly dockerHost: string;
  /** `act` names the call in errors. */
  call<T>(act: string, work: (docker: Dockerode) => Promise<T>, options?: CallOptions): Promise<T>;
  /** As `call`, but the deadline ends with the response's head: what comes back is a stream that may last. */
  open(
    act: string,
    work: (docker: Dockerode) => Promise<NodeJS.ReadableStream>,
    options?: CallOptions,
  ): Promise<NodeJS.ReadableStream>;
}

/** `unix:///path` or `tcp://host:port` (TLS by Docker's own DOCKER_CERT_PATH) to dockerode's options. */
const connection = (dockerHost: string): Dockerode.DockerOptions => {
  if (dockerHost.startsWith("unix://"))
    // `host: undefined` keeps docker-modem from preferring a DOCKER_HOST of the environment
    return { socketPath: dockerHost.slice("unix://".length), host: undefined };
  const url = URL.parse(dockerHost);
  if (url?.protocol !== "tcp:" || url.hostname === "")
    throw invalid("DOCKER_HOST", "must be unix:///path/of/docker.sock or tcp://host:port");
  const tls = url.port === "2376" || process.env.DOCKER_TLS_VERIFY === "1";
  return { host: url.hostname, port: url.port || 2375, protocol: tls ? "https" : "http" };
};

const asNumber = (version: string): number => {
  const [major = "0", minor = "0"] = version.split(".");
  return Number(major) * 1000 + Number(minor);
};

/** The lower of the engine's newest and ours, but never below what the engine still accepts. */
export const chooseApiVersion = (engine: { ApiVersion: string; MinAPIVersion?: string }): string => {
  const lower = asNumber(engine.ApiVersion) < asNumber(newestApi) ? engine.ApiVersion : newestApi;
  const min = engine.MinAPIVersion;
  return min && asNumber(min) > asNumber(lower) ? min : lower;
};

type Modem = Dockerode["modem"];

/** All requests of this dockerode end with the signal, also those whose methods take none. */
const withSignal = (modem: Modem, abortSignal: AbortSignal): Dockerode => {
  const bound: Modem = Object.create(modem);
  const dial: Modem["dial"] = modem.dial.bind(modem);
  bound.dial = (request, callback) => dial(Object.assign({}, request, { abortSignal }), callback);
  return new DockerodeClient({ modem: bound } as Dockerode.DockerOptions);
};

export const createDockerClient = (dockerHost: string): DockerClient => {
  const options = connection(dockerHost);
  let negotiated: Promise<Modem> | null = null;

  /** Shared by all calls that wait for it, so it ends by a deadline of its own. */
  const negotiate = async (): Promise<Modem> => {
    const signal = AbortSignal.timeout(defaultDeadlineMs);
    // asking without a version in the path is what every engine answers
    const facts = await withSignal(new DockerodeClient(options).modem, signal).version();
    return new DockerodeClient({ ...options, version: `v${chooseApiVersion(facts)}` }).modem;
  };

  /** A call ran into its deadline, and nothing was answered since. */
  let isSuspect = false;
  let asking: Promise<boolean> | null = null;

  /** One question for all calls that wait for it. */
  const answers = async (): Promise<boolean> => {
    const signal = AbortSignal.timeout(pingDeadlineMs);
    const late = new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason)),
    );
    try {
      await Promise.race([withSignal(new DockerodeClient(options).modem, signal).ping(), late]);
      isSuspect = false;
      asking = null;
      return true;
    } catch {
      setTimeout(() => (asking = null), noAnswerHoldsMs).unref();
      return false;
    }
  };

  const run = async <T>(
    act: string,
    work: (docker: Dockerode) => Promise<T>,
    { deadlineMs = defaultDeadlineMs, signal }: CallOptions,
    keepOpen: boolean,
  ): Promise<T> => {
    signal?.throwIfAborted();
    // An engine that hangs is not waited for by each caller anew.
    if (isSuspect && !(await (asking ??= answers()))) throw engineTooSlow("ping", pingDeadlineMs, undefined);
    const controller = new AbortController();
    // not only aborted but raced: work that ignores its signal must not hang the caller
    const early = Promise.withResolvers<never>();
    early.promise.catch(() => {});
    const abort = () => {
      early.reject(signal?.reason);
      controller.abort();
    };
    signal?.addEventListener("abort", abort);
    const timer = setTimeout(() => {
      isSuspect = true;
      early.reject(engineTooSlow(act, deadlineMs, undefined));
      controller.abort();
    }, deadlineMs);
    try {
      const answer = (async () => work(withSignal(await (negotiated ??= negotiate()), controller.signal)))();
      answer.catch(() => {});
      return await Promise.race([answer, early.promise]);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (isHttpError(error)) throw engineRefused(act, error);
      if (error instanceof AppError && error.code !== "engine_unavailable") throw error;
      negotiated = null; // it may come back as another version
      throw isConnectionError(error) ? engineUnavailable(dockerHost, error) : error;
    } finally {
      clearTimeout(timer);
      if (!keepOpen) signal?.removeEventListener("abort", abort);
    }
  };

  return {
    dockerHost,
    call: (act, work, callOptions = {}) => run(act, work, callOptions, false),
    async open(act, work, { deadlineMs, signal } = {}) {
      signal?.throwIfAborted();
      const life = new AbortController();
      const end = () => life.abort(signal?.reason);
      const release = () => signal?.removeEventListener("abort", end);
      signal?.addEventListener("abort", end);
      try {
        const stream = await run(act, work, { deadlineMs, signal: life.signal }, true);
        // an aborted stream ends with an error event; readers watch `close`, nobody must crash of it
        stream.on("error", () => {});
        stream.on("close", release);
        return stream;
      } catch (error) {
        release();
        throw error;
      }
    },
  };
};
