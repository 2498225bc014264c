import type { JobView } from "../domain/job.ts";
import { commandText } from "../domain/run.ts";
import type { Typed } from "./form.ts";

/** What a job's form shows of a job. */
export const typedJob = (job: JobView): Typed => ({
  name: job.name,
  schedule: job.schedule,
  timeZone: job.timeZone,
  command: commandText(job.command),
  timeoutSeconds: String(job.timeoutSeconds),
  overlap: job.overlap,
  missed: job.missed,
});

const number = (text: string | undefined): unknown =>
  text === undefined || text.trim() === "" ? undefined : /^\d+$/.test(text.trim()) ? Number(text) : text;

/**
 * Fields of the form as the API's; empty ones are left out.
 * @param now the job that is changed: a command that was not touched stays the words that it is
 */
export const readJobForm = (typed: Typed, now: JobView | null = null): Record<string, unknown> => {
  const { name, schedule, timeZone, command, timeoutSeconds, overlap, missed } = typed;
  const untouched = now !== null && command === commandText(now.command);
  const fields = {
    name: name?.trim(),
    schedule: schedule?.trim(),
    timeZone: timeZone?.trim(),
    // Browsers end lines of a text area with both characters, which a shell would take for a part of the command.
    command: untouched ? undefined : command?.replaceAll("\r\n", "\n"),
    timeoutSeconds: number(timeoutSeconds),
    overlap,
    missed,
  };
  return Object.fromEntries(
    Object.entries(fields).filter(
      ([key, value]) => value !== undefined && (value !== "" || key === "command"),
    ),
  );
};
