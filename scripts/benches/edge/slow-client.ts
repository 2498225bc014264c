/**
 * Visitors who are slow on purpose: `bun slow-client.ts PORT SMALL_HOST BULK_HOST COUNT`. A third drips a head, a third drips
 * a body, a third asks for 100 MB and hardly reads; who is cut off comes back. Prints `ready` when all have begun,
 * and `cut N` (how often one was cut off) when its input ends.
 */
import type { Socket } from "bun";

interface Slow {
  kind: number;
}

const [port, smallHost, bulkHost, count] = process.argv.slice(2) as [string, string, string, string];
const begins = [
  `GET / HTTP/1.1\r\nHost: ${smallHost}\r\n`,
  `PUT /upload HTTP/1.1\r\nHost: ${bulkHost}\r\nContent-Length: 100000\r\n\r\n`,
  `GET /bytes/100000000 HTTP/1.1\r\nHost: ${bulkHost}\r\n\r\n`,
];
const drips = ["X-Slow: y\r\n", "0123456789", ""];

const open = new Set<Socket<Slow>>();
let cut = 0;
let over = false;

const connect = (kind: number): Promise<void> =>
  Bun.connect<Slow>({
    hostname: "127.0.0.1",
    port: Number(port),
    data: { kind },
    socket: {
      open(socket) {
        open.add(socket);
        socket.write(begins[kind]!);
        if (kind === 2) socket.pause();
      },
      data(socket) {
        if (kind === 2) socket.pause();
      },
      close(socket) {
        if (over || !open.delete(socket)) return;
        cut++;
        void connect(kind).catch(() => {});
      },
      error() {},
      connectError() {
        setTimeout(() => void connect(kind).catch(() => {}), 200);
      },
    },
  }).then(() => {});

for (let i = 0; i < Number(count); i++) await connect(i % 3);
process.stdout.write("ready\n");
// Some of them every 10 ms, as independent visitors would: who drips does so each second, and who hardly reads
// takes half a megabyte (one read) every 20 seconds.
let turn = 0;
setInterval(() => {
  turn++;
  let at = 0;
  for (const socket of open) {
    const reads = socket.data.kind === 2;
    if (++at % (reads ? 2_000 : 100) !== turn % (reads ? 2_000 : 100)) continue;
    if (reads) socket.resume();
    else socket.write(drips[socket.data.kind]!);
  }
}, 10);
for await (const _ of Bun.stdin.stream());
over = true;
process.stdout.write(`cut ${cut}\n`);
process.exit(0);
