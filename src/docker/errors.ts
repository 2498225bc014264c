import { AppError } from "../errors.ts";

/** What docker-modem throws for an answer with an error status. */
export interface DockerHttpError extends Error {
  statusCode: number;
  json?: { message?: string } | null;
}

export const isHttpError = (error: unknown): error is DockerHttpError =>
  error instanceof Error && typeof (error as { statusCode?: unknown }).statusCode === "number";

export const hasStatus = (error: unknown, ...statuses: number[]): boolean =>
  isHttpError(error) && statuses.includes(error.statusCode);

/** Docker's own sentence, without docker-modem's wrapping. */
export const dockerMessage = (error: unknown): string => {
  if (!isHttpError(error)) return error instanceof Error ? error.message : String(error);
  const message = error.json?.message;
  return (
    typeof message === "string" ? message : error.message.replace(/^\(HTTP code \d+\) [^-]*- /, "")
  ).trim();
};

/** The part of a runtime's message that tells a person something: `exec: "x": executable file not found in $PATH`. */
export const runtimeReason = (message: string): string =>
  message
    .replace(/^.*unable to start container process: /s, "")
    .replace(/^.*(?:OCI runtime create failed|failed to create shim(?: task)?): /s, "")
    .replace(/: unknown$/, "")
    .trim();

/** Whether a request broke off below HTTP: errors of sockets carry a code, an aborted request its name. */
export const isConnectionError = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === "AbortError" || typeof (error as NodeJS.ErrnoException).code === "string");

export const engineUnavailable = (dockerHost: string, cause: unknown): AppError =>
  new AppError(
    "engine_unavailable",
    (cause as NodeJS.ErrnoException | undefined)?.code === "EACCES"
      ? `Croft may not use Docker at ${dockerHost}; run it as root or as a member of the group docker`
      : `Docker does not answer at ${dockerHost}; start it with: systemctl start docker`,
    { cause },
  );

export const engineTooSlow = (act: string, deadlineMs: number, cause: unknown): AppError =>
  new AppError("engine_unavailable", `Docker did not finish in ${Math.round(deadlineMs / 1000)} s: ${act}`, {
    cause,
  });

/** An error status of Docker that no caller expected. */
export const engineRefused = (act: string, error: DockerHttpError): AppError =>
  error.statusCode === 409
    ? new AppError("conflict", `Docker refused (${act}): ${dockerMessage(error)}`, { cause: error })
    : new AppError("internal", `Docker failed (${act}): ${dockerMessage(error)}`, { cause: error });

/** A deploy step that the engine could not do; `reason` is for people. */
export const deployFailed = (reason: string, cause?: unknown): AppError =>
  new AppError("deploy_failed", reason, { cause });
