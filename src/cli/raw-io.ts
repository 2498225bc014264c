import type { TerminalSize } from "../domain/command-process.ts";

/** The bytes that go through a command, past all that is said about it. */
export interface RawIo {
  /** Both ends are a person's terminal. */
  isTerminal: boolean;
  size(): TerminalSize;
  onResize(changed: () => void): void;
  /** Keys go through as they are pressed, Ctrl-C too. */
  setRaw(on: boolean): void;
  /** @param onBytes reading goes on once what it returns has resolved */
  read(onBytes: (bytes: Uint8Array) => Promise<void>, onEnd: () => void): void;
  /** Resolves when there is room for more. */
  write(which: "stdout" | "stderr", bytes: Uint8Array): Promise<void>;
  /** Lets go of standard input, which would keep the program. */
  close(): void;
}

export const processRawIo = (): RawIo => {
  const { stdin, stdout } = process;
  const isTerminal = stdin.isTTY === true && stdout.isTTY === true;
  let changed: (() => void) | null = null;
  return {
    isTerminal,
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    onResize: (given) => {
      changed = given;
      stdout.on("resize", given);
    },
    setRaw: (on) => void (isTerminal && stdin.setRawMode(on)),
    read: (onBytes, onEnd) => {
      stdin.on("data", (bytes: Uint8Array | string) => {
        stdin.pause();
        void onBytes(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes).then(() =>
          stdin.resume(),
        );
      });
      stdin.on("end", onEnd);
      stdin.on("error", onEnd);
      stdin.resume();
    },
    write: (which, bytes) =>
      new Promise((resolve) => {
        process[which].write(bytes, () => resolve());
      }),
    close: () => {
      if (changed) stdout.off("resize", changed);
      for (const name of ["data", "end", "error"]) stdin.removeAllListeners(name);
      stdin.pause();
      stdin.unref?.();
    },
  };
};
