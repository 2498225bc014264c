import { expect, test } from "bun:test";
import { isIP } from "node:net";
import { readProxyHeader } from "./proxy-header.ts";

const text = (line: string) => readProxyHeader(Buffer.from(line, "latin1"));
const signature = "\r\n\r\n\0\r\nQUIT\n";
const binary = (command: number, family: number, body: number[], length = body.length) =>
  Buffer.concat([
    Buffer.from(signature, "latin1"),
    Uint8Array.of(command, family, length >> 8, length & 255, ...body),
  ]);
const ipv4 = [192, 0, 2, 1, 10, 0, 0, 1, 0xdc, 4, 1, 187];
const ipv6 = [0x20, 1, 0x0d, 0xb8, ...Array(11).fill(0), 7, ...Array(16).fill(1), 0, 1, 0, 2];
const mapped = [...Array(10).fill(0), 255, 255, 192, 0, 2, 9, ...Array(16).fill(1), 0, 1, 0, 2];

test("version 1: the examples of the specification", () => {
  const line = "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n";
  expect(text(`${line}GET / HTTP/1.1\r\n`)).toEqual({
    length: line.length,
    address: "192.168.0.1",
    secure: null,
  });
  const longest =
    "PROXY TCP6 ffff:f0ff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
  expect(text(longest)).toMatchObject({ address: "ffff:f0ff:ffff:ffff:ffff:ffff:ffff:ffff" });
  expect(text("PROXY UNKNOWN\r\n")).toEqual({ length: 15, address: null, secure: null });
  const padded = `PROXY UNKNOWN ${"f".repeat(91)}\r\n`;
  expect(text(padded)).toEqual({ length: 107, address: null, secure: null });
  expect(text("PROXY TCP6 2001:DB8:0:0:0:0:0:1 ::1 1 2\r\n")).toMatchObject({ address: "2001:db8::1" });
  expect(text("PROXY TCP6 ::ffff:192.0.2.9 ::1 1 2\r\n")).toMatchObject({ address: "192.0.2.9" });
});

test("version 1: each part is read as long as it may become one", () => {
  const line = "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n";
  for (let length = 0; length < line.length; length++) expect(text(line.slice(0, length))).toBe("more");
});

test.each([
  "GET / HTTP/1.1\r\n",
  "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
  "PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2\r\n",
  "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
  "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n",
  "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
  "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n",
  "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
  "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
  "PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n",
  "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
  "PROXY TCP4 ::1 ::1 1 2\r\n",
  "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
  "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
  "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
  "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n",
  `PROXY TCP4 ${"1".repeat(200)}`,
  `PROXY UNKNOWN ${"f".repeat(92)}\r\n`,
])("version 1: %j is none", (line) => expect(text(line)).toBe("wrong"));

test("version 2: addresses, LOCAL, and whether the visitor speaks TLS", () => {
  expect(readProxyHeader(binary(0x21, 0x11, ipv4))).toEqual({
    length: 28,
    address: "192.0.2.1",
    secure: null,
  });
  expect(readProxyHeader(binary(0x21, 0x21, ipv6))).toEqual({
    length: 52,
    address: "2001:db8::7",
    secure: null,
  });
  expect(readProxyHeader(binary(0x21, 0x21, mapped))).toMatchObject({ address: "192.0.2.9" });
  expect(readProxyHeader(binary(0x20, 0, []))).toEqual({ length: 16, address: null, secure: null });
  expect(readProxyHeader(binary(0x20, 0x11, ipv4))).toEqual({ length: 28, address: null, secure: null });
  expect(readProxyHeader(binary(0x21, 0, [4, 0, 1, 9]))).toEqual({ length: 20, address: null, secure: null });
  expect(readProxyHeader(binary(0x21, 0x31, Array(216).fill(0)))).toMatchObject({ address: null });
  const ssl = (client: number) => [...ipv4, 4, 0, 1, 9, 0x20, 0, 5, client, 0, 0, 0, 0];
  expect(readProxyHeader(binary(0x21, 0x11, ssl(1)))).toMatchObject({ address: "192.0.2.1", secure: true });
  expect(readProxyHeader(binary(0x21, 0x11, ssl(0)))).toMatchObject({ secure: false });
});

test("version 2: each part is read as long as it may become one", () => {
  const whole = binary(0x21, 0x21, ipv6);
  for (let length = 0; length < whole.length; length++)
    expect(readProxyHeader(whole.subarray(0, length))).toBe("more");
});

test.each([
  ["version 1 in it", binary(0x11, 0x11, ipv4)],
  ["another command", binary(0x22, 0x11, ipv4)],
  ["datagrams", binary(0x21, 0x12, ipv4)],
  ["an unknown family", binary(0x21, 0x41, ipv4)],
  ["too short for its family", binary(0x21, 0x21, ipv4)],
  ["longer than any", binary(0x21, 0x11, ipv4, 16_400)],
  ["a field that ends behind it", binary(0x21, 0x11, [...ipv4, 4, 0, 9, 1])],
  ["a field without a length", binary(0x21, 0x11, [...ipv4, 4, 0])],
  ["a TLS field too short", binary(0x21, 0x11, [...ipv4, 0x20, 0, 1, 1])],
  ["another signature", Buffer.from("\r\n\r\n\0\r\nQUIX\n")],
])("version 2: %s is none", (_, bytes) => expect(readProxyHeader(bytes)).toBe("wrong"));

test("whatever comes, what is read of a part stays true of the whole", () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return (seed >>> 8) % below;
  };
  const valid = [
    Buffer.from("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\nGET / HTTP/1.1\r\n"),
    Buffer.from("PROXY TCP6 2001:db8::1 ::1 56324 443\r\nGET / HTTP/1.1\r\n"),
    Buffer.concat([binary(0x21, 0x11, [...ipv4, 0x20, 0, 5, 1, 0, 0, 0, 0]), Buffer.from("GET /")]),
    Buffer.concat([binary(0x21, 0x21, ipv6), Buffer.from("GET /")]),
  ];
  const outcomes = new Set<string>();
  for (let round = 0; round < 5_000; round++) {
    const bytes = Buffer.from(valid[random(valid.length)]!);
    for (let i = random(4); i > 0; i--) bytes[random(bytes.length)] = random(256);
    const whole = readProxyHeader(bytes);
    outcomes.add(typeof whole === "string" ? whole : "header");
    const part = readProxyHeader(bytes.subarray(0, random(bytes.length)));
    if (part !== "more") expect<unknown>(part).toEqual(whole);
    if (typeof whole === "string") continue;
    expect(whole.length).toBeLessThanOrEqual(bytes.length);
    expect(readProxyHeader(bytes.subarray(0, whole.length))).toEqual(whole);
    expect(readProxyHeader(bytes.subarray(0, whole.length - 1))).toBe("more");
    if (whole.address !== null) expect(isIP(whole.address)).not.toBe(0);
  }
  expect([...outcomes].toSorted()).toEqual(["header", "more", "wrong"]);
});
