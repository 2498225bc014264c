/** A strict reader of answers on text (latin1), for what the edge sends to visitors (RFC 9112 sections 4 and 6.3). */
export interface Answer {
  status: number;
  /** Lower-case names; several of a name are joined by line ends. */
  fields: Map<string, string>;
  body: string;
  /** `none`, `length`, `chunked`; `close`: the body goes up to the connection's end. */
  framing: "none" | "length" | "chunked" | "close";
  end: number;
}

const statusLine = /^HTTP\/1\.1 ([1-5]\d\d) [\t -~\x80-\xff]*$/;
const fieldLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\x80-\xff]*?)[ \t]*$/;

/** @returns the answer at the position, `cut` when it is not whole, `wrong` when it is none */
export const readAnswer = (text: string, start: number, isHead: boolean): Answer | "cut" | "wrong" => {
  const headEnd = text.indexOf("\r\n\r\n", start);
  if (headEnd < 0)
    return text.length === start || "HTTP/1.1 ".startsWith(text.slice(start, start + 9)) ? "cut" : "wrong";
  const [first, ...lines] = text.slice(start, headEnd).split("\r\n");
  const line = statusLine.exec(first!);
  if (line === null) return "wrong";
  const fields: Answer["fields"] = new Map();
  for (const it of lines) {
    const field = fieldLine.exec(it);
    if (field === null) return "wrong";
    const name = field[1]!.toLowerCase();
    const before = fields.get(name);
    fields.set(name, before === undefined ? field[2]! : `${before}\n${field[2]!}`);
  }
  const status = Number(line[1]);
  const length = fields.get("content-length");
  const coding = fields.get("transfer-encoding");
  const answer: Answer = { status, fields, body: "", framing: "none", end: headEnd + 4 };
  if (length !== undefined && (coding !== undefined || !/^\d+$/.test(length))) return "wrong";
  if (status < 200 || status === 204 || status === 304 || isHead) return answer;
  if (coding !== undefined) {
    if (coding !== "chunked") return "wrong";
    return readChunks(text, answer);
  }
  if (length === undefined)
    return { ...answer, framing: "close", body: text.slice(answer.end), end: text.length };
  const end = answer.end + Number(length);
  if (text.length < end) return "cut";
  return { ...answer, framing: "length", body: text.slice(answer.end, end), end };
};

const readChunks = (text: string, answer: Answer): Answer | "cut" | "wrong" => {
  let at = answer.end;
  let body = "";
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return "cut";
    const line = text.slice(at, lineEnd);
    if (!/^[0-9a-f]+$/.test(line)) return "wrong";
    const size = Number.parseInt(line, 16);
    at = lineEnd + 2;
    if (size === 0) break;
    if (text.length < at + size + 2) return "cut";
    body += text.slice(at, at + size);
    if (text.slice(at + size, at + size + 2) !== "\r\n") return "wrong";
    at += size + 2;
  }
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return "cut";
    const line = text.slice(at, lineEnd);
    at = lineEnd + 2;
    if (line === "") return { ...answer, framing: "chunked", body, end: at };
    if (!fieldLine.test(line)) return "wrong";
  }
};
