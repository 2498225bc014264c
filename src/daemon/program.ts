import { join } from "node:path";

/** Inside a binary made by `bun build --compile` sources lie in a virtual folder. */
const isCompiled = import.meta.dir.startsWith("/$bunfs");

/** argv that starts this very program again: the binary, or Bun and the checkout's entry. */
export const programCommand = (): string[] =>
  isCompiled ? [process.execPath] : [process.execPath, join(import.meta.dir, "..", "main.ts")];
