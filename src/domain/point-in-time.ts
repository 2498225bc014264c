import { invalid } from "../errors.ts";

const spansMs: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/**
 * Reads a time (ISO 8601, or UTC milliseconds), or a span back from now such as `90m`, `24h` or `7d`.
 * @throws AppError `invalid_input` naming the field
 */
export const pointInTime = (field: string, text: string, nowMs: number): number => {
  const trimmed = text.trim();
  const span = /^(\d{1,6})([mhdw])$/.exec(trimmed);
  const atMs =
    span !== null
      ? nowMs - Number(span[1]) * spansMs[span[2]!]!
      : /^\d{11,14}$/.test(trimmed)
        ? Number(trimmed)
        : Date.parse(/^\d{4}-\d{2}/.test(trimmed) ? trimmed : "");
  if (!Number.isFinite(atMs))
    throw invalid(
      field,
      "must be a time such as 2026-03-01T12:00:00Z, UTC milliseconds, or a span back from now such as 90m, 24h or 7d",
    );
  return atMs;
};
