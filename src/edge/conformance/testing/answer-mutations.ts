import type { Seeded } from "./seeded.ts";

/** Answers of an upstream that errs, or means harm: almost right, and spoiled in the ways that parsers differ in. */

interface Parts {
  version: string;
  status: string;
  /** With the space before it. */
  reason: string;
  fields: [name: string, separator: string, value: string, end: string][];
  headEnd: string;
  body: string;
}

const field = (name: string, value: string): Parts["fields"][number] => [name, ": ", value, "\r\n"];

/** What would poison a connection if it were read as the next answer. */
export const evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Evil: 1\r\n\r\nevil";

const plain = (random: Seeded): Parts => {
  const status = random.pick(["200", "200", "200", "204", "304", "404", "500", "206", "301", "418"]);
  const parts: Parts = {
    version: "HTTP/1.1",
    status,
    reason: random.pick([" OK", " ", " Not Found", ""]),
    fields: [field("Content-Type", "text/plain"), field("X-A", "b")],
    headEnd: "\r\n",
    body: "",
  };
  const kind = random.below(4);
  if (kind === 0) {
    parts.body = "b".repeat(random.below(60));
    parts.fields.push(field("Content-Length", String(parts.body.length)));
  } else if (kind === 1) {
    for (let count = random.below(4); count > 0; count--) parts.body += "4\r\nwiki\r\n";
    parts.body += `0\r\n${random.once(3) ? "X-T: 1\r\n" : ""}\r\n`;
    parts.fields.push(field("Transfer-Encoding", "chunked"));
  } else if (kind === 2) parts.body = "until the end";
  else parts.fields.push(field("Content-Length", "0"));
  return parts;
};

const statuses = [
  "099",
  "100",
  "101",
  "102",
  "103",
  "199",
  "600",
  "999",
  "2000",
  "20",
  "2 0",
  "abc",
  "+20",
  "204",
  "304",
  "426",
  "\0",
  "200\0",
];
const versions = [
  "HTTP/1.0",
  "HTTP/0.9",
  "HTTP/2.0",
  "HTTP/1.2",
  "http/1.1",
  "HTTP/11",
  "ICY",
  "HTTP/1.1 ",
  "",
  "\r\nHTTP/1.1",
  "\nHTTP/1.1",
];
const lengths = [
  "0",
  "3",
  "5",
  "60",
  "+3",
  "-1",
  "3, 3",
  "3,4",
  "0x3",
  "",
  "99999999999999999999",
  "3\0",
  "3 3",
  "1e1",
  "003",
];
const codings = [
  "chunked",
  "identity",
  "gzip, chunked",
  "chunked, gzip",
  "xchunked",
  "chunked, chunked",
  "\x0bchunked",
  "Chunked",
  "chunked\t",
  "",
];
const extras: [string, string][] = [
  ["Connection", "close"],
  ["Connection", "keep-alive"],
  ["Connection", "x-a, content-length"],
  ["Connection", "transfer-encoding, upgrade"],
  ["Keep-Alive", "timeout=0"],
  ["Upgrade", "websocket"],
  ["Upgrade", "h2c"],
  ["Trailer", "X-T"],
  ["Set-Cookie", "a=b\x00c"],
  ["X-Long", "l".repeat(6_000)],
  ["X-Huge", "h".repeat(40_000)],
  ["Proxy-Authenticate", "Basic"],
  ["Content_Length", "3"],
  ["Strict-Transport-Security", "max-age=0"],
  ["X-Bytes", "\x80\xff"],
  ["Date", "never"],
];
const lineEnds = ["\n", "\r", "\r\r\n", "\r\n ", "\r\n\t", "\r\n\r\n", "\0\r\n", "", `\r\n\r\n${evil}`];
const separators = [" : ", "\t: ", ":", "", " ", ":\0", ":\r\n "];
const bodies = [
  "3;a=b\r\nabc\r\n0\r\n\r\n",
  "3 \r\nabc\r\n0\r\n\r\n",
  "3\nabc\n0\n\n",
  "3\r\nabc0\r\n\r\n",
  "3\r\nabcd\r\n0\r\n\r\n",
  "0x3\r\nabc\r\n0\r\n\r\n",
  "-3\r\nabc\r\n0\r\n\r\n",
  "fffffffffffffffff3\r\nabc",
  "ffffffffff\r\nabc",
  "3\r\nabc\r\n0\r\nSet-Cookie: a=b\r\nX-T: 1\r\n\r\n",
  "3\r\nabc\r\n0\r\nX T: 1\r\n\r\n",
  "3\r\nabc\r\n0\r\n X: 1\r\n\r\n",
  "3\r\nabc\r\n0\r\n",
  `3\r\nabc\r\n0\r\n\r\n${evil}`,
  `0\r\n\r\n${evil}`,
  "\r\n",
  "",
  evil,
];

