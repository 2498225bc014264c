import { connect, type RawConnection } from "./connection.ts";

/** Kinds of requests, each by workers of its own. */
const kinds = [
  { name: "GET, kept connection", method: "GET", kept: true, path: "/" },
  { name: "GET, new connection", method: "GET", kept: false, path: "/" },
  { name: "POST, kept connection", method: "POST", kept: true, path: "/" },
  { name: "POST, new connection", method: "POST", kept: false, path: "/" },
  { name: "POST in chunks, kept connection", method: "POST chunked", kept: true, path: "/" },
  { name: "slow GET, kept connection", method: "GET", kept: true, path: "/slow" },
] as const;
type Kind = (typeof kinds)[number];

export interface LoadReport {
  requests: number;
  failed: number;
  /** How many of each kind. */
  byKind: Record<string, number>;
  /** The first few failures, each with when it happened (ms since the start). */
  failures: string[];
  /** What the app said it is, in the order of first appearance. */
  releases: string[];
}

export interface Load {
  readonly report: LoadReport;
  /** Ends after the requests under way. */
  stop(): Promise<LoadReport>;
}

const requestDeadlineMs = 30_000;
const bodyBytes = 1000;

/**
 * Visits a site all the time, and checks each answer: status 200, and a body `RELEASE METHOD BODYBYTES TOKEN`
 * that repeats the token of this very request (see `loadApp`). Nothing is sent twice; whatever does not get such
 * an answer counts as failed.
 * @param pauseMs between two requests of a worker, to leave the machine something for the deploys
 */
export const startLoad = (target: {
  /** 127.0.0.1 by default. */
  address?: string;
  port: number;
  host: string;
  workersPerKind: number;
  pauseMs: number;
}): Load => {
  const report: LoadReport = { requests: 0, failed: 0, byKind: {}, failures: [], releases: [] };
  const startedMs = performance.now();
  let stopping = false;

  const visit = async (kind: Kind, connection: RawConnection, token: string): Promise<void> => {
    const { status, body } = await connection.send(requestText(kind, target.host, token), requestDeadlineMs);
    if (status !== 200) throw new Error(`status ${status}: ${body.slice(0, 200)}`);
    const [release, method, bytes, said] = body.split(" ");
    const sentBytes = kind.method === "GET" ? 0 : bodyBytes;
    if (method !== kind.method.split(" ")[0] || Number(bytes) !== sentBytes || said !== token)
      throw new Error(`another answer than asked for: ${body.slice(0, 200)}`);
    if (!report.releases.includes(release!)) report.releases.push(release!);
  };

  const worker = async (kind: Kind, number: number): Promise<void> => {
    let connection: RawConnection | null = null;
    for (let n = 0; !stopping; n++) {
      report.requests++;
      report.byKind[kind.name] = (report.byKind[kind.name] ?? 0) + 1;
      try {
        if (!connection?.usable) connection = await connect(target.address ?? "127.0.0.1", target.port);
        await visit(kind, connection, `${number}.${n}`);
      } catch (error) {
        report.failed++;
        const atMs = Math.round(performance.now() - startedMs);
        if (report.failures.length < 20)
          report.failures.push(`${kind.name} at ${atMs} ms: ${(error as Error).message}`);
        connection?.close();
        connection = null;
      }
      if (!kind.kept) {
        connection?.close();
        connection = null;
      }
      await Bun.sleep(target.pauseMs);
    }
    connection?.close();
  };

  const workers = kinds.flatMap((kind) =>
    Array.from({ length: target.workersPerKind }, (_, number) => worker(kind, number)),
  );
  return {
    report,
    stop: async () => {
      stopping = true;
      await Promise.all(workers);
      return report;
    },
  };
};

const requestText = ({ method, path, kept }: Kind, host: string, token: string): string => {
  const [verb, chunked] = method.split(" ");
  const body = "x".repeat(bodyBytes);
  const half = bodyBytes / 2;
  const chunk = `${half.toString(16)}\r\n${body.slice(half)}\r\n`;
  const framed =
    verb === "GET"
      ? "\r\n"
      : chunked
        ? `Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}0\r\n\r\n`
        : `Content-Length: ${bodyBytes}\r\n\r\n${body}`;
  return `${verb} ${path}?token=${token} HTTP/1.1\r\nHost: ${host}\r\n${kept ? "" : "Connection: close\r\n"}${framed}`;
};

/**
 * The app that `startLoad` visits, as a folder for Bun's base image: `/slow` answers after 300 ms, `/events` sends
 * one event every 50 ms, `/socket` is a WebSocket that says each message back behind the release's name.
 */
export const loadApp = (release: string): Record<string, string> => ({
  Dockerfile: [
    "FROM oven/bun:1-slim",
    "WORKDIR /app",
    "COPY server.ts .",
    "USER bun",
    'CMD ["bun", "server.ts"]',
    "",
  ].join("\n"),
  "server.ts": `const release = ${JSON.stringify(release)};
const events = () => {
  let timer, n = 0;
  return new Response(new ReadableStream({
    start(controller) {
      timer = setInterval(() => controller.enqueue(\`id: \${++n}\\ndata: \${release}\\n\\n\`), 50);
    },
    cancel() { clearInterval(timer); },
  }), { headers: { "content-type": "text/event-stream" } });
};
Bun.serve({
  port: process.env.PORT,
  async fetch(request, server) {
    const url = new URL(request.url);
    if (url.pathname === "/socket" && server.upgrade(request)) return;
    if (url.pathname === "/events") {
      server.timeout(request, 0);
      return events();
    }
    const body = await request.text();
    if (url.pathname === "/slow") await Bun.sleep(300);
    return new Response([release, request.method, body.length, url.searchParams.get("token")].join(" "));
  },
  websocket: { message: (socket, text) => void socket.send(\`\${release} \${text}\`) },
});
`,
});
