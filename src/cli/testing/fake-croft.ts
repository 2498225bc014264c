import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hono } from "hono";
import type { HostBackup } from "../command.ts";
import type { Io } from "../io.ts";
import { runCli } from "../run.ts";

export interface SeenRequest {
  method: string;
  /** Below /api/v1, with its query. */
  path: string;
  authorization: string | null;
  lastEventId: string | null;
  body: unknown;
}

/** What to answer: JSON, or a whole Response. */
export type Answer = (request: SeenRequest) => unknown;

export const problem = (status: number, code: string, detail: string, errors?: unknown): Response =>
  new Response(
    JSON.stringify({ type: `urn:croft:error:${code}`, title: code, status, detail, code, errors }),
    {
      status,
      headers: { "Content-Type": "application/problem+json" },
    },
  );

export interface Ran {
  exitCode: number;
  out: string;
  err: string;
}

/**
 * Stands in for the daemon: answers of the API as the contract has them, over a real socket. The home directory is
 * a folder of its own.
 */
export const fakeCroft = async (answers: Record<string, Answer> = {}, parts: { gitPort?: number } = {}) => {
  const seen: SeenRequest[] = [];
  const app = new Hono();
  const running = new Set<() => void>();
  app.all("/git/*", async (c) => {
    const { pathname, search } = new URL(c.req.url);
    const { method, headers, body, signal } = c.req.raw;
    const init = { method, headers, body, signal, decompress: false, redirect: "manual" } as RequestInit;
    const answer = await fetch(`http://127.0.0.1:${parts.gitPort}${pathname}${search}`, init);
    // Ends too early when it is cut, with nothing amiss that the server could tell of.
    let end = (): void => {};
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
      start: (controller) => void running.add((end = () => controller.terminate())),
      flush: () => void running.delete(end),
    });
    answer.body?.pipeTo(writable).catch(() => {});
    return new Response(readable, answer);
  });
  app.all("/api/v1/*", async (c) => {
    const url = new URL(c.req.url);
    const text = await c.req.text();
    const request: SeenRequest = {
      method: c.req.method,
      path: url.pathname.replace("/api/v1", "") + url.search,
      authorization: c.req.header("authorization") ?? null,
      lastEventId: c.req.header("last-event-id") ?? null,
      body: text === "" ? undefined : JSON.parse(text),
    };
    seen.push(request);
    const answer = answers[`${request.method} ${request.path.split("?")[0]}`];
    if (!answer) return problem(404, "not_found", "the site was not found");
    const given = await answer(request);
    return given instanceof Response ? given : c.json(given as object);
  });
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: app.fetch, development: false });
  const home = await mkdtemp(join(tmpdir(), "croft-cli-"));
  const url = `http://127.0.0.1:${server.port}`;

  /** Runs one command; `stdin` is what it reads there. */
  const run = async (
    argv: string[],
    options: {
      env?: Record<string, string>;
      stdin?: string;
      signal?: AbortSignal;
      hostBackup?: HostBackup;
    } = {},
  ): Promise<Ran> => {
    const ran: Ran = { exitCode: -1, out: "", err: "" };
    const io: Io = {
      out: (text) => void (ran.out += text),
      err: (text) => void (ran.err += text),
      readStdin: async () => options.stdin ?? "",
      ask: async () => options.stdin ?? "",
      isTerminal: false,
      cwd: home,
      signal: options.signal ?? new AbortController().signal,
    };
    const env = { HOME: home, CROFT_URL: url, CROFT_TOKEN: "croft_test_key", ...options.env };
    ran.exitCode = await runCli(argv, env, {
      io,
      hostBackup: options.hostBackup && (async () => options.hostBackup!),
    });
    return ran;
  };

  return {
    url,
    home,
    seen,
    run,
    answers,
    /** Breaks off the git requests that are being answered. @returns how many */
    cutGit: () => {
      const ends = [...running];
      running.clear();
      for (const end of ends) end();
      return ends.length;
    },
    close: async () => {
      await server.stop(true);
      await rm(home, { recursive: true, force: true });
    },
  };
};

export type FakeCroft = Awaited<ReturnType<typeof fakeCroft>>;

/** Server-sent events of one connection, which ends after them. */
export const eventStream = (events: { id?: number | string; event: string; data: unknown }[]): Response =>
  new Response(
    events
      .map(
        ({ id, event, data }) =>
          `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
      )
      .join(""),
    { headers: { "Content-Type": "text/event-stream" } },
  );
