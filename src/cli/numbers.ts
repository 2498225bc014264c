import { parseBytes } from "../domain/size.ts";
import { UsageError } from "./usage-error.ts";

// What is allowed beyond the form of a number is the server's to say: it answers with the range.

/** `--memory 128m`. @throws UsageError */
export const sizeFlag = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const bytes = parseBytes(text);
  if (bytes === null || !Number.isSafeInteger(bytes))
    throw new UsageError(`--${name} takes a size such as 128m or 1.5g, not ${JSON.stringify(text)}`);
  return bytes;
};

/** `--pids 128`. @throws UsageError */
export const wholeFlag = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  if (!/^\d{1,15}$/.test(text))
    throw new UsageError(`--${name} takes a whole number, not ${JSON.stringify(text)}`);
  return Number(text);
};

/** `--cpu 0.5`, in cores. @returns thousandths of a core. @throws UsageError */
export const coresFlag = (name: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  if (!/^\d{1,6}(?:\.\d{1,3})?$/.test(text))
    throw new UsageError(`--${name} takes a number of cores such as 0.5 or 2, not ${JSON.stringify(text)}`);
  return Math.round(Number(text) * 1000);
};
