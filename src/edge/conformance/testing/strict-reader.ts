/**
 * A second reader of requests, by regular expressions on text (latin1) and after the letter of RFC 9112, to hold
 * the edge's byte parser against. It knows one reading of each byte sequence, or none.
 */
export interface Reading {
  method: string;
  /** As it stands in the request line. */
  target: string;
  host: string;
  minor: number;
  body: string;
}

export interface Read {
  reading: Reading;
  /** Lower-case names with their values, in order. */
  fields: [string, string][];
  /** The trailer section's lines. */
  trailers: string[];
  end: number;
}

const requestLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP\/1\.([01])$/;
const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*$/;
const chunkLine = /^([0-9A-Fa-f]+)[ \t]*(;[\t -~\x80-\xff]*)?$/;

/** @returns what stands at the position, `cut` when more could complete it, `wrong` when nothing could */
export const readStrictly = (text: string, start: number): Read | "cut" | "wrong" => {
  // One empty line before a request is tolerated (RFC 9112 section 2.2).
  const at = text.startsWith("\r\n", start) ? start + 2 : start;
  const headEnd = text.indexOf("\r\n\r\n", at);
  if (headEnd < 0) return "cut";
  const [first, ...lines] = text.slice(at, headEnd).split("\r\n");
  const line = requestLine.exec(first!);
  if (line === null) return "wrong";
  const fields: [string, string][] = [];
  for (const it of lines) {
    const field = fieldLine.exec(it);
    if (field === null) return "wrong";
    fields.push([field[1]!.toLowerCase(), field[2]!]);
  }
  const all = (name: string): string[] => fields.filter(([it]) => it === name).map(([, value]) => value);
  const hosts = all("host");
  const lengths = all("content-length");
  const codings = all("transfer-encoding");
  if (hosts.length !== 1 || lengths.length > 1 || codings.length > 1) return "wrong";
  const reading = { method: line[1]!, target: line[2]!, host: hosts[0]!, minor: Number(line[3]), body: "" };
  let end = headEnd + 4;
  let trailers: string[] = [];
  if (codings.length > 0) {
    if (codings[0]!.toLowerCase() !== "chunked" || lengths.length > 0 || reading.minor === 0) return "wrong";
    const chunked = readChunks(text, end);
    if (typeof chunked === "string") return chunked;
    ({ end, trailers } = chunked);
    reading.body = chunked.body;
  } else if (lengths.length > 0) {
    if (!/^[0-9]+$/.test(lengths[0]!)) return "wrong";
    const length = Number(lengths[0]);
    if (text.length < end + length) return "cut";
    reading.body = text.slice(end, end + length);
    end += length;
  }
  return { reading, fields, trailers, end };
};

const readChunks = (
  text: string,
  start: number,
): { body: string; trailers: string[]; end: number } | "cut" | "wrong" => {
  let body = "";
  let at = start;
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return "cut";
    const line = chunkLine.exec(text.slice(at, lineEnd));
    if (line === null) return "wrong";
    const size = Number.parseInt(line[1]!, 16);
    at = lineEnd + 2;
    if (size === 0) break;
    if (text.length < at + size + 2) return "cut";
    body += text.slice(at, at + size);
    at += size;
    if (!text.startsWith("\r\n", at)) return "wrong";
    at += 2;
  }
  const trailers: string[] = [];
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return "cut";
    const line = text.slice(at, lineEnd);
    at = lineEnd + 2;
    if (line === "") return { body, trailers, end: at };
    if (!fieldLine.test(line)) return "wrong";
    trailers.push(line);
  }
};
