import type { Seeded } from "./seeded.ts";

/** Requests that are almost right: built from parts, each of which may be spoiled in the ways that parsers differ in. */

interface Parts {
  method: string;
  target: string;
  version: string;
  /** Name, what stands between it and the value, value, line's end. */
  fields: [string, string, string, string][];
  headEnd: string;
  body: string;
}

const field = (name: string, value: string): Parts["fields"][number] => [name, ": ", value, "\r\n"];
const chunks = (random: Seeded): string => {
  let text = "";
  for (let count = random.below(4); count > 0; count--) {
    const size = 1 + random.below(20);
    text += `${size.toString(16)}\r\n${"d".repeat(size)}\r\n`;
  }
  return `${text}0\r\n\r\n`;
};

const plain = (random: Seeded): Parts => {
  const parts: Parts = {
    method: random.pick(["GET", "GET", "HEAD", "DELETE", "OPTIONS"]),
    target: random.pick(["/", "/a/b?c=d", "/%20%2f?x=%00", "/?a[]=1|2", "/..;/x", "//x//y"]),
    version: "HTTP/1.1",
    fields: [field("Host", "site.test"), field("User-Agent", "x/1 (y; z)")],
    headEnd: "\r\n",
    body: "",
  };
  if (random.once(2)) {
    parts.method = random.pick(["POST", "PUT", "PATCH"]);
    if (random.once(2)) {
      parts.body = "b".repeat(random.below(40));
      parts.fields.push(field("Content-Length", String(parts.body.length)));
    } else {
      parts.body = chunks(random);
      parts.fields.push(field("Transfer-Encoding", "chunked"));
    }
  }
  return parts;
};

