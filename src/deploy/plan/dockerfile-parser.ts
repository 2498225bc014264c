import { AppError } from "../../errors.ts";

/** One instruction of a Dockerfile, continuation lines joined. */
export interface Instruction {
  /** Line it starts on, from 1. */
  line: number;
  /** Lower case. */
  keyword: string;
  /** Leading `--name=value` words; a flag without value has "". */
  flags: { name: string; value: string }[];
  /** What follows the flags, trimmed. */
  rest: string;
}

const keywords = new Set(
  "from arg run cmd label maintainer expose env add copy entrypoint volume user workdir onbuild stopsignal healthcheck shell".split(
    " ",
  ),
);
const takesFlags = new Set(["from", "run", "add", "copy", "healthcheck"]);
/** What Go or JavaScript count as white space beyond ASCII; they disagree about some. */
const foreignBlanks = /[\u0085\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f\u2060\u3000\ufeff]/;
const maxBytes = 256 * 1024;

/** `deploy_failed` about one line of the Dockerfile. */
export const refusedAt = (line: number, reason: string): AppError =>
  new AppError("deploy_failed", `Dockerfile, line ${line}: ${reason}`);

/**
 * Splits a Dockerfile into instructions the way Docker's own parser does
 * (moby/buildkit frontend/dockerfile/parser). Where versions of that parser read a text differently, or where it
 * would find an instruction that this one might not see, the text is refused: a policy is worth nothing when
 * builder and check read different files.
 * @throws AppError `deploy_failed` with the line
 */
export const parseDockerfile = (text: string): Instruction[] => {
  if (Buffer.byteLength(text) > maxBytes)
    throw new AppError("deploy_failed", `Dockerfile: is larger than ${maxBytes / 1024} KB`);
  // undecodable bytes: the builder reads some of them as blanks
  if (text.includes("\ufffd")) throw new AppError("deploy_failed", "Dockerfile: is not valid UTF-8");
  const lines = text
    .replace(/^\ufeff/, "")
    .split("\n")
    .map((line) => line.replace(/\r$/, ""));
  checkDirectives(lines);

  const instructions: Instruction[] = [];
  for (let at = 0; at < lines.length; at++) {
    const first = readLine(lines, at);
    if (first === null || first.text.trim() === "") continue;
    const startLine = at + 1;
    let joined = first.text;
    let open = first.continues;
    while (open && at + 1 < lines.length) {
      // comments and empty lines inside a continuation are dropped, and the line after them still belongs to it
      const next = readLine(lines, ++at);
      if (next === null || (next.text.trim() === "" && !next.continues)) continue;
      joined += next.text;
      open = next.continues;
    }
    instructions.push(toInstruction(joined, startLine));
  }
  return instructions;
};

/** One physical line without its continuation mark; null for a comment. */
const readLine = (lines: string[], index: number): { text: string; continues: boolean } | null => {
  const line = lines[index]!;
  if (/[\x00-\x08\x0b-\x1f\x7f]/.test(line)) throw refusedAt(index + 1, "holds a control character");
  if (/^[ \t]*#/.test(line)) return null;
  if (foreignBlanks.test(line))
    throw refusedAt(index + 1, "holds a blank that is neither a space nor a tab, such as a no-break space");
  const match = /^(.*?)(\\*)[ \t]*$/.exec(line)!;
  // up to Docker 20.10 two backslashes continue the line, later ones read an escaped backslash
  if (match[2]!.length > 1)
    throw refusedAt(index + 1, "ends in two backslashes, which builders read differently");
  return match[2] === "" ? { text: line, continues: false } : { text: match[1]!, continues: true };
};

/**
 * `# escape=` with another character is refused: which lines count as directives differs between versions.
 * `# syntax=` may name Docker's own frontend, whose language this is; any other would be a program of its own.
 */
const checkDirectives = (lines: string[]): void => {
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    if (!/^\s*#/.test(line)) return;
    const directive = /^\s*#\s*(escape|syntax)\s*=\s*(.*?)\s*$/i.exec(line);
    if (!directive) continue;
    const [, name, value = ""] = directive;
    if (name!.toLowerCase() === "escape" && value !== "\\")
      throw refusedAt(index + 1, "the escape directive is not supported; use \\ to continue lines");
    if (
      name!.toLowerCase() === "syntax" &&
      !/^(?:docker\.io\/)?docker\/dockerfile(?::[\w.-]+)?(?:@sha256:[a-f0-9]{64})?$/.test(value)
    )
      throw refusedAt(index + 1, "the syntax directive may only name docker/dockerfile");
  }
};

const toInstruction = (joined: string, line: number): Instruction => {
  const [, word = "", args = ""] = /^[ \t]*([^ \t]*)[ \t]*(.*?)[ \t]*$/.exec(joined)!;
  const keyword = word.toLowerCase();
  if (!keywords.has(keyword))
    throw refusedAt(line, `${JSON.stringify(word.slice(0, 40))} is not an instruction`);
  if (/^(?:run|add|copy)$/.test(keyword) && /(?<!<)<<(?!<)(?!\s*\d)/.test(args))
    throw refusedAt(line, `here-documents (<<) are not supported in ${word.toUpperCase()}; use && and \\`);
  if (!takesFlags.has(keyword)) return { line, keyword, flags: [], rest: args };
  return { line, keyword, ...splitFlags(args, line) };
};

const splitFlags = (args: string, line: number): Pick<Instruction, "flags" | "rest"> => {
  const flags: Instruction["flags"] = [];
  let rest = args;
  for (let match; (match = /^--([^ \t]*)[ \t]*/.exec(rest)); rest = rest.slice(match[0].length)) {
    const word = match[1]!;
    // the builder takes quotes and backslashes out of flags, and splits them byte by byte: 0xA0 inside an "à" ends one
    if (!/^[!-~]*$/.test(word) || /["'\\]/.test(word))
      throw refusedAt(line, `--${word}: only plain ASCII without quotes and backslashes is allowed in flags`);
    if (word === "") return { flags, rest: rest.slice(match[0].length) };
    const equals = word.indexOf("=");
    flags.push(
      equals < 0
        ? { name: word.toLowerCase(), value: "" }
        : { name: word.slice(0, equals).toLowerCase(), value: word.slice(equals + 1) },
    );
  }
  return { flags, rest };
};

/**
 * The words of COPY, ADD, FROM and EXPOSE: a JSON array, or separated by blanks.
 * @throws AppError `deploy_failed` for something that starts like JSON and is none: the builder may still read its
 * beginning as JSON
 */
export const wordsOf = (instruction: Instruction): string[] => {
  const { rest, line, keyword } = instruction;
  if (!rest.startsWith("[")) return rest === "" ? [] : rest.split(/[ \t]+/);
  const list = parseJson(rest);
  if (!Array.isArray(list) || !list.every((word) => typeof word === "string"))
    throw refusedAt(line, `${keyword.toUpperCase()}: what starts with [ must be a JSON array of texts`);
  return list;
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
};
