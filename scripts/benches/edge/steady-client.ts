/**
 * A visitor crowd with a steady rate: `bun steady-client.ts PORT HOST RATE SECONDS CONNECTIONS [HOSTS]`. A request is due at
 * a fixed moment, whether or not earlier ones were answered, and its latency counts from that moment: an answer that
 * comes late does not keep others from being counted (no coordinated omission). Runs until its seconds are over or
 * its input ends; prints a `SteadyReport` as JSON.
 */
import type { Socket } from "bun";

export interface SteadyReport {
  requests: number;
  failed: number;
  p50Ms: number;
  p99Ms: number;
  /** The slowest tenth, slowest first: what a percentile of several reports together is taken from. */
  slowestMs: number[];
  maxMs: number;
  /** How late the client itself was to send, at the 99th percentile, with a connection to send on. */
  lateP99Ms: number;
  example: string | null;
}

interface Line {
  socket: Socket<Line> | null;
  /** When the request in flight was due; -1: none is. */
  dueMs: number;
  head: string;
  left: number;
}

const [port, host, rate, seconds, connections] = process.argv.slice(2, 7) as [string, string, ...string[]];
const perMs = Number(rate) / 1000;
/** With several hosts, `#` in their name is the number of one, each in turn. */
const requests = Array.from({ length: Number(process.argv[7] ?? 1) }, (_, at) =>
  Buffer.from(`GET / HTTP/1.1\r\nHost: ${host.replace("#", `${at}`)}\r\nUser-Agent: steady\r\n\r\n`),
);

const free: Line[] = [];
const lines: Line[] = [];
const latenciesMs: number[] = [];
const latenessMs: number[] = [];
let failed = 0;
let example: string | null = null;
let sent = 0;
let startMs = 0;
let endMs = Number.POSITIVE_INFINITY;

const note = (dueMs: number, nowMs: number): void => {
  latenciesMs.push(nowMs - dueMs);
};

const fail = (why: string): void => {
  failed++;
  example ??= why;
};

const pump = (): void => {
  const nowMs = performance.now();
  const limitMs = Math.min(nowMs, endMs);
  for (;;) {
    const dueMs = startMs + sent / perMs;
    if (dueMs >= limitMs) return;
    const line = free.pop();
    if (line === undefined) return;
    latenessMs.push(nowMs - Math.max(dueMs, freedAtMs));
    sent++;
    line.dueMs = dueMs;
    line.head = "";
    line.left = 0;
    line.socket!.write(requests[sent % requests.length]!);
  }
};
/** When there last was no free connection: lateness before it was the server's. */
let freedAtMs = 0;

const connect = async (line: Line): Promise<void> => {
  await Bun.connect<Line>({
    hostname: "127.0.0.1",
    port: Number(port),
    data: line,
    socket: {
      open(socket) {
        line.socket = socket;
        line.dueMs = -1;
        free.push(line);
      },
      data: received,
      close() {
        lost(line, "the connection was closed");
      },
      error(_, error) {
        lost(line, error.message);
      },
      connectError(_, error) {
        line.socket = null;
        if (performance.now() < endMs) {
          fail(`connect: ${error.message}`);
          setTimeout(() => void connect(line).catch(() => {}), 50);
        }
      },
    },
  });
};

const lost = (line: Line, why: string): void => {
  if (line.socket === null) return;
  line.socket = null;
  if (line.dueMs >= 0) fail(why);
  else free.splice(free.indexOf(line), 1);
  if (performance.now() < endMs) void connect(line).catch(() => {});
};

const received = (socket: Socket<Line>, bytes: Buffer): void => {
  const line = socket.data;
  if (line.dueMs < 0) return;
  if (line.left === 0) {
    const text = line.head + bytes.toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) {
      line.head = text;
      return;
    }
    if (!text.startsWith("HTTP/1.1 200")) fail(text.slice(0, text.indexOf("\r\n")));
    const at = text.search(/content-length: /i);
    line.left = Number.parseInt(text.slice(at + 16), 10) - (text.length - end - 4);
  } else line.left -= bytes.length;
  if (line.left > 0) return;
  const nowMs = performance.now();
  note(line.dueMs, nowMs);
  line.dueMs = -1;
  if (free.length === 0) freedAtMs = nowMs;
  free.push(line);
  pump();
};

for (let i = 0; i < Number(connections); i++) {
  const line: Line = { socket: null, dueMs: -1, head: "", left: 0 };
  lines.push(line);
  await connect(line);
}
startMs = performance.now();
endMs = startMs + Number(seconds) * 1000;
void (async () => {
  for await (const _ of Bun.stdin.stream());
  endMs = Math.min(endMs, performance.now());
})();
const timer = setInterval(pump, 1);
while (performance.now() < endMs) await Bun.sleep(10);
// Whoever was due is waited for a moment longer.
for (let i = 0; i < 200 && lines.some(({ dueMs }) => dueMs >= 0); i++) await Bun.sleep(10);
clearInterval(timer);
for (const { dueMs } of lines) if (dueMs >= 0) fail("no answer within 2 s of the end");
// Due, but there never was a connection to send on.
const unsent = Math.max(0, Math.floor((endMs - startMs) * perMs) - sent - 1);
for (let i = 0; i < unsent; i++) note(startMs + (sent + i) / perMs, endMs);

const quantile = (values: number[], part: number): number =>
  values.length === 0 ? 0 : values[Math.min(values.length - 1, Math.floor(values.length * part))]!;
latenciesMs.sort((a, b) => a - b);
latenessMs.sort((a, b) => a - b);
const report: SteadyReport = {
  requests: sent,
  failed,
  p50Ms: quantile(latenciesMs, 0.5),
  p99Ms: quantile(latenciesMs, 0.99),
  slowestMs: latenciesMs.slice(-Math.ceil(latenciesMs.length / 10)).reverse(),
  maxMs: latenciesMs.at(-1) ?? 0,
  lateP99Ms: quantile(latenessMs, 0.99),
  example,
};
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit(0);
