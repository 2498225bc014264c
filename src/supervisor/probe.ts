import type { ReplicaRecord } from "../domain/records.ts";
import type { HealthCheck } from "../domain/site.ts";

export interface ProbeResult {
  ok: boolean;
  /** What was tried and what came: `GET / on port 3000 -> 503 in 4 ms`. */
  summary: string;
  bodyExcerpt: string | null;
}

const excerptBytes = 300;

/** One attempt at a replica's health check; never throws. HTTP is good with 200–399, redirects are not followed. */
export const probe = async (
  replica: Pick<ReplicaRecord, "address" | "port">,
  check: HealthCheck,
  host: string,
  signal: AbortSignal,
): Promise<ProbeResult> => {
  const { address, port } = replica;
  if (address === null || port === null)
    return { ok: false, summary: "the replica has no address", bodyExcerpt: null };
  const startedMs = performance.now();
  const took = (): string => `${Math.max(1, Math.round(performance.now() - startedMs))} ms`;
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(check.timeoutSeconds * 1000)]);
  if (check.type === "tcp") {
    const error = await connect(address, port, bounded);
    return {
      ok: error === null,
      summary: `TCP port ${port} -> ${error ?? "open"} in ${took()}`,
      bodyExcerpt: null,
    };
  }
  const what = `GET ${check.path} on port ${port}`;
  try {
    const response = await fetch(`http://${address}:${port}${check.path}`, {
      redirect: "manual",
      headers: { host, "user-agent": "croft-probe", connection: "close" },
      signal: bounded,
    });
    const ok = response.status >= 200 && response.status < 400;
    const excerpt = ok ? null : await firstBytes(response);
    if (ok) await response.body?.cancel();
    return { ok, summary: `${what} -> ${response.status} in ${took()}`, bodyExcerpt: excerpt };
  } catch (error) {
    return { ok: false, summary: `${what} -> ${reasonOf(error, check)} in ${took()}`, bodyExcerpt: null };
  }
};

const reasonOf = (error: unknown, check: HealthCheck): string => {
  const code = (error as { code?: string }).code ?? "";
  if (code === "ConnectionRefused" || code === "ECONNREFUSED") return "connection refused";
  if ((error as Error).name === "TimeoutError") return `no answer within ${check.timeoutSeconds} s`;
  return code === "ConnectionClosed" || code === "ECONNRESET"
    ? "connection closed without an answer"
    : "no valid answer";
};

const firstBytes = async (response: Response): Promise<string | null> => {
  const reader = response.body?.getReader();
  if (!reader) return null;
  try {
    const { value } = await reader.read();
    const text = new TextDecoder().decode(value?.subarray(0, excerptBytes));
    return text.replaceAll(/[\s\x00-\x1f\x7f]+/g, " ").trim() || null;
  } catch {
    return null;
  } finally {
    await reader.cancel().catch(() => {});
  }
};

/** @returns null when the connection opened, otherwise why not */
const connect = (hostname: string, port: number, signal: AbortSignal): Promise<string | null> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve("no answer in time");
    signal.addEventListener("abort", () => resolve("no answer in time"), { once: true });
    Bun.connect({
      hostname,
      port,
      socket: {
        open: (socket) => {
          socket.end();
          resolve(null);
        },
        data() {},
        connectError: () => resolve("connection refused"),
      },
    }).catch(() => resolve("connection refused"));
  });
