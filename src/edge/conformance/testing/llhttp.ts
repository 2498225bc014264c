/**
 * Node's own parser (llhttp, in its strict default mode) and `node:http`, in a container of the base image. Messages
 * go in and out as lines, so hundreds of thousands can be read.
 */
export interface LlhttpMessage {
  method: string;
  status: number;
  target: string;
  /** All Host fields, joined by comma. */
  host: string;
  /** Base64. */
  body: string;
  complete: boolean;
}

export interface LlhttpReading {
  messages: LlhttpMessage[];
  /** `HPE_…`, or null. */
  error: string | null;
}

export interface Llhttp {
  version: string;
  /** Where a `node:http` server answers with `X-Read`, JSON of what it read in base64. */
  host: string;
  port: number;
  /** @param head for responses: which of them, by index, answer a HEAD request */
  read(kind: "request" | "response", bytes: string, heads?: number[]): Promise<LlhttpReading>;
  close(): Promise<void>;
}

const program = `
const { HTTPParser: P, allMethods } = process.binding("http_parser");
const read = (kind, bytes, heads) => {
  const messages = [];
  let it, headers, url;
  const parser = new P();
  parser.initialize(kind === "request" ? P.REQUEST : P.RESPONSE, {});
  parser[P.kOnMessageBegin | 0] = () => { headers = []; url = ""; };
  parser[P.kOnHeaders | 0] = (h, u) => { headers.push(...h); url += u; };
  parser[P.kOnHeadersComplete | 0] = (major, minor, h, method, u, status, reason, upgrade) => {
    if (h) headers.push(...h);
    const hosts = [];
    for (let i = 0; i < headers.length; i += 2) if (headers[i].toLowerCase() === "host") hosts.push(headers[i + 1]);
    it = { method: method === undefined ? "" : allMethods[method], status: status ?? 0, target: u ?? url, host: hosts.join(", "), parts: [], complete: false };
    const at = messages.push(it) - 1;
    if (kind === "response") return heads.includes(messages.filter((m) => m.status >= 200).length - 1) && status >= 200 ? 1 : status === 101 ? 2 : 0;
    return it.method === "CONNECT" ? 2 : 0;
  };
  parser[P.kOnBody | 0] = (b, from, length) => void it.parts.push(length === undefined ? Buffer.from(b) : Buffer.from(b.subarray(from, from + length)));
  parser[P.kOnMessageComplete | 0] = () => void (it.complete = true);
  let error = null;
  const result = parser.execute(bytes);
  if (result instanceof Error) error = result.code;
  else { const end = parser.finish(); if (end instanceof Error) error = end.code; }
  for (const m of messages) { m.body = Buffer.concat(m.parts).toString("base64"); delete m.parts; }
  return { messages, error };
};
const server = require("node:http").createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("error", () => {});
  request.on("end", () => {
    const said = { method: request.method, target: request.url, host: request.headers.host ?? "", body: Buffer.concat(parts).toString("base64") };
    response.writeHead(200, { "content-length": 0, "x-read": Buffer.from(JSON.stringify(said)).toString("base64") });
    response.end();
  });
});
server.keepAliveTimeout = 600000;
server.maxHeaderSize = 65536;
server.listen(8080, () => console.log(JSON.stringify({ version: process.versions.node + " llhttp " + process.versions.llhttp, host: Object.values(require("node:os").networkInterfaces()).flat().find((a) => a.family === "IPv4" && !a.internal).address })));
let rest = "";
process.stdin.setEncoding("latin1");
process.stdin.on("data", (text) => {
  const lines = (rest + text).split("\\n");
  rest = lines.pop();
  let out = "";
  for (const line of lines) {
    const [kind, heads, bytes] = line.split(" ");
    out += JSON.stringify(read(kind, Buffer.from(bytes, "base64"), heads === "-" ? [] : heads.split(",").map(Number))) + "\\n";
  }
  process.stdout.write(out);
});
process.stdin.on("end", () => process.exit(0));
`;

export const startLlhttp = async (): Promise<Llhttp> => {
  const child = Bun.spawn(
    [
      "docker",
      "run",
      "--rm",
      "-i",
      "--init",
      "node:22-bookworm-slim",
      "node",
      "--max-http-header-size=65536",
      "--no-deprecation",
      "-e",
      program,
    ],
    { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
  );
  const waiting: ((line: string) => void)[] = [];
  const first = new Promise<string>((resolve) => waiting.push(resolve));
  const reading = (async () => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const bytes of child.stdout) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) waiting.shift()?.(line);
    }
    // Whoever still waits would wait for ever.
    for (const resolve of waiting.splice(0)) resolve("null");
  })();
  const { version, host } = JSON.parse(await first) as { version: string; host: string };
  return {
    version,
    host,
    port: 8080,
    async read(kind, bytes, heads = []) {
      const line = new Promise<string>((resolve) => waiting.push(resolve));
      const which = heads.length === 0 ? "-" : heads.join(",");
      child.stdin.write(`${kind} ${which} ${Buffer.from(bytes, "latin1").toString("base64")}\n`);
      void child.stdin.flush();
      const answer = JSON.parse(await line) as LlhttpReading | null;
      if (answer === null) throw new Error("the container with Node has ended");
      return answer;
    },
    async close() {
      void child.stdin.end();
      await child.exited;
      await reading;
    },
  };
};
