/**
 * Visitors who are slow on purpose: `bun slow-client.ts PORT SMALL_HOST BULK_HOST COUNT RAMP_SECONDS`. A third drips a
 * head, a third drips a body, a third asks for 100 MB and hardly reads; who is cut off comes back. They come evenly
 * over the ramp, as independent visitors would. Prints `ready` when all have begun, and `cut N` (how often one was cut
 * off) when its input ends.
 */
import type { Socket } from "bun";

interface Slow {
  kind: number;
  /** When it is its turn, of the turns of its kind. */
  turn: number;
}

const [port, smallHost, bulkHost, count, rampSeconds] = process.argv.slice(2) as [
  string,
  string,
  ...string[],
];
const begins = [
  `GET / HTTP/1.1\r\nHost: ${smallHost}\r\n`,
  `PUT /upload HTTP/1.1\r\nHost: ${bulkHost}\r\nContent-Length: 100000\r\n\r\n`,
  `GET /bytes/100000000 HTTP/1.1\r\nHost: ${bulkHost}\r\n\r\n`,
].map((text) => Buffer.from(text));
const drips = ["X-Slow: y\r\n", "0123456789"].map((text) => Buffer.from(text));

const stepMs = 10;
/** Who drips does so each second; who hardly reads takes half a megabyte (one read) every 20 seconds. */
const turnsOf = [100, 100, 2_000];
/** Only those whose turn it is are looked at: this crowd shares the processors with what is measured. */
const inTurn = turnsOf.map((turns) => Array.from({ length: turns }, () => new Set<Socket<Slow>>()));
let now = 0;
let cut = 0;
let over = false;

const connect = (kind: number): Promise<void> =>
  Bun.connect<Slow>({
    hostname: "127.0.0.1",
    port: Number(port),
    data: { kind, turn: now % turnsOf[kind]! },
    socket: {
      open(socket) {
        inTurn[kind]![socket.data.turn]!.add(socket);
        socket.write(begins[kind]!);
        if (kind === 2) socket.pause();
      },
      data(socket) {
        if (kind === 2) socket.pause();
      },
      close(socket) {
        if (over || !inTurn[kind]![socket.data.turn]!.delete(socket)) return;
        cut++;
        void connect(kind).catch(() => {});
      },
      error() {},
      connectError() {
        setTimeout(() => void connect(kind).catch(() => {}), 200);
      },
    },
  }).then(() => {});

const whoseTurn = (kind: number): Set<Socket<Slow>> => inTurn[kind]![now % turnsOf[kind]!]!;
setInterval(() => {
  now++;
  for (const kind of [0, 1]) for (const socket of whoseTurn(kind)) socket.write(drips[kind]!);
  for (const socket of whoseTurn(2)) socket.resume();
}, stepMs);

const startMs = performance.now();
for (let i = 0; i < Number(count); i++) {
  const dueMs = startMs + (Number(rampSeconds) * 1000 * i) / Number(count);
  if (performance.now() < dueMs) await Bun.sleep(dueMs - performance.now());
  await connect(i % 3);
}
process.stdout.write("ready\n");
for await (const _ of Bun.stdin.stream());
over = true;
process.stdout.write(`cut ${cut}\n`);
process.exit(0);
