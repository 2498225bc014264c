/** A run of text in one colour; `tone` is a class suffix of styles/log.css. */
export interface AnsiRun {
  text: string;
  tone: string | null;
}

const colours = ["dim", "red", "green", "amber", "blue", "magenta", "cyan", "plain"];

// CSI (with its colour form kept apart below), OSC and other string sequences, and two-byte escapes; ECMA-48 § 5.4.
const escapes =
  /\x1b\[([0-9;:]*)m|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[\]P^_X][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)|\x1b[ -/]*[0-~]?/g;
// What is left of controls, and the marks that turn the direction of text (a line must read as it was written).
const controls = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Cuts a log line into coloured runs. Only the 16 foreground colours are kept; every other escape sequence
 * and control character is dropped. The text still has to be escaped by whoever renders it.
 */
export const parseAnsi = (line: string): AnsiRun[] => {
  // A progress bar overwrites its line with CR: the last state is the one a terminal would show.
  const shown = line.replace(/\r+$/, "");
  const text = shown.slice(shown.lastIndexOf("\r") + 1);
  const runs: AnsiRun[] = [];
  let tone: string | null = null;
  let from = 0;
  const push = (part: string) => {
    const clean = part.replace(controls, "");
    if (clean === "") return;
    const last = runs.at(-1);
    if (last && last.tone === tone) last.text += clean;
    else runs.push({ text: clean, tone });
  };
  for (const match of text.matchAll(escapes)) {
    push(text.slice(from, match.index));
    from = match.index + match[0].length;
    if (match[1] !== undefined) tone = nextTone(tone, match[1]);
  }
  push(text.slice(from));
  return runs;
};

const nextTone = (tone: string | null, parameters: string): string | null => {
  const codes = parameters.split(/[;:]/).map(Number);
  let next = tone;
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    if (code === 0 || code === 39) next = null;
    else if (code >= 30 && code <= 37) next = colours[code - 30]!;
    else if (code >= 90 && code <= 97) next = colours[code - 90]!;
    else if (code === 2) next = "dim";
    // Palette and true colours take arguments, which must not be read as codes.
    else if (code === 38 || code === 48) i += codes[i + 1] === 5 ? 2 : codes[i + 1] === 2 ? 4 : 0;
  }
  return next === "plain" ? null : next;
};