const methods = [
  "get",
  "CONNECT",
  "TRACE",
  "PRI",
  "M-SEARCH",
  "QUERY",
  "PROPFIND",
  "G\0T",
  "GE T",
  "",
  "(",
  "é",
];
const targets = [
  "http://site.test/x",
  "http://SITE.test:80/x",
  "https://site.test?q",
  "http://other.test/",
  "http://a@site.test/",
  "http://site.test:port/",
  "http://[::1]/",
  "http:/x",
  "ftp://site.test/",
  "*",
  "x",
  "",
  "/#f",
  "/a b",
  "/\t",
  "/\0",
  "/\x7f",
  "/é",
  '/<>"{}\\^`|',
  "/%",
  "/%zz",
  "site.test:80",
  "?q",
  "/ HTTP/1.1\r\nX: y",
  `/${"t".repeat(9_000)}`,
];
const versions = [
  "HTTP/1.0",
  "HTTP/0.9",
  "HTTP/2.0",
  "HTTP/1.2",
  "HTTP/1.10",
  "http/1.1",
  "HTTP/1",
  "HTTP/ 1.1",
  "",
  "HTTP/1.1 ",
  "ICY/1.1",
  "HTTP/11",
];
const hosts = [
  "",
  "other.test",
  "site.test:80",
  "site.test:",
  "site.test.",
  "SITE.TEST",
  "a@site.test",
  "site.test, other.test",
  "site.test other.test",
  "site.test/x",
  "[::1]",
  "[::1",
  "site%2etest",
  "site.test\0",
  "site.test\t",
  "sité.test",
  "site_test",
  "-",
];
const lengths = [
  "0",
  "00",
  "3",
  "03",
  "+3",
  "-1",
  "3, 3",
  "3,4",
  "0x3",
  "3 3",
  "3;",
  "1e1",
  "",
  "99999999999999999999",
  "١",
  "3\0",
  "\x0b3",
  "12",
];
const codings = [
  "chunked",
  "Chunked",
  "identity",
  "gzip, chunked",
  "chunked, gzip",
  "chunked, chunked",
  "xchunked",
  '"chunked"',
  "chunked;q=1",
  "\x0bchunked",
  "chunked\0",
  " chunked",
  "chunked ",
  "\tchunked\t",
  ",chunked",
  "chunked,",
  "deflate",
];
const extras: [string, string][] = [
  ["Connection", "close"],
  ["Connection", "keep-alive, upgrade"],
  ["Connection", "host, content-length, transfer-encoding"],
  ["Upgrade", "websocket"],
  ["Upgrade", "h2c"],
  ["HTTP2-Settings", "AAMAAABkAAQCAAAAAAIAAAAA"],
  ["Expect", "100-continue"],
  ["Expect", "later"],
  ["Trailer", "X-T"],
  ["TE", "trailers, chunked"],
  ["X-Forwarded-For", "6.6.6.6"],
  ["X_Forwarded_For", "6.6.6.6"],
  ["Forwarded", "for=6.6.6.6"],
  ["Content_Length", "7"],
  ["Transfer_Encoding", "chunked"],
  ["X-HTTP-Method-Override", "DELETE"],
  ["X-Bytes", "\x80\xff\xc3\xa9"],
  ["X-Long", "l".repeat(5_000)],
  ["Keep-Alive", "timeout=1"],
  ["Proxy-Connection", "close"],
  ["Max-Forwards", "0"],
  ["Range", "bytes=0-"],
];
const lineEnds = ["\n", "\r", "\r\r\n", "\n\r\n", "\r\n ", "\r\n\t", "\r\n\r\n", "\0\r\n", "\x0b\r\n", ""];
const separators = [" : ", "\t:", ":", ":\t", ": \t ", "", " ", ":\0", "::", ":\r\n ", "\0:", "[]: "];
const badChunks = [
  "3;a=b\r\nabc\r\n0\r\n\r\n",
  '3;a="\r\n\r\n"\r\nabc\r\n0\r\n\r\n',
  "3;a=\nb\r\nabc\r\n0\r\n\r\n",
  "3 \r\nabc\r\n0\r\n\r\n",
  " 3\r\nabc\r\n0\r\n\r\n",
  "3\nabc\n0\n\n",
  "3\r\nabc0\r\n\r\n",
  "3\r\nabcd\r\n0\r\n\r\n",
  "3\r\nab\r\n0\r\n\r\n",
  "0x3\r\nabc\r\n0\r\n\r\n",
  "+3\r\nabc\r\n0\r\n\r\n",
  "-3\r\nabc\r\n0\r\n\r\n",
  "3_\r\nabc\r\n0\r\n\r\n",
  "fffffffffffffffff3\r\nabc\r\n0\r\n\r\n",
  "0000000003\r\nabc\r\n000\r\n\r\n",
  "3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
  "3\r\nabc\r\n0\r\nContent-Length: 9\r\nHost: other.test\r\n\r\n",
  "3\r\nabc\r\n0\r\nX T: 1\r\n\r\n",
  "3\r\nabc\r\n0\r\n X: 1\r\n\r\n",
  "3\r\nabc\r\n0\r\nX: 1\n\r\n",
  "3\r\nabc\r\n0\r\n\n",
  "3\r\nabc\r\n0\n\r\n",
  "3\r\nabc\r\n0;x\r\n\r\n",
  "3\r\nabc\r\n0\r\n",
  "3\r\rabc\r\n0\r\n\r\n",
  "g\r\n\r\n0\r\n\r\n",
  "\r\n0\r\n\r\n",
];
const anywhere = [
  "\0",
  "\n",
  "\r",
  "\r\n",
  " ",
  "\t",
  ":",
  ",",
  ";",
  "\x7f",
  "\x80",
  "\xff",
  "\x0b",
  "\x0c",
  "_",
  "0",
  "\x85",
  "\u00a0",
  "\r\n\r\n",
];

const insertField = (random: Seeded, parts: Parts, it: Parts["fields"][number]): void =>
  void parts.fields.splice(random.below(parts.fields.length + 1), 0, it);

