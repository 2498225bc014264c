/** Structured logging as a dependency: one line per entry, never a secret. */
export interface Log {
  debug(message: string, fields?: Record<string, unknown>): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

const line = (level: string, message: string, fields: Record<string, unknown> = {}): string => {
  const plain: Record<string, unknown> = { at: new Date().toISOString(), level, message };
  for (const [key, value] of Object.entries(fields))
    plain[key] =
      value instanceof Error
        ? { message: value.message, stack: value.stack, cause: String(value.cause ?? "") }
        : value;
  return JSON.stringify(plain) + "\n";
};

/** JSON lines on stderr: stdout belongs to commands' results. */
export const stderrLog: Log = {
  debug: (message, fields) => {
    if (process.env.CROFT_LOG === "debug") process.stderr.write(line("debug", message, fields));
  },
  info: (message, fields) => void process.stderr.write(line("info", message, fields)),
  warn: (message, fields) => void process.stderr.write(line("warn", message, fields)),
  error: (message, fields) => void process.stderr.write(line("error", message, fields)),
};

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
