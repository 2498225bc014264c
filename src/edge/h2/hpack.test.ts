import { describe, expect, test } from "bun:test";
import { createHeaderList, createHpackDecoder, decodeBlock, type HpackDecoder } from "./hpack-decoder.ts";
import { decodeHuffman } from "./huffman.ts";

/** The examples of RFC 7541, appendix C, and what an attacker makes of the rest. */

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");

const decode = (decoder: HpackDecoder, bytes: Uint8Array): string[] | null => {
  const list = createHeaderList();
  if (!decodeBlock(decoder, bytes, 0, bytes.length, list)) return null;
  return list.fields.map(({ line }) => Buffer.from(line.subarray(0, -2)).toString("latin1"));
};

const requests: [string, string[]][] = [
  ["", [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"]],
  [
    "",
    [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
  ],
  [
    "",
    [
      ":method: GET",
      ":scheme: https",
      ":path: /index.html",
      ":authority: www.example.com",
      "custom-key: custom-value",
    ],
  ],
];

test.each([
  [
    "C.3, plain",
    [
      "828684410f7777772e6578616d706c652e636f6d",
      "828684be58086e6f2d6361636865",
      "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ],
  ],
  [
    "C.4, Huffman",
    [
      "828684418cf1e3c2e5f23a6ba0ab90f4ff",
      "828684be5886a8eb10649cbf",
      "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ],
  ],
])("three requests of one connection: %s", (_, blocks) => {
  const decoder = createHpackDecoder();
  blocks.forEach((block, at) => expect(decode(decoder, hex(block))).toEqual(requests[at]![1]));
  expect(decoder.table.map(({ line }) => Buffer.from(line.subarray(0, -2)).toString())).toEqual([
    ":authority: www.example.com",
    "cache-control: no-cache",
    "custom-key: custom-value",
  ]);
  expect(decoder.bytes).toBe(164);
});

test("C.6: a table of 256 bytes drops what is oldest", () => {
  const decoder = createHpackDecoder();
  decode(decoder, hex("3fe101"));
  expect(decoder.maxBytes).toBe(256);
  decode(
    decoder,
    hex(
      "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3",
    ),
  );
  expect(decoder.bytes).toBe(222);
  decode(decoder, hex("4883640effc1c0bf"));
  expect(decoder.bytes).toBe(222);
  const third = decode(
    decoder,
    hex(
      "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
    ),
  );
  expect(third).toEqual([
    ":status: 200",
    "cache-control: private",
    "date: Mon, 21 Oct 2013 20:13:22 GMT",
    "location: https://www.example.com",
    "content-encoding: gzip",
    "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
  ]);
  expect(decoder.bytes).toBe(215);
});

describe("bounds", () => {
  test("a table that is set to nothing holds nothing", () => {
    const decoder = createHpackDecoder();
    decode(decoder, hex("400178 0179"));
    expect(decoder.table).toHaveLength(1);
    expect(decode(decoder, hex("20 400178 0179"))).toEqual(["x: y"]);
    expect(decoder.table).toHaveLength(0);
    expect(decoder.bytes).toBe(0);
    expect(decode(decoder, hex("be"))).toBeNull();
  });

  test("a field larger than the table empties it", () => {
    const decoder = createHpackDecoder();
    decode(decoder, hex("400178 0179"));
    const large = Buffer.concat([hex("400178 7fb11f"), Buffer.alloc(4152 - 8, 0x61)]);
    expect(decode(decoder, large)).not.toBeNull();
    expect(decoder.table).toHaveLength(0);
  });

  test("a block that unfolds to megabytes is decoded, not kept", () => {
    const decoder = createHpackDecoder();
    const value = Buffer.alloc(3_900, 0x61);
    decode(decoder, Buffer.concat([hex("400178 7fbd1d"), value]));
    const list = createHeaderList();
    const bomb = Buffer.alloc(60_000, 0xbe);
    expect(decodeBlock(decoder, bomb, 0, bomb.length, list)).toBe(true);
    expect(list.tooLarge).toBe(true);
    expect(list.fields.length).toBeLessThan(12);
  });

  test("no input of random bytes is read beyond its end, and none throws", () => {
    let seed = 1;
    const random = (): number => (seed = (seed * 48_271) % 0x7fffffff);
    for (let run = 0; run < 50_000; run++) {
      const bytes = Uint8Array.from({ length: random() % 40 }, () => random() % 256);
      decode(createHpackDecoder(), bytes);
    }
    expect(decode(createHpackDecoder(), hex("828684"))).toHaveLength(3);
  });
});

test("the Huffman tree is whole: every code of up to 30 bits leads somewhere", () => {
  // Each byte's code, found by trying: RFC 7541 appendix B gives these three of the rarest.
  const rarest: [string, number][] = [
    ["fffffff0", 0x0a],
    ["fffffff4", 0x0d],
    ["fffffff8", 0x16],
  ];
  for (const [code, byte] of rarest) {
    const bytes = hex(code);
    bytes[3]! |= 3;
    const out = new Uint8Array(16);
    const end = decodeHuffman(bytes, 0, 4, out, 0);
    expect([...out.subarray(0, end)]).toEqual([byte]);
  }
});
