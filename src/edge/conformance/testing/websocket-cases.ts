import { deflateRawSync } from "node:zlib";

/**
 * What Autobahn's test suite asks of a WebSocket peer (its sections 1 to 7, 9, 10, 12), as bytes that a client
 * sends. Whether the server takes or refuses them is the server's business: through the edge it must be the same.
 */
export interface WebSocketCase {
  /** Autobahn's number, and what it is about. */
  name: string;
  frames: Buffer[];
  /** Offered in the handshake. */
  extensions?: string;
  /** Sent in pieces of this many bytes. */
  chopBytes?: number;
  /** The frames already end the connection: no Close is sent behind them. */
  ends?: boolean;
}

const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

interface FrameOptions {
  fin?: boolean;
  rsv?: number;
  masked?: boolean;
  /** Written in the longest form, whatever the length. */
  longLength?: boolean;
}

export const wsFrame = (
  opcode: number,
  payload: Uint8Array | string = "",
  options: FrameOptions = {},
): Buffer => {
  const { fin = true, rsv = 0, masked = true, longLength = false } = options;
  const bytes = Buffer.from(payload as string);
  const head = [(fin ? 0x80 : 0) | (rsv << 4) | opcode];
  const mark = masked ? 0x80 : 0;
  if (bytes.length < 126 && !longLength) head.push(mark | bytes.length);
  else if (bytes.length < 65_536 && !longLength) head.push(mark | 126, bytes.length >> 8, bytes.length & 255);
  else
    head.push(
      mark | 127,
      0,
      0,
      0,
      0,
      bytes.length >>> 24,
      (bytes.length >>> 16) & 255,
      (bytes.length >>> 8) & 255,
      bytes.length & 255,
    );
  if (!masked) return Buffer.concat([Buffer.from(head), bytes]);
  const key = [0x12, 0x34, 0x56, 0x78];
  const hidden = Buffer.allocUnsafe(bytes.length);
  for (let i = 0; i < bytes.length; i++) hidden[i] = bytes[i]! ^ key[i & 3]!;
  return Buffer.concat([Buffer.from([...head, ...key]), hidden]);
};

const text = (payload: Uint8Array | string, options?: FrameOptions): Buffer =>
  wsFrame(opcodes.text, payload, options);
const binary = (payload: Uint8Array | string, options?: FrameOptions): Buffer =>
  wsFrame(opcodes.binary, payload, options);
const more = (payload: Uint8Array | string, fin = true): Buffer =>
  wsFrame(opcodes.continuation, payload, { fin });
const ping = (payload: Uint8Array | string = ""): Buffer => wsFrame(opcodes.ping, payload);
const pong = (payload: Uint8Array | string = ""): Buffer => wsFrame(opcodes.pong, payload);
export const closing = (code?: number, reason: Uint8Array | string = ""): Buffer =>
  wsFrame(
    opcodes.close,
    code === undefined
      ? ""
      : Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason as string)]),
  );
const unfinished = { fin: false };

const cases: WebSocketCase[] = [];
const add = (name: string, frames: Buffer[], more: Partial<WebSocketCase> = {}): void =>
  void cases.push({ name, frames, ...more });

for (const [at, size] of [0, 125, 126, 127, 128, 65_535, 65_536].entries()) {
  add(`1.1.${at + 1} a text of ${size} bytes`, [text("*".repeat(size))]);
  add(`1.2.${at + 1} ${size} bytes`, [binary(Buffer.alloc(size, 0xfe))]);
}
add("1.1.8 a text of 65,536 bytes in pieces of 997", [text("*".repeat(65_536))], { chopBytes: 997 });
add("1.2.8 65,536 bytes in pieces of 997", [binary(Buffer.alloc(65_536, 0xfe))], { chopBytes: 997 });

add("2.1 a ping without payload", [ping()]);
add("2.2 a ping with a text", [ping("Hello, world!")]);
add("2.3 a ping with bytes", [ping(Buffer.from([0, 255, 254, 253, 252, 251, 0, 255]))]);
add("2.4 a ping of 125 bytes", [ping(Buffer.alloc(125, 0xfe))]);
add("2.5 a ping of 126 bytes", [ping(Buffer.alloc(126, 0xfe))]);
add("2.6 a ping of 125 bytes byte by byte", [ping(Buffer.alloc(125, 0xfe))], { chopBytes: 1 });
add("2.7 a pong that nobody asked for", [pong()]);
add("2.8 a pong with a payload that nobody asked for", [pong("unsolicited pong payload")]);
add("2.9 such a pong, then a ping", [pong("unsolicited"), ping("ping payload")]);
const tenPings = Array.from({ length: 10 }, (_, at) => ping(`payload-${at}`));
add("2.10 ten pings", tenPings);
add("2.11 ten pings byte by byte", tenPings, { chopBytes: 1 });

