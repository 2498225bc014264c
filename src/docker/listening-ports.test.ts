import { expect, test } from "bun:test";
import { parseListening } from "./listening-ports.ts";

const head =
  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

test("only sockets that listen, without Docker's resolver", () => {
  const tcp =
    head +
    "   0: 00000000:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n" +
    "   1: 0100007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n" +
    "   2: 0B00007F:A1B2 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n" +
    "   3: 020000AC:0BB8 010000AC:C350 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0\n";
  expect(parseListening(tcp)).toEqual([
    { port: 3000, loopbackOnly: false },
    { port: 53, loopbackOnly: true },
  ]);
});

test("IPv6: any, ::1, and 127.0.0.1 mapped", () => {
  const rest = "00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1 1 0\n";
  const tcp6 =
    head +
    `   0: 00000000000000000000000000000000:1F90 ${rest}` +
    `   1: 00000000000000000000000001000000:1F91 ${rest}` +
    `   2: 0000000000000000FFFF00000100007F:1F92 ${rest}`;
  expect(parseListening(tcp6)).toEqual([
    { port: 8080, loopbackOnly: false },
    { port: 8081, loopbackOnly: true },
    { port: 8082, loopbackOnly: true },
  ]);
});
