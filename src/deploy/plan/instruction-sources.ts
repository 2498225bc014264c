import { refusedAt, wordsOf, type Instruction } from "./dockerfile-parser.ts";

/** ADD, COPY and RUN: no addresses, and every `from` handed to `useFrom`. */
export const checkSources = (instruction: Instruction, useFrom: (name: string) => void): void => {
  const { keyword, line, flags } = instruction;
  if (keyword === "add") checkAdd(instruction);
  if (keyword === "copy" || keyword === "add")
    for (const flag of flags) if (flag.name === "from") useFrom(plain(flag.value, line));
  if (keyword !== "run") return;
  for (const { name, value } of flags) {
    if (name === "mount")
      for (const field of value.split(","))
        if (/^\s*from\s*=/i.test(field)) useFrom(plain(field.slice(field.indexOf("=") + 1), line));
    if (name === "security" || (name === "network" && value.toLowerCase() === "host"))
      throw refusedAt(line, `RUN --${name}=${value} is not allowed`);
  }
};

const plain = (from: string, line: number): string => {
  if (from === "" || from.includes("$"))
    throw refusedAt(line, "from= must name a stage or an image without variables");
  return from;
};

const checkAdd = (instruction: Instruction): void => {
  for (const source of wordsOf(instruction).slice(0, -1)) {
    const refuse = (reason: string) =>
      refusedAt(instruction.line, `ADD ${JSON.stringify(source.slice(0, 120))}: ${reason}`);
    if (/:\/\/|^[^/]+@[^/]*:/.test(source))
      throw refuse("addresses are not allowed; download with RUN curl instead");
    if (source.includes("$")) throw refuse("variables are not allowed in what is added; use COPY");
    // the builder takes them out, so that the source it uses is not the one that stands there
    if (/["'\\]/.test(source)) throw refuse("quotes and backslashes are not allowed; use COPY");
  }
};
