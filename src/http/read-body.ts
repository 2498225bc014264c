import type { Context } from "hono";
import type { z } from "zod";
import { AppError, invalidFields } from "../errors.ts";
import { MB, formatBytes } from "../domain/size.ts";

/**
 * Reads the body into the request's cache, so that `c.req.json()`, `text()` and `parseBody()` find it there, and
 * stops reading at the limit: a length that is not announced, or is a lie, costs no more memory than that.
 * @throws AppError `too_large`, `invalid_input` when the client leaves before its end
 */
export const readBody = async (c: Context, maxBytes: number): Promise<ArrayBuffer> => {
  const tooLarge = () =>
    new AppError("too_large", `the request body is larger than ${formatBytes(maxBytes)}`);
  if (Number(c.req.header("content-length") ?? 0) > maxBytes) throw tooLarge();
  // Hono keeps promises here, whatever its types say.
  const cache = c.req.bodyCache as { arrayBuffer?: Promise<ArrayBuffer> };
  if (cache.arrayBuffer) return cache.arrayBuffer;
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of c.req.raw.body ?? []) {
      size += chunk.byteLength;
      if (size > maxBytes) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    // Nobody is there to read this; but it is no fault of ours, and must not fill the log as one.
    throw new AppError("invalid_input", "the request was cut off", { cause });
  }
  const buffer = await new Blob(chunks as BlobPart[]).arrayBuffer();
  cache.arrayBuffer = Promise.resolve(buffer);
  return buffer;
};

const maxFormBytes = 1 * MB;

/**
 * The fields of a posted form, as Hono reads them.
 * @throws AppError `too_large` above 1 MB, `invalid_input` (400) when it is none
 */
export const readFormBody = async (c: Context): Promise<Awaited<ReturnType<Context["req"]["parseBody"]>>> => {
  await readBody(c, maxFormBytes);
  try {
    return await c.req.parseBody();
  } catch (cause) {
    throw new AppError("invalid_input", "the form cannot be read", { cause });
  }
};

/**
 * A JSON body that fits the schema. No body at all counts as `{}`.
 * @throws AppError `invalid_input` (400 when it is not JSON, 422 naming the fields), `too_large` above 1 MB
 */
export const readJson = async <Schema extends z.ZodType>(
  c: Context,
  schema: Schema,
): Promise<z.output<Schema>> => {
  const bytes = await readBody(c, 1 * MB);
  const type = c.req.header("content-type")?.split(";")[0]!.trim().toLowerCase();
  if (bytes.byteLength > 0 && type !== "application/json")
    throw new AppError("invalid_input", "the request body must be JSON, with Content-Type: application/json");
  let value: unknown = {};
  if (bytes.byteLength > 0)
    try {
      value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    } catch (cause) {
      throw new AppError("invalid_input", "the request body is not valid JSON", { cause });
    }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalidFields([{ path: [], message: "the request body must be a JSON object" }]);
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalidFields(parsed.error.issues);
  return parsed.data;
};
