/**
 * Visitors who stay and are silent: `bun idle-client.ts PORT HOST COUNT http|https`. Each connection asks once for `/`, waits
 * for the answer, and then does nothing. Prints `ready N` when that many are open, and stays until its input ends.
 */
const [port, host, count, scheme] = process.argv.slice(2) as [string, string, string, string];
const request = `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

let open = 0;
const connect = (): Promise<void> =>
  new Promise((resolve, reject) => {
    Bun.connect({
      hostname: "localhost",
      port: Number(port),
      tls: scheme === "https" ? { rejectUnauthorized: false, serverName: host } : undefined,
      socket: {
        open(socket) {
          if (scheme === "http") socket.write(request);
        },
        handshake(socket) {
          socket.write(request);
        },
        data() {
          open++;
          resolve();
        },
        close() {
          open--;
          reject(new Error("closed"));
        },
        error() {},
        connectError(_, error) {
          reject(error);
        },
      },
    }).catch(reject);
  });

const atOnce = 50;
let left = Number(count);
await Promise.all(
  Array.from({ length: atOnce }, async () => {
    while (left-- > 0) await connect().catch(() => {});
  }),
);
process.stdout.write(`ready ${open}\n`);
for await (const _ of Bun.stdin.stream());
process.exit(0);

export {};
