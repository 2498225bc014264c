import type { Stats } from "node:fs";

/**
 * Entity tag from inode, size and time: a release is a folder of its own, so equal times and sizes in two
 * releases do not pass for the same content.
 */
export const entityTagOf = ({ ino, size, mtimeMs }: Stats): string =>
  `"${ino.toString(36)}-${size.toString(36)}-${Math.round(mtimeMs).toString(36)}"`;

/** The visitor has the present version already (RFC 9110 section 13.2.2: tags before dates). */
export const isNotModified = (fields: Map<string, string>, tag: string, mtimeMs: number): boolean => {
  const tags = fields.get("if-none-match");
  if (tags !== undefined)
    return tags.split(",").some((one) => one.trim() === "*" || one.trim().replace(/^W\//, "") === tag);
  const since = Date.parse(fields.get("if-modified-since") ?? "");
  return !Number.isNaN(since) && Math.floor(mtimeMs / 1000) * 1000 <= since;
};

export type Range = { from: number; to: number } | "whole" | "unsatisfiable";

/**
 * A single byte range (RFC 9110 section 14.1.2), `to` exclusive; several ranges, other units and bad syntax get
 * the whole file, as does a range on a version that the visitor does not have (`If-Range`).
 */
export const rangeOf = (fields: Map<string, string>, size: number, tag: string, mtimeMs: number): Range => {
  const asked = /^bytes=(\d*)-(\d*)$/.exec(fields.get("range") ?? "");
  if (asked === null || (asked[1] === "" && asked[2] === "")) return "whole";
  const condition = fields.get("if-range");
  if (
    condition !== undefined &&
    condition !== tag &&
    Date.parse(condition) !== Math.floor(mtimeMs / 1000) * 1000
  )
    return "whole";
  if (asked[1] === "") {
    const length = Number(asked[2]);
    return length === 0 || size === 0 ? "unsatisfiable" : { from: Math.max(0, size - length), to: size };
  }
  const from = Number(asked[1]);
  const last = asked[2] === "" ? size - 1 : Math.min(Number(asked[2]), size - 1);
  if (asked[2] !== "" && Number(asked[2]) < from) return "whole";
  return from >= size ? "unsatisfiable" : { from, to: last + 1 };
};