const ways: ((random: Seeded, parts: Parts) => void)[] = [
  (random, parts) => void (parts.version = random.pick(versions)),
  (random, parts) => void (parts.status = random.pick(statuses)),
  (random, parts) =>
    void (parts.reason = random.pick([
      " a\0b",
      " \x80",
      "  two",
      "\tOK",
      " O\rK",
      " O\nK",
      "OK",
      " \r\n folded",
      ` ${"r".repeat(9_000)}`,
    ])),
  (random, parts) =>
    void parts.fields.splice(random.below(3), 0, field("Content-Length", random.pick(lengths))),
  (random, parts) =>
    void parts.fields.splice(random.below(3), 0, field("Transfer-Encoding", random.pick(codings))),
  (random, parts) => void parts.fields.splice(random.below(3), 0, field(...random.pick(extras))),
  (random, parts) => void parts.fields.splice(random.below(3), 0, field(...random.pick(extras))),
  (random, parts) => void (random.pick(parts.fields)[1] = random.pick(separators)),
  (random, parts) => void (random.pick(parts.fields)[3] = random.pick(lineEnds)),
  (random, parts) =>
    void (random.pick(parts.fields)[0] = random.pick(["", " X", "X Y", "X\0", "x\r", "\x0bX", "X\x80"])),
  (random, parts) =>
    void (random.pick(parts.fields)[2] += random.pick([
      "\0",
      "\r",
      "\n",
      "\x7f",
      "\r\n folded",
      `\r\n\r\n${evil}`,
      "\x80",
      "  ",
    ])),
  (random, parts) => void (parts.headEnd = random.pick(["\n", "\r", "", "\r\r\n", " \r\n", "\0\r\n"])),
  (random, parts) => void (parts.body = random.pick(bodies)),
  (_, parts) => void (parts.body += evil),
  (random, parts) => void (parts.body = parts.body.slice(0, random.below(parts.body.length + 1))),
  (random, parts) => {
    for (let count = random.pick([50, 127, 200]); count > 0; count--) parts.fields.push(field("X", "y"));
  },
];

const interim = (random: Seeded): string =>
  random.pick([
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n",
    "HTTP/1.1 102 Processing\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 103 \r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "HTTP/1.0 100 Continue\r\n\r\n",
  ]);

/** Bytes of an upstream's answer (latin1), and maybe of more than that. */
export const mutatedAnswer = (random: Seeded): string => {
  const parts = plain(random);
  for (let count = random.below(4); count > 0; count--) random.pick(ways)(random, parts);
  const { version, status, reason, fields, headEnd, body } = parts;
  let text = `${version} ${status}${reason}\r\n${fields.map((it) => it.join("")).join("")}${headEnd}${body}`;
  if (random.once(6)) text = interim(random).repeat(random.pick([1, 2, 100])) + text;
  if (random.once(4)) {
    const at = random.below(text.length);
    text =
      text.slice(0, at) +
      random.pick(["\0", "\r", "\n", " ", ":", "\r\n", "\x80", "0", "HTTP/1.1 200 OK\r\n"]) +
      text.slice(at + random.below(2));
  }
  return text;
};
