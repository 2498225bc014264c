import { expect, test } from "bun:test";
import { z } from "zod";
import { parse } from "./parse.ts";

const schema = z.strictObject({
  name: z.string(),
  set: z.record(z.string().regex(/^[A-Z]+$/, "may hold A-Z"), z.string()).optional(),
  inner: z.strictObject({ port: z.number("must be a number") }).optional(),
});

test.each([
  [{}, "name", "is required"],
  [{ name: "x", nmae: 1 }, "nmae", "is not a known field"],
  [{ name: "x", inner: { prt: 1, port: 1 } }, "inner.prt", "is not a known field"],
  [{ name: "x", inner: { port: "1" } }, "inner.port", "must be a number"],
  [{ name: "x", set: { "A B": "1" } }, "set.A B", "may hold A-Z"],
])("%p names the field and what is allowed", (input, path, message) => {
  expect(() => parse(schema, input)).toThrow(
    expect.objectContaining({ code: "invalid_input", fields: [{ path, message }] }),
  );
});
