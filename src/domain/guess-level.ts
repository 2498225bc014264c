import type { LogLevel } from "./deployment.ts";

/** Words that loggers write, in lower case. */
const words: Record<string, LogLevel> = {
  trace: "debug",
  verbose: "debug",
  debug: "debug",
  dbg: "debug",
  info: "info",
  information: "info",
  inf: "info",
  notice: "info",
  log: "info",
  warn: "warning",
  warning: "warning",
  wrn: "warning",
  error: "error",
  err: "error",
  severe: "error",
  critical: "critical",
  crit: "critical",
  fatal: "critical",
  ftl: "critical",
  panic: "critical",
  alert: "critical",
  emerg: "critical",
  emergency: "critical",
};

// Only the beginning is looked at, and no pattern can take more than one walk over it.
const lookedAt = 512;
/** Pino, bunyan, zap, winston, structlog, Google Cloud, Serilog, Elastic Common Schema. */
const inJson =
  /"(?:level|severity|lvl|levelname|log\.level|@l|loglevel)" ?: ?(?:"([A-Za-z]{3,11})"|([1-6]0)\b)/;
const inLogfmt = /(?:^|[ \t])(?:level|lvl|severity)="?([A-Za-z]{3,11})\b/;
const inBrackets = /[[<(]([A-Za-z]{3,11})[\])>]/g;
const atStart = /^([A-Za-z]{3,11})(?:\[\d+\]|\(\d+\))?(?::| -|\t)/;
const upperCase =
  /(?:^|[^A-Za-z0-9_"'/=-])(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|FATAL|PANIC|EMERG|ALERT)(?=$|[^A-Za-z0-9_"'/=-])/;
/** Google's glog and klog: `E1120 15:38:39.000000`. */
const glog = /^([IWEF])\d{4} \d\d:\d\d:\d\d/;
const glogLevels: Record<string, LogLevel> = { I: "info", W: "warning", E: "error", F: "critical" };
const exception =
  /^(?:Traceback \(most recent|npm ERR!|Uncaught |Unhandled |panic: |[A-Za-z.]{0,60}(?:Error|Exception)(?:: |$| \[))/;
/** Of an upper-case word, how far from the start it may stand: behind a time, a logger's name. */
const prefixChars = 96;
const escapes = /\x1b\[[0-9;]{0,20}m/g;

const ofNumber = (text: string): LogLevel =>
  text === "60"
    ? "critical"
    : text === "50"
      ? "error"
      : text === "40"
        ? "warning"
        : text === "30"
          ? "info"
          : "debug";

/**
 * What a line of an app's output is worth, by the marks that common loggers leave: fields of JSON and logfmt, words
 * in brackets, words in capitals near the start, names of exceptions. Without any mark it is `info`, on stderr too,
 * where many runtimes write everything.
 */
export const guessLevel = (line: string): LogLevel => {
  let text = line.length > lookedAt ? line.slice(0, lookedAt) : line;
  if (text.includes("\x1b")) text = text.replace(escapes, "");
  if (text.startsWith("{")) {
    const found = inJson.exec(text);
    if (found?.[1]) return words[found[1].toLowerCase()] ?? "info";
    return found?.[2] ? ofNumber(found[2]) : "info";
  }
  const fmt = text.includes("=") ? inLogfmt.exec(text) : null;
  const named = fmt && words[fmt[1]!.toLowerCase()];
  if (named) return named;
  const head = text.slice(0, prefixChars);
  const start = atStart.exec(head);
  const started = start && words[start[1]!.toLowerCase()];
  if (started) return started;
  for (const [, word] of head.matchAll(inBrackets)) {
    const level = words[word!.toLowerCase()];
    if (level) return level;
  }
  const upper = upperCase.exec(head);
  if (upper) return words[upper[1]!.toLowerCase()]!;
  const short = glog.exec(head);
  if (short) return glogLevels[short[1]!]!;
  return exception.test(head) ? "error" : "info";
};
