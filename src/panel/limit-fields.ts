import type { Limits, LimitsPatch } from "../domain/limits.ts";
import { formatBytes, parseBytes } from "../domain/size.ts";
import { AppError, type FieldError } from "../errors.ts";
import type { Typed } from "./form.ts";
import { cores, count } from "./format.ts";

export interface LimitField {
  name: keyof Limits;
  label: string;
  hint: string;
  /** Text of a value, both in the table and in the field. */
  show(value: number): string;
  /** Null when the text is not of this kind. */
  read(text: string): number | null;
  wrong: string;
}

const bytes = { show: formatBytes, read: parseBytes, wrong: "must be a size such as 128m, 1.5g or 512 MB" };
const number = {
  show: count,
  read: (text: string) => (/^\d[\d,_ ]*$/.test(text) ? Number(text.replace(/[,_ ]/g, "")) : null),
  wrong: "must be a whole number",
};

/** Every limit as the form shows and reads it, in order of how often it is changed. */
export const limitFields: readonly LimitField[] = [
  {
    name: "memoryBytes",
    label: "Memory",
    hint: "Of each replica, with swap: none is given beside it. Past it the app is killed and started again.",
    ...bytes,
  },
  {
    name: "cpuMillicores",
    label: "CPU, cores",
    hint: "Of each replica; 0.5 is half a core. Past it the app is slowed down.",
    show: cores,
    read: (text) => (/^\d*\.?\d+$/.test(text) ? Math.round(Number(text) * 1000) : null),
    wrong: "must be a number of cores such as 0.5",
  },
  { name: "pids", label: "Processes", hint: "Of each replica; threads count too.", ...number },
  {
    name: "diskBytes",
    label: "Disk",
    hint: "Files, volumes and logs of all replicas together. Past it writes fail or the site is stopped.",
    ...bytes,
  },
  {
    name: "bandwidthBytesPerMonth",
    label: "Bandwidth a month",
    hint: "In and out together. What happens past it stands among the rules.",
    ...bytes,
  },
  { name: "requestsPerMinute", label: "Requests a minute", hint: "Past it visitors get 429.", ...number },
  { name: "concurrentRequests", label: "Requests at once", hint: "Past it visitors get 503.", ...number },
  { name: "maxBodyBytes", label: "Largest request body", hint: "Past it visitors get 413.", ...bytes },
];

/** What the form shows of the limits that hold now. */
export const typedLimits = (limits: Limits): Typed =>
  Object.fromEntries(limitFields.map((field) => [field.name, field.show(limits[field.name])]));

/**
 * Only what differs from the shown text: a rounded figure left as it was must not change the limit.
 * @throws AppError `invalid_input`, all wrong fields at once
 */
export const readLimits = (typed: Typed, now: Limits): LimitsPatch => {
  const patch: LimitsPatch = {};
  const wrong: FieldError[] = [];
  for (const field of limitFields) {
    const text = typed[field.name]?.trim();
    if (text === undefined || text === field.show(now[field.name])) continue;
    const value = field.read(text);
    if (value === null) wrong.push({ path: field.name, message: field.wrong });
    else patch[field.name] = value;
  }
  if (wrong.length > 0)
    throw new AppError("invalid_input", wrong.map((one) => `${one.path} ${one.message}`).join("; "), {
      fields: wrong,
    });
  return patch;
};
