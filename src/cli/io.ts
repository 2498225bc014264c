import { UsageError } from "./usage-error.ts";

/** What a command has of the outside world. Results go to `out`, everything said along the way to `err`. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** All of standard input, without its last line end. */
  readStdin(): Promise<string>;
  /** Asks on the terminal, `secret` without echo. @throws UsageError when there is no terminal */
  ask(question: string, options?: { secret?: boolean }): Promise<string>;
  /** Whether a person watches `err`. */
  isTerminal: boolean;
  cwd: string;
  /** Fires when the person wants to stop (Ctrl-C). */
  signal: AbortSignal;
}

const readLine = (question: string, secret: boolean): Promise<string> => {
  const { stdin, stderr } = process;
  // Before the question shows, or what is typed at once would be echoed still.
  if (secret) stdin.setRawMode(true);
  stderr.write(question);
  return new Promise((resolve, reject) => {
    let line = "";
    const finish = (error?: Error) => {
      stdin.off("data", onData);
      if (secret) {
        stdin.setRawMode(false);
        stderr.write("\n");
      }
      stdin.pause();
      if (error) reject(error);
      else resolve(line);
    };
    const onData = (data: Buffer | string) => {
      for (const char of data.toString()) {
        if (char === "\r" || char === "\n") return finish();
        // Raw mode delivers these instead of acting on them.
        if (char === "\x03" || char === "\x04") return finish(new DOMException("stopped", "AbortError"));
        if (char === "\x7f" || char === "\b") line = [...line].slice(0, -1).join("");
        else line += char;
      }
    };
    stdin.on("data", onData);
    stdin.resume();
  });
};

/** The real process. */
export const processIo = (): Io => {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort(new DOMException("stopped", "AbortError")));
  process.once("SIGTERM", () => stop.abort(new DOMException("stopped", "AbortError")));
  // Who read has seen enough (`| head`): over, with the status that a shell knows for it.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(141);
    throw error;
  });
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    readStdin: async () => (await Bun.stdin.text()).replace(/\r?\n$/, ""),
    ask: async (question, { secret = false } = {}) => {
      if (!process.stdin.isTTY || !process.stderr.isTTY)
        throw new UsageError(
          "there is no terminal to ask on; pass it on standard input instead (see --help)",
        );
      return readLine(question, secret);
    },
    isTerminal: process.stderr.isTTY === true,
    cwd: process.cwd(),
    signal: stop.signal,
  };
};
