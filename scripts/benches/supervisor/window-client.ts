/**
 * Visitors at a steady rate, for as long as the input lasts: `bun window-client.ts PORT HOST RATE CONNECTIONS`. A line
 * on the input ends a window, and its `WindowReport` is printed as a line of JSON. A request is due at a fixed moment
 * and its latency counts from then, whether or not earlier ones were answered (no coordinated omission). It goes before
 * all other programs of the machine where it may: visitors sit elsewhere.
 */
import { writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import type { Socket } from "bun";

export interface WindowReport {
  requests: number;
  failed: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  example: string | null;
}

interface Line {
  /** When the request in flight was due; -1: none is. */
  dueMs: number;
  text: string;
}

const [port, host, rate, connections] = process.argv.slice(2) as [string, string, string, string];
const perMs = Number(rate) / 1000;
const request = Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: window\r\n\r\n`);

try {
  setPriority(-20);
  writeFileSync("/proc/self/autogroup", "-20");
} catch {
  // Not root, or a kernel without autogroups.
}

let latenciesMs: number[] = [];
let failed = 0;
let example: string | null = null;
const free: Socket<Line>[] = [];
const startMs = performance.now();
let sent = 0;

const pump = (): void => {
  const nowMs = performance.now();
  for (;;) {
    const dueMs = startMs + sent / perMs;
    if (dueMs > nowMs) return;
    const socket = free.pop();
    if (socket === undefined) return;
    sent++;
    socket.data = { dueMs, text: "" };
    socket.write(request);
  }
};

const fail = (why: string): void => {
  failed++;
  example ??= why;
};

const open = async (): Promise<void> => {
  await Bun.connect<Line>({
    hostname: "127.0.0.1",
    port: Number(port),
    data: { dueMs: -1, text: "" },
    socket: {
      open: (socket) => void free.push(socket),
      data(socket, bytes) {
        const line = socket.data;
        line.text += bytes.toString("latin1");
        const end = line.text.indexOf("\r\n\r\n");
        if (end < 0 || line.dueMs < 0) return;
        const length = Number(/content-length: (\d+)/i.exec(line.text)?.[1] ?? 0);
        if (line.text.length < end + 4 + length) return;
        latenciesMs.push(performance.now() - line.dueMs);
        if (!line.text.startsWith("HTTP/1.1 200")) fail(line.text.slice(0, line.text.indexOf("\r\n")));
        line.dueMs = -1;
        free.push(socket);
        pump();
      },
      close(socket) {
        if (socket.data.dueMs >= 0) fail("the connection was closed");
        else free.splice(free.indexOf(socket), 1);
        setTimeout(() => void open().catch((error: Error) => fail(error.message)), 20);
      },
    },
  });
};

for (let n = 0; n < Number(connections); n++) await open();
setInterval(pump, 1);

for await (const _ of console) {
  const sorted = latenciesMs.sort((a, b) => a - b);
  const at = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;
  const report: WindowReport = {
    requests: sorted.length,
    failed,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: sorted.at(-1) ?? 0,
    example,
  };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  latenciesMs = [];
  failed = 0;
  example = null;
}
process.exit(0);
