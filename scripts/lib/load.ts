/**
 * A little load on one site, to count what a redeploy breaks: `bun scripts/lib/load.ts ORIGIN HOST`.
 * Four workers, GET and POST, kept-alive and new connections. Runs until SIGTERM, at most two minutes, then
 * prints `{"requests", "failed", "example"}`.
 */
const [origin, host] = process.argv.slice(2);
if (!origin || !host) {
  console.error("usage: load.ts ORIGIN HOST");
  process.exit(2);
}

const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
const endsAtMs = performance.now() + 120_000;

let requests = 0;
let failed = 0;
let example: string | null = null;

const fail = (reason: string): void => {
  failed++;
  example ??= reason;
};

const send = async (method: "GET" | "POST", keepalive: boolean): Promise<void> => {
  requests++;
  try {
    const response = await fetch(origin, {
      method,
      headers: { host },
      body: method === "POST" ? "x".repeat(1000) : undefined,
      keepalive,
      redirect: "manual",
      signal: AbortSignal.timeout(10_000),
    });
    await response.arrayBuffer();
    if (!response.ok) fail(`${method} answered ${response.status}`);
  } catch (error) {
    fail(`${method}: ${error}`);
  }
};

const worker = async (method: "GET" | "POST", keepalive: boolean): Promise<void> => {
  while (!stop.signal.aborted && performance.now() < endsAtMs) {
    await send(method, keepalive);
    await Bun.sleep(5);
  }
};

await Promise.all([worker("GET", true), worker("GET", false), worker("POST", true), worker("POST", false)]);
console.log(JSON.stringify({ requests, failed, example }));

export {};
