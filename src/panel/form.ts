import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { z } from "zod";
import { type AppError, type FieldError, invalidFields } from "../errors.ts";
import { toAppError } from "../http/error-response.ts";
import { readFormBody } from "../http/read-body.ts";
import type { PanelEnv } from "./deps.ts";

/** What was typed into a form, by field name. */
export type Typed = Record<string, string>;

/** Why a form was refused, to be shown beside what was typed. */
export interface Refusal {
  status: ContentfulStatusCode;
  message: string;
  fields: FieldError[];
}

/** Reads a posted form; that it came from a page of ours was checked before the panel. */
export const readForm = async (c: Context<PanelEnv>): Promise<Typed> => {
  const typed: Typed = {};
  for (const [name, value] of Object.entries(await readFormBody(c)))
    if (typeof value === "string" && name !== "_csrf") typed[name] = value;
  return typed;
};

/** @throws AppError `invalid_input` naming every refused field */
export const parse = <T extends z.ZodType>(schema: T, input: unknown): z.output<T> => {
  const parsed = schema.safeParse(input);
  if (!parsed.success) throw invalidFields(parsed.error.issues);
  return parsed.data;
};

const statuses: Partial<Record<AppError["code"], ContentfulStatusCode>> = {
  invalid_input: 422,
  conflict: 409,
  too_large: 413,
  rate_limited: 429,
  deploy_failed: 422,
  engine_unavailable: 503,
  unavailable: 503,
  unauthenticated: 422,
};

/** `slug: choir is taken` is a word about one field, although the error does not list it as one. */
const fieldsOf = (error: AppError): FieldError[] => {
  if (error.fields.length > 0) return error.fields;
  const match = /^([a-z][A-Za-z.]*): (.+)$/s.exec(error.publicMessage);
  return match ? [{ path: match[1]!, message: match[2]! }] : [];
};

/**
 * Runs what a form asks for. A refusal that the person can act on goes to `refused`; `not_found`, `forbidden`
 * and what nobody expected are thrown on to the error pages.
 */
export const attempt = async (
  act: () => Promise<Response>,
  refused: (refusal: Refusal) => Promise<Response>,
): Promise<Response> => {
  try {
    return await act();
  } catch (thrown) {
    const error = toAppError(thrown);
    const status = statuses[error.code];
    if (status === undefined) throw thrown;
    return await refused({ status, message: error.publicMessage, fields: fieldsOf(error) });
  }
};

/** Text of a field, trimmed; undefined when left empty. */
export const given = (typed: Typed, name: string): string | undefined => typed[name]?.trim() || undefined;