for (let rsv = 1; rsv <= 7; rsv++)
  add(
    `3.${rsv} reserved bits ${rsv}`,
    rsv === 1
      ? [text("Hello", { rsv })]
      : [text("Hello"), rsv % 2 === 0 ? text("Hello", { rsv }) : wsFrame(opcodes.ping, "", { rsv }), ping()],
    { chopBytes: rsv === 4 ? 1 : undefined },
  );

for (const [section, from] of [
  [1, 3],
  [2, 11],
] as const)
  for (let at = 0; at < 5; at++)
    add(
      `4.${section}.${at + 1} the opcode ${from + at}`,
      [
        ...(at < 2 ? [] : [text("Hello, world!")]),
        wsFrame(from + at, at % 2 === 0 ? "" : "reserved opcode payload"),
        ping(),
      ],
      { chopBytes: at === 4 ? 1 : undefined },
    );

add("5.1 a ping in two fragments", [wsFrame(opcodes.ping, "fragment1", unfinished), more("fragment2")]);
add("5.2 a pong in two fragments", [wsFrame(opcodes.pong, "fragment1", unfinished), more("fragment2")]);
add("5.3 a text in two fragments", [text("fragment1", unfinished), more("fragment2")]);
add("5.4 a text in two fragments, in pieces", [text("fragment1", unfinished), more("fragment2")], {
  chopBytes: 4,
});
add("5.5 a text in two fragments, byte by byte", [text("fragment1", unfinished), more("fragment2")], {
  chopBytes: 1,
});
add("5.6 a ping between fragments", [text("fragment1", unfinished), ping("ping payload"), more("fragment2")]);
add(
  "5.7 a ping between fragments, in pieces",
  [text("fragment1", unfinished), ping("ping payload"), more("fragment2")],
  { chopBytes: 3 },
);
add(
  "5.8 a ping between fragments, byte by byte",
  [text("fragment1", unfinished), ping("ping payload"), more("fragment2")],
  { chopBytes: 1 },
);
add("5.9 a continuation of nothing", [more("non-continuation payload"), text("Hello, world!")]);
add("5.10 a continuation of nothing, in pieces", [more("non-continuation payload"), text("Hello, world!")], {
  chopBytes: 5,
});
add(
  "5.11 a continuation of nothing, byte by byte",
  [more("non-continuation payload"), text("Hello, world!")],
  { chopBytes: 1 },
);
add("5.12 an unfinished continuation of nothing", [
  more("non-continuation payload", false),
  text("Hello, world!"),
]);
add("5.15 two fragments, then a continuation of nothing", [
  text("fragment1", unfinished),
  more("fragment2"),
  more("fragment3", false),
  text("fragment4"),
]);
add("5.16 continuations of nothing around texts", [
  more("fragment1", false),
  text("fragment2", unfinished),
  more("fragment3"),
]);
add("5.18 a text within a text", [text("fragment1", unfinished), text("fragment2")]);
const fives = [
  text("fragment1", unfinished),
  more("fragment2", false),
  ping("pongme 1!"),
  more("fragment3", false),
  more("fragment4", false),
  ping("pongme 2!"),
  more("fragment5"),
];
add("5.19 five fragments and two pings", fives);
add("5.20 five fragments and two pings, byte by byte", fives, { chopBytes: 1 });

