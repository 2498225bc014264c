/** Text from outside for a terminal: no escape sequences (they can rewrite the screen), no control characters. */
export const plain = (text: string): string =>
  Bun.stripANSI(text).replace(/[\x00-\x08\x0a-\x1f\x7f-\x9f]/g, "");

/** Columns side by side, two spaces between; the last one is not padded. The first row is the head. */
export const table = (rows: readonly (readonly string[])[]): string => {
  const clean = rows.map((row) => row.map((cell) => plain(cell)));
  const widths: number[] = [];
  for (const row of clean)
    row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, Bun.stringWidth(cell))));
  const pad = (cell: string, i: number, row: readonly string[]) =>
    i === row.length - 1 ? cell : cell + " ".repeat(widths[i]! - Bun.stringWidth(cell));
  return clean.map((row) => row.map(pad).join("  ").trimEnd() + "\n").join("");
};

/** `2026-01-31 14:05`, in the reader's own zone; with seconds when asked. */
export const localTime = (iso: string | null, seconds = false): string => {
  if (iso === null) return "-";
  const date = new Date(iso);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}${seconds ? `:${two(date.getSeconds())}` : ""}`;
};

const twoUnits = (many: number, unit: string, few: number, smaller: string): string =>
  `${many} ${unit}${few === 0 ? "" : ` ${few} ${smaller}`}`;

/** `850 ms`, `12.3 s`, `4 min 5 s`, `1 h`, `1 h 30 min`. */
export const duration = (ms: number | null): string => {
  if (ms === null) return "-";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return twoUnits(Math.floor(seconds / 60), "min", seconds % 60, "s");
  return twoUnits(Math.floor(seconds / 3600), "h", Math.floor((seconds % 3600) / 60), "min");
};

export const cores = (millicores: number): string =>
  `${millicores / 1000} ${millicores === 1000 ? "core" : "cores"}`;

/** In place of the address of a site that is internal, or whose release has no `web`. */
export const noAddress = "none: visitors cannot reach it, linked sites can";

/** A block of `name  value` lines; nulls are left out. */
export const facts = (pairs: readonly (readonly [string, string | null | undefined])[]): string =>
  table(pairs.flatMap(([name, value]) => (value === null || value === undefined ? [] : [[name, value]])));
