import type { z } from "zod";
import { invalidFields } from "../errors.ts";

/** @throws AppError `invalid_input` naming each field that is wrong and what is allowed */
export const parse = <Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> => {
  const result = schema.safeParse(input);
  if (!result.success) throw invalidFields(result.error.issues);
  return result.data;
};