const greek = "Hello-µ@ßöäüàá-UTF-8!!";
add("6.1.1 an empty text", [text("")]);
add("6.1.2 three empty fragments", [text("", unfinished), more("", false), more("")]);
add("6.1.3 an empty, a full and an empty fragment", [
  text("", unfinished),
  more("middle frame payload", false),
  more(""),
]);
add("6.2.1 UTF-8", [text(greek)]);
const greekBytes = Buffer.from(greek);
add("6.2.2 UTF-8 in two fragments", [
  text(greekBytes.subarray(0, 12), unfinished),
  more(greekBytes.subarray(12)),
]);
add(
  "6.2.3 UTF-8, a fragment for each byte",
  [...greekBytes].map((byte, at) =>
    wsFrame(at === 0 ? 1 : 0, Buffer.from([byte]), { fin: at === greekBytes.length - 1 }),
  ),
);
add(
  "6.2.4 κόσμε, a fragment for each byte",
  [...Buffer.from("κόσμε")].map((byte, at, all) =>
    wsFrame(at === 0 ? 1 : 0, Buffer.from([byte]), { fin: at === all.length - 1 }),
  ),
);
const broken = Buffer.concat([Buffer.from("κόσμε"), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from("edited")]);
add("6.3.1 a surrogate in a text", [text(broken)]);
add(
  "6.3.2 a surrogate, a fragment for each byte",
  [...broken].map((byte, at) =>
    wsFrame(at === 0 ? 1 : 0, Buffer.from([byte]), { fin: at === broken.length - 1 }),
  ),
);
add("6.4.1 a wrong byte in the second fragment", [
  text("κόσμε", unfinished),
  more(Buffer.from([0xf4, 0x90, 0x80, 0x80]), false),
  more("edited"),
]);
add("6.4.2 a wrong byte at the fragment's border", [
  text(Buffer.concat([Buffer.from("κόσμε"), Buffer.from([0xf4])]), unfinished),
  more(Buffer.from([0x90]), false),
  more(""),
]);
add(
  "6.4.3 a wrong byte within a frame, in pieces",
  [text(Buffer.concat([Buffer.from("κόσμε"), Buffer.from([0xf4, 0x90, 0x80, 0x80]), Buffer.from("edited")]))],
  { chopBytes: 7 },
);
const sequences: [section: string, hex: string[]][] = [
  ["6.5 κόσμε cut at each byte", ["ce", "ceba", "cebae1", "cebae1bd", "cebae1bdb9", "cebae1bdb9cf"]],
  ["6.6 whole", ["cebae1bdb9cf83cebcceb5"]],
  ["6.7 the first of each length", ["00", "c280", "e0a080", "f0908080"]],
  ["6.8 the first of five and six bytes", ["f888808080", "fc8480808080"]],
  ["6.9 the last of each length", ["7f", "dfbf", "efbfbf", "f48fbfbf"]],
  ["6.10 the last of four, five and six bytes", ["f7bfbfbf", "fbbfbfbfbf", "fdbfbfbfbfbf"]],
  ["6.11 around the surrogates and at the end", ["ed9fbf", "ee8080", "efbfbd", "f48fbfbf", "f4908080"]],
  [
    "6.12 continuation bytes alone",
    ["80", "bf", "80bf", "80bf80", "80bf80bf", "80bf80bf80", "80bf80bf80bf", "80818283848586"],
  ],
  [
    "6.13 first bytes alone",
    ["c020c120c220", "e020e120e220", "f020f120f220", "f820f920fa20fb20", "fc20fd20"],
  ],
  [
    "6.14 the last byte missing",
    ["c0", "e080", "f08080", "f8808080", "fc80808080", "df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf"],
  ],
  ["6.15 all of these", ["c0e080f08080f8808080fc80808080dfefbff7bfbffbbfbfbffdbfbfbfbf"]],
  ["6.16 bytes that never stand in UTF-8", ["fe", "ff", "fefeffff"]],
  ["6.17 a slash in too many bytes", ["c0af", "e080af", "f08080af", "f8808080af", "fc80808080af"]],
  ["6.18 the longest of too many bytes", ["c1bf", "e09fbf", "f08fbfbf", "f887bfbfbf", "fc83bfbfbfbf"]],
  ["6.19 NUL in too many bytes", ["c080", "e08080", "f0808080", "f880808080", "fc8080808080"]],
  ["6.20 a surrogate alone", ["eda080", "edadbf", "edae80", "edafbf", "edb080", "edbe80", "edbfbf"]],
  [
    "6.21 a pair of surrogates",
    [
      "eda080edb080",
      "eda080edbfbf",
      "edadbfedb080",
      "edadbfedbfbf",
      "edae80edb080",
      "edae80edbfbf",
      "edafbfedb080",
      "edafbfedbfbf",
    ],
  ],
  [
    "6.22 code points that are no characters",
    ["efbfbe", "efbfbf", "f09fbfbe", "f09fbfbf", "f0afbfbe", "f0afbfbf", "f48fbfbe", "f48fbfbf"],
  ],
  ["6.23 replacement and specials", ["efbfb9", "efbfba", "efbfbb", "efbfbc", "efbfbd"]],
];
for (const [section, list] of sequences)
  for (const [at, hex] of list.entries()) add(`${section}, ${at + 1}`, [text(Buffer.from(hex, "hex"))]);

