import { invalid } from "../errors.ts";
import type { Typed } from "./form.ts";

/** Reads lines as in a .env file: comments, `export`, and quotes around a value are taken off. */
export const parseEnvLines = (text: string): Record<string, string> => {
  const out: Record<string, string> = {};
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const match = /^(?:export\s+)?([^=]*?)\s*=\s*(.*)$/.exec(line);
    if (!match) throw invalid("several", `line ${index + 1} is not KEY=VALUE`);
    const value = match[2]!;
    const quoted = /^(["'])(.*)\1$/.exec(value);
    out[match[1]!] = quoted ? quoted[2]! : value;
  }
  return out;
};

/**
 * What the form sets: one pair, several, or both.
 * @throws AppError `invalid_input`
 */
export const readEnvForm = (typed: Typed): { set: Record<string, string>; secret?: true } => {
  const set = parseEnvLines(typed.several ?? "");
  const key = typed.key?.trim() ?? "";
  // Browsers send CRLF for a line break in a text area, whatever was typed.
  if (key !== "") set[key] = (typed.value ?? "").replace(/\r\n/g, "\n");
  if (Object.keys(set).length === 0)
    throw invalid("key", "is empty; give a key, or several lines of KEY=VALUE");
  // Unticked is no word on it: a key that is secret already stays so.
  return typed.secret === "yes" ? { set, secret: true } : { set };
};
