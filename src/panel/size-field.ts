import { parseBytes } from "../domain/size.ts";
import { invalid } from "../errors.ts";
import { given, type Typed } from "./form.ts";

/** Bytes that a field names; undefined when it is empty. @throws AppError `invalid_input` for what is no size */
export const readSize = (typed: Typed, name: string): number | undefined => {
  const text = given(typed, name);
  if (text === undefined) return undefined;
  const bytes = parseBytes(text);
  if (bytes === null) throw invalid(name, "must be a size such as 500m, 1.5g or 512 MB");
  return bytes;
};
