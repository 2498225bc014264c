/** Per output: whether the last entry of it was a piece of a line that goes on. */
export interface Middle {
  stdout: boolean;
  stderr: boolean;
}

export interface JsonFileEntry {
  /** Null for what continues a line that was cut. */
  text: string | null;
  cut: boolean;
  stream: "stdout" | "stderr";
  /** RFC 3339 with up to nine digits of a second, as Docker wrote it. */
  time: string;
  atMs: number;
  /** Behind the entry, from the beginning of the bytes. */
  end: number;
}

/** Docker's copier passes a line on in pieces of this size (daemon/logger/copier.go); only such have no end of line. */
const pieceBytes = 16 * 1024;

/** Times of Docker sort as text once their fractions are of one length: it leaves zeros at the end out. */
export const comparableTime = (time: string): string => {
  const [seconds = "", fraction = ""] = time.slice(0, -1).split(".");
  return `${seconds}.${fraction.padEnd(9, "0")}`;
};

/**
 * The entries of json-file logs: `{"log":"text\n","stream":"stdout","time":"…"}`, one a line. Of a line longer than
 * Docker's buffer the first piece is given, marked as cut, and `middle` is kept up to date. What is no entry is passed over.
 */
export const entriesOf = function* (bytes: Buffer, middle: Middle): Generator<JsonFileEntry> {
  for (let start = 0; start < bytes.length;) {
    const lf = bytes.indexOf(10, start);
    const end = lf === -1 ? bytes.length : lf + 1;
    const json = bytes.toString("utf8", start, end);
    start = end;
    let entry: { log?: unknown; stream?: unknown; time?: unknown };
    try {
      entry = JSON.parse(json) as typeof entry;
    } catch {
      // A line that an engine left unfinished when it was killed.
      continue;
    }
    const { log, time } = entry;
    if (typeof log !== "string" || typeof time !== "string") continue;
    const atMs = Date.parse(time);
    if (Number.isNaN(atMs)) continue;
    const stream = entry.stream === "stderr" ? "stderr" : "stdout";
    const continues = middle[stream];
    const isWhole = log.endsWith("\n");
    middle[stream] = !isWhole && Buffer.byteLength(log) >= pieceBytes - 4;
    if (continues) {
      yield { text: null, cut: false, stream, time, atMs, end };
      continue;
    }
    const text = isWhole ? log.slice(0, log.endsWith("\r\n") ? -2 : -1) : log;
    yield { text, cut: middle[stream], stream, time, atMs, end };
  }
};
