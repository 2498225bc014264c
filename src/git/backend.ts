import type { Log } from "../domain/log.ts";
import { AppError } from "../errors.ts";
import { gitEnv, type GitConfig } from "./git-env.ts";
import { plainLine } from "./plain-line.ts";
import { endGroup, limitedGit, readBounded } from "./run-git.ts";

export type GitService = "git-upload-pack" | "git-receive-pack";

export interface BackendCall {
  service: GitService;
  /** `advertise` is `GET info/refs`, `call` the POST that follows. */
  phase: "advertise" | "call";
  repoPath: string;
  config?: readonly GitConfig[];
  env?: Record<string, string>;
  /** Name for git's records of who pushed. */
  user: string;
  deadlineMs: number;
  /** Longest time without a byte from or to the client; git itself sends one every 5 s while it works. */
  stallMs: number;
  log: Log;
  /**
   * Asked when the client is gone: what must still come to pass before the process may be ended (a minute at most;
   * its output is read and dropped meanwhile), or null.
   */
  finishWithoutClient?(): Promise<void> | null;
  /** Once, when the process has ended. */
  onEnd?(): void;
}

const maxHeadBytes = 16 * 1024;
const finishDeadlineMs = 60_000;
const giveUpMs = 1000;

/** Splits a CGI answer (RFC 3875) into its head and the first bytes of its body. */
const readHead = async (
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<{ status: number; headers: Headers; rest: Uint8Array } | null> => {
  let seen = Buffer.alloc(0);
  while (seen.length <= maxHeadBytes) {
    const end = seen.indexOf("\r\n\r\n");
    if (end >= 0) {
      const headers = new Headers();
      for (const line of seen.subarray(0, end).toString("latin1").split("\r\n")) {
        const colon = line.indexOf(":");
        if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
      }
      const status = Number.parseInt(headers.get("status") ?? "200", 10);
      headers.delete("status");
      return { status, headers, rest: seen.subarray(end + 4) };
    }
    const { done, value } = await reader.read();
    if (done) return null;
    seen = Buffer.concat([seen, value]);
  }
  return null;
};

/** The same bytes, and a call for each chunk that is taken. */
const metered = (
  reader: ReadableStreamDefaultReader<Uint8Array>,
  onChunk: () => void,
  more: { first?: Uint8Array; onCancel?: () => void } = {},
): ReadableStream<Uint8Array> =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      if (more.first && more.first.length > 0) controller.enqueue(more.first);
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      onChunk();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel(reason) {
      if (more.onCancel) more.onCancel();
      else await reader.cancel(reason);
    },
  });

/** What `git http-backend` must know of the request (git-http-backend(1)). */
const cgiEnv = (request: Request, call: BackendCall): Record<string, string> => {
  const path = call.phase === "advertise" ? "info/refs" : call.service;
  const env: Record<string, string> = {
    ...call.env,
    GIT_HTTP_EXPORT_ALL: "1",
    PATH_TRANSLATED: `${call.repoPath}/${path}`,
    REQUEST_METHOD: call.phase === "advertise" ? "GET" : "POST",
    QUERY_STRING: call.phase === "advertise" ? `service=${call.service}` : "",
    REMOTE_USER: call.user,
  };
  if (call.phase === "call") env.CONTENT_TYPE = request.headers.get("content-type") ?? "";
  const length = request.headers.get("content-length");
  // With chunks there is no length, and git then reads up to the end of its input.
  if (length !== null && /^\d+$/.test(length) && !request.headers.has("transfer-encoding"))
    env.CONTENT_LENGTH = length;
  if (request.headers.get("content-encoding") === "gzip") env.HTTP_CONTENT_ENCODING = "gzip";
  const protocol = request.headers.get("git-protocol");
  if (protocol && /^[a-z0-9=:.]{1,100}$/i.test(protocol)) env.GIT_PROTOCOL = protocol;
  return env;
};

/**
 * Answers one smart-HTTP request with `git http-backend` in a process group of its own. Bodies are streamed both
 * ways as fast as the slower side takes them. When the client leaves or the deadline passes, the group is ended.
 * @throws AppError `unavailable` when git cannot be started, `internal` when its answer has no head
 */
export const gitBackend = async (request: Request, call: BackendCall): Promise<Response> => {
  let child: Bun.Subprocess<Bun.SpawnOptions.Writable, "pipe", "pipe">;
  let movedAtMs = performance.now();
  const moved = () => {
    movedAtMs = performance.now();
  };
  const uploaded = call.phase === "call" ? request.body?.getReader() : undefined;
  try {
    child = Bun.spawn(limitedGit(["http-backend"]), {
      env: gitEnv([["http.getanyfile", "false"], ...(call.config ?? [])], cgiEnv(request, call)),
      cwd: call.repoPath,
      stdin: uploaded ? metered(uploaded, moved) : "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
    });
  } catch (cause) {
    call.onEnd?.();
    throw new AppError("unavailable", "git could not be started; is it installed?", { cause });
  }
  const reader = child.stdout.getReader();
  let clientGone = false;

  const leave = async () => {
    if (clientGone) return;
    clientGone = true;
    const finish = call.finishWithoutClient?.();
    if (finish) {
      const drained = (async () => {
        while (!(await reader.read()).done);
      })();
      await Promise.race([finish, drained, Bun.sleep(finishDeadlineMs)]).catch(() => {});
    } else {
      // With its input at an end, git gives up by itself and removes what it wrote; killed by a signal it does not.
      void uploaded?.cancel().catch(() => {});
      await Promise.race([child.exited, Bun.sleep(giveUpMs)]);
    }
    await endGroup(child);
  };
  const onAbort = () => void leave();
  request.signal.addEventListener("abort", onAbort, { once: true });
  const deadline = setTimeout(() => void endGroup(child), call.deadlineMs);
  const stall = setInterval(() => {
    if (performance.now() - movedAtMs > call.stallMs) void leave();
  }, call.stallMs / 4);

  const stderr = readBounded(child.stderr, 8 * 1024);
  void child.exited.then(async (exitCode) => {
    clearTimeout(deadline);
    clearInterval(stall);
    request.signal.removeEventListener("abort", onAbort);
    call.onEnd?.();
    const said = plainLine((await stderr).trim().replaceAll("\n", "; "));
    if (exitCode !== 0 && !clientGone)
      call.log.warn("git ended badly", { service: call.service, exitCode, said });
  });

  const head = await readHead(reader);
  if (!head) {
    await endGroup(child);
    throw new AppError("internal", "git gave no answer");
  }
  const body = metered(reader, moved, { first: head.rest, onCancel: () => void leave() });
  return new Response(body, { status: head.status, headers: head.headers });
};
