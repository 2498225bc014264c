/**
 * The one error type that crosses a feature's boundary. `publicMessage` is for people and may be shown to
 * anyone who may make the request; `cause` is for the log only.
 */
export type ErrorCode =
  | "invalid_input"
  | "unauthenticated"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "too_large"
  | "rate_limited"
  | "engine_unavailable"
  | "unavailable"
  | "deploy_failed"
  | "internal";

/** One refused field: where it is in the input, and what is allowed there. */
export interface FieldError {
  path: string;
  message: string;
}

export class AppError extends Error {
  readonly code: ErrorCode;
  readonly publicMessage: string;
  readonly fields: FieldError[];
  readonly retryAfterSeconds: number | undefined;

  constructor(
    code: ErrorCode,
    publicMessage: string,
    options: { fields?: FieldError[]; cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(publicMessage, { cause: options.cause });
    this.name = "AppError";
    this.code = code;
    this.publicMessage = publicMessage;
    this.fields = options.fields ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** `invalid_input` about one field. */
export const invalid = (path: string, message: string): AppError =>
  new AppError("invalid_input", `${path}: ${message}`, { fields: [{ path, message }] });

export const notFound = (what: string): AppError => new AppError("not_found", `${what} was not found`);

export const conflict = (message: string): AppError => new AppError("conflict", message);

/** What may be shown of any thrown value: an AppError's own words, otherwise nothing of the inside. */
export const publicMessageOf = (error: unknown): string =>
  error instanceof AppError
    ? error.publicMessage
    : "something went wrong inside Croft; the log has the details";

/** `invalid_input` from zod's issues: one entry per refused field, in words for people. */
export const invalidFields = (
  issues: readonly {
    path: readonly PropertyKey[];
    message: string;
    code?: string;
    keys?: string[];
    issues?: readonly { message: string }[];
  }[],
): AppError => {
  const fields = issues.flatMap((issue): FieldError[] => {
    const path = issue.path.map(String).join(".");
    // A record's key that does not fit: why, stands one level below.
    if (issue.code === "invalid_key" && issue.issues?.[0])
      return [{ path, message: issue.issues[0].message }];
    if (issue.code === "unrecognized_keys")
      return (issue.keys ?? []).map((key) => ({
        path: path === "" ? key : `${path}.${key}`,
        message: "is not a known field",
      }));
    const missing = issue.message.endsWith("received undefined");
    return [{ path, message: missing ? "is required" : issue.message }];
  });
  const text = fields.map((field) => (field.path === "" ? field.message : `${field.path}: ${field.message}`));
  return new AppError("invalid_input", text.join("; "), { fields });
};
