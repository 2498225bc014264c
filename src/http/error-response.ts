import type { Context, ErrorHandler, NotFoundHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import { z } from "zod";
import type { Log } from "../domain/log.ts";
import { AppError, type ErrorCode, invalidFields, publicMessageOf } from "../errors.ts";

const table: Record<ErrorCode, { status: number; title: string }> = {
  invalid_input: { status: 422, title: "Invalid input" },
  unauthenticated: { status: 401, title: "Not signed in" },
  forbidden: { status: 403, title: "Not allowed" },
  not_found: { status: 404, title: "Not found" },
  conflict: { status: 409, title: "Conflict" },
  too_large: { status: 413, title: "Too large" },
  rate_limited: { status: 429, title: "Too many requests" },
  engine_unavailable: { status: 503, title: "Docker is not available" },
  unavailable: { status: 503, title: "Not available right now" },
  deploy_failed: { status: 422, title: "Deployment failed" },
  internal: { status: 500, title: "Internal error" },
};

/** The HTTP status of an error: 422 when fields are named, 400 when the input could not be read at all. */
export const statusOf = (error: AppError): number =>
  error.code === "invalid_input" && error.fields.length === 0 ? 400 : table[error.code].status;

/** Any thrown value as an AppError; what is not known becomes `internal`, with the original as its cause. */
export const toAppError = (error: unknown): AppError => {
  if (error instanceof AppError) return error;
  if (error instanceof z.ZodError) return invalidFields(error.issues);
  if (error instanceof HTTPException && error.status < 500) {
    const code = (Object.keys(table) as ErrorCode[]).find((key) => table[key].status === error.status);
    return new AppError(code ?? "invalid_input", error.message || "the request was refused", {
      cause: error,
    });
  }
  return new AppError("internal", publicMessageOf(error), { cause: error });
};

/** `application/problem+json` (RFC 9457) with the members `code` and, for input, `errors`. */
export const problemResponse = (c: Context, error: AppError): Response => {
  const status = statusOf(error);
  c.header("Content-Type", "application/problem+json");
  c.header("Cache-Control", "no-store");
  // git asks for a password only when challenged with Basic.
  if (status === 401)
    c.header("WWW-Authenticate", c.req.path.startsWith("/git/") ? 'Basic realm="Croft"' : "Bearer");
  if (status === 429 || status === 503) c.header("Retry-After", String(error.retryAfterSeconds ?? 5));
  const body = {
    type: `urn:croft:error:${error.code}`,
    title: table[error.code].title,
    status,
    detail: error.publicMessage,
    code: error.code,
    ...(error.fields.length > 0 ? { errors: error.fields } : {}),
  };
  return c.body(JSON.stringify(body), status as 400);
};

/** Writes down what went wrong inside; refusals that are the caller's own are no news. */
export const logError = (log: Log, c: Context, error: AppError): void => {
  if (error.code !== "internal") return;
  log.error("request failed", { method: c.req.method, path: c.req.path, error: error.cause ?? error });
};

/** For `app.onError`. */
export const errorHandler =
  (log: Log): ErrorHandler =>
  (thrown, c) => {
    const error = toAppError(thrown);
    logError(log, c, error);
    return problemResponse(c, error);
  };

/** For `app.notFound`. */
export const notFoundHandler: NotFoundHandler = (c) =>
  problemResponse(c, new AppError("not_found", `there is nothing at ${c.req.method} ${c.req.path}`));