const ways: ((random: Seeded, parts: Parts) => void)[] = [
  (random, parts) => void (parts.method = random.pick(methods)),
  (random, parts) => void (parts.target = random.pick(targets)),
  (random, parts) => void (parts.version = random.pick(versions)),
  (random, parts) => insertField(random, parts, field("Host", random.pick(hosts))),
  (random, parts) => {
    const host = parts.fields.find(([name]) => name === "Host");
    if (host !== undefined) host[2] = random.pick(hosts);
  },
  (_, parts) => void (parts.fields = parts.fields.filter(([name]) => name !== "Host")),
  (random, parts) => insertField(random, parts, field("Content-Length", random.pick(lengths))),
  (random, parts) => insertField(random, parts, field("content-length", String(parts.body.length))),
  (random, parts) => insertField(random, parts, field("Transfer-Encoding", random.pick(codings))),
  (random, parts) => insertField(random, parts, field(...random.pick(extras))),
  (random, parts) => insertField(random, parts, field(...random.pick(extras))),
  (random, parts) => {
    if (parts.fields.length > 0) random.pick(parts.fields)[1] = random.pick(separators);
  },
  (random, parts) => {
    if (parts.fields.length > 0) random.pick(parts.fields)[3] = random.pick(lineEnds);
  },
  (random, parts) => {
    if (parts.fields.length === 0) return;
    const it = random.pick(parts.fields);
    it[0] = random.pick([
      it[0].toUpperCase(),
      ` ${it[0]}`,
      `${it[0]}\0`,
      `X${it[0]}`,
      "",
      it[0].replace("-", "_"),
      `\x0b${it[0]}`,
    ]);
  },
  (random, parts) => {
    if (parts.fields.length === 0) return;
    const it = random.pick(parts.fields);
    it[2] = random.pick([
      `${it[2]}\0`,
      `${it[2]}\r\n folded`,
      ` ${it[2]} `,
      `${it[2]}\x7f`,
      `"${it[2]}"`,
      `${it[2]}\nX: y`,
      `${it[2]}\x80`,
    ]);
  },
  (random, parts) =>
    void (parts.headEnd = random.pick(["\n", "\r", "", "\r\r\n", " \r\n", "\0\r\n", "\r\n\r\n", "\n\r\n"])),
  (random, parts) => {
    parts.fields = parts.fields.filter(([name]) => !/^(content-length|transfer-encoding)$/i.test(name));
    parts.fields.push(field("Transfer-Encoding", random.once(6) ? random.pick(codings) : "chunked"));
    parts.body = random.pick(badChunks);
  },
  (random, parts) => void (parts.body = parts.body.slice(0, random.below(parts.body.length + 1))),
  (_, parts) => void (parts.body += "GET /smuggled HTTP/1.1\r\nHost: site.test\r\n\r\n"),
  (random, parts) => {
    for (let count = random.pick([20, 100, 200]); count > 0; count--) parts.fields.push(field("X", "y"));
  },
];

const written = ({ method, target, version, fields, headEnd, body }: Parts): string =>
  `${method} ${target} ${version}\r\n${fields.map((it) => it.join("")).join("")}${headEnd}${body}`;

const spoilBytes = (random: Seeded, text: string): string => {
  const at = random.below(text.length + 1);
  switch (random.below(5)) {
    case 0:
      return text.slice(0, at) + random.pick(anywhere) + text.slice(at);
    case 1:
      return text.slice(0, at) + random.pick(anywhere) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + text.slice(at + 1 + random.below(3));
    case 3:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    default: {
      const from = random.below(text.length);
      return text.slice(0, at) + text.slice(from, from + random.below(30)) + text.slice(at);
    }
  }
};

const one = (random: Seeded): string => {
  const parts = plain(random);
  for (let count = random.below(4); count > 0; count--) random.pick(ways)(random, parts);
  let text = written(parts);
  if (random.once(3)) text = spoilBytes(random, text);
  if (random.once(12)) text = `${random.pick(["\r\n", "\n", "\r\n\r\n", " ", "\0"])}${text}`;
  return text;
};

/** The request that stands behind each trial: read by itself, as a body, or not at all. */
export const sentinel = "GET /sentinel HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n";

/** Bytes of a connection (latin1): one to three requests, some of them wrong, and the sentinel. */
export const mutatedRequests = (random: Seeded): string => {
  let text = one(random);
  while (random.once(4)) text += one(random);
  return Buffer.from(text + sentinel, random.once(8) ? "utf8" : "latin1").toString("latin1");
};
