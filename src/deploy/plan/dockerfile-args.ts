import { refusedAt, type Instruction } from "./dockerfile-parser.ts";

/** The arguments that FROM may use; null for one without default. */
export type FromArgs = Map<string, string | null>;

/**
 * Reads an `ARG` that stands before the first FROM into `args`. One without default stays unset: Croft passes no
 * build arguments.
 */
export const readArg = ({ rest, line }: Instruction, args: FromArgs): void => {
  // blanks escaped by a backslash would belong to a word
  if (rest.includes("\\")) throw refusedAt(line, "ARG before the first FROM must not hold backslashes");
  const word = /(?:"[^"]*"|'[^']*'|[^\s"'])+/g;
  if (rest.replace(word, "").trim() !== "") throw refusedAt(line, "ARG: a quote is not closed");
  for (const text of rest.match(word) ?? []) {
    const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)(?:=(.*))?$/.exec(text) ?? [];
    if (name === undefined)
      throw refusedAt(line, `ARG ${JSON.stringify(text.slice(0, 80))} is not NAME=value`);
    if (args.has(name))
      throw refusedAt(line, `ARG ${name} stands here twice; builders differ in which one counts`);
    args.set(name, value === undefined ? null : expandValue(value, args, line));
  }
};

/** The image name of a FROM with its variables put in. */
export const expandName = (text: string, args: FromArgs, line: number): string => {
  const name = expandValue(text, args, line);
  if (name === "") throw refusedAt(line, `FROM ${text}: no image name is left after its variables`);
  return name;
};

/** One pair of quotes around the whole is taken off; quotes and backslashes elsewhere are refused. */
const expandValue = (text: string, args: FromArgs, line: number): string => {
  const [, single, double] = /^(?:'([^'\\]*)'|"([^"\\]*)")$/.exec(text) ?? [];
  if (single !== undefined) return single;
  return substitute(double ?? text, args, line);
};

const substitute = (text: string, args: FromArgs, line: number): string => {
  if (/["'\\`]/.test(text))
    throw refusedAt(line, `${text.slice(0, 120)}: quotes and backslashes cannot be resolved here`);
  const left = text.replace(
    /\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?::([-+])([^${}]*))?\})/g,
    (_, bare?: string, braced?: string, operator?: string, word = "") => {
      const name = (bare ?? braced)!;
      const value = args.get(name) ?? "";
      if (operator === "-") return value === "" ? word : value;
      if (operator === "+") return value === "" ? "" : word;
      if (typeof args.get(name) !== "string")
        throw refusedAt(
          line,
          `$${name} has no value: give it a default with ARG ${name}=… before the first FROM (builds get no build arguments)`,
        );
      return value;
    },
  );
  if (left.includes("$"))
    throw refusedAt(line, `${text.slice(0, 120)}: this variable expression is not supported`);
  return left;
};