const over = { ends: true };
add("7.1.1 a message, then Close", [text("Hello World!"), closing(1000)], over);
add("7.1.2 Close twice", [closing(1000), closing(1000)], over);
add("7.1.3 a ping behind Close", [closing(1000), ping()], over);
add("7.1.4 a text behind Close", [closing(1000), text("Hello, World!")], over);
add("7.1.5 Close between fragments", [text("fragment1", unfinished), closing(1000), more("fragment2")], over);
add(
  "7.1.6 a long message, Close, a ping",
  [text("BAsd7&jh23".repeat(26_214)), text("Hello World!"), closing(1000), ping()],
  over,
);
add("7.3.1 Close without payload", [closing()], over);
add("7.3.2 Close with one byte", [wsFrame(8, "a")], over);
add("7.3.3 Close with a code", [closing(1000)], over);
add("7.3.4 Close with a reason", [closing(1000, "Hello World!")], over);
add("7.3.5 Close with the longest reason", [closing(1000, "*".repeat(123))], over);
add("7.3.6 Close with a reason too long", [closing(1000, "*".repeat(124))], over);
add("7.5.1 Close with a reason that is no UTF-8", [closing(1000, broken)], over);
for (const [at, code] of [
  1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
].entries())
  add(`7.7.${at + 1} Close with ${code}`, [closing(code, "why")], over);
for (const [at, code] of [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999].entries())
  add(`7.9.${at + 1} Close with ${code}, which may not be`, [closing(code)], over);
for (const [at, code] of [5000, 65_535].entries())
  add(`7.13.${at + 1} Close with ${code}, which means nothing`, [closing(code)], over);

for (const [at, size] of [65_536, 262_144, 1_048_576, 4_194_304, 8_388_608, 16_777_216].entries()) {
  add(`9.1.${at + 1} a text of ${size} bytes`, [text("x".repeat(size))]);
  add(`9.2.${at + 1} ${size} bytes`, [binary(Buffer.alloc(size, at))]);
}
const fragmented = (opcode: number, whole: number, size: number): Buffer[] =>
  Array.from({ length: whole / size }, (_, at) =>
    wsFrame(at === 0 ? opcode : 0, Buffer.alloc(size, 0x2a), { fin: (at + 1) * size === whole }),
  );
for (const [at, size] of [64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304].entries()) {
  if (size < 1_024) continue;
  add(`9.3.${at + 1} 4 MB of text in fragments of ${size}`, fragmented(1, 4_194_304, size));
  add(`9.4.${at + 1} 4 MB in fragments of ${size}`, fragmented(2, 4_194_304, size));
}
for (const [at, chopBytes] of [64, 256, 1_024, 2_048].entries()) {
  add(`9.5.${at + 1} 1 MB of text in pieces of ${chopBytes}`, [text("x".repeat(1_048_576))], {
    chopBytes: chopBytes * 16,
  });
  add(`9.6.${at + 1} 1 MB in pieces of ${chopBytes}`, [binary(Buffer.alloc(1_048_576, 7))], {
    chopBytes: chopBytes * 16,
  });
}
for (const [at, size] of [0, 16, 64, 256, 1_024, 4_096].entries()) {
  add(
    `9.7.${at + 1} a thousand texts of ${size}`,
    Array.from({ length: 1_000 }, () => text("y".repeat(size))),
  );
  add(
    `9.8.${at + 1} a thousand messages of ${size} bytes`,
    Array.from({ length: 1_000 }, () => binary(Buffer.alloc(size, 9))),
  );
}
add("10.1.1 65,536 bytes in fragments of 1,300", [
  text("*".repeat(1_300), unfinished),
  ...Array.from({ length: 49 }, () => more("*".repeat(1_300), false)),
  more("*".repeat(536)),
]);

const extensions = "permessage-deflate";
const packed = (payload: string): Buffer => deflateRawSync(payload, { finishFlush: 2 }).subarray(0, -4);
for (const [at, size] of [16, 64, 256, 1_024, 4_096, 16_384, 65_536, 131_072].entries())
  add(
    `12.1.${at + 1} a compressed text of ${size} bytes`,
    [text(packed(JSON.stringify("z1y2x3".repeat(size / 4)).slice(0, size)), { rsv: 4 })],
    { extensions },
  );
add(
  "12.x a compressed text in fragments",
  [text(packed("fragments").subarray(0, 4), { rsv: 4, fin: false }), more(packed("fragments").subarray(4))],
  { extensions },
);
add("12.x a text that is not, where compression was agreed", [text("plain")], { extensions });
add("13.x a window of one's own", [text(packed("window"), { rsv: 4 })], {
  extensions:
    "permessage-deflate; client_no_context_takeover; server_no_context_takeover; server_max_window_bits=9",
});

add("a frame that is not masked", [text("unmasked", { masked: false })]);
add("a ping that is not masked", [wsFrame(9, "unmasked", { masked: false })]);
add("a length in more bytes than it takes", [text("short", { longLength: true })]);
add("a length above 2^63", [
  Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]),
]);
add("noise", [Buffer.from("GET / HTTP/1.1\r\nHost: site.test\r\n\r\n")]);

export const webSocketCases: readonly WebSocketCase[] = cases;
