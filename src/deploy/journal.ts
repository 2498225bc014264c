import { type LogLevel, type LogSource, type StepName } from "../domain/deployment.ts";
import { maskSecrets } from "../domain/mask-secrets.ts";
import type { DeploymentLogRecord, DeploymentRecord } from "../domain/records.ts";
import { publicMessageOf } from "../errors.ts";
import type { DeployDeps } from "./deps.ts";

const maxLineLength = 4000;
/** A build that prints without end must not fill the database: what comes after is counted, not kept. */
const maxLines = 20_000;
/** The same for long lines: all of a deployment's log together. */
const maxChars = 4_000_000;
const flushAfterMs = 50;

/** What a running deployment writes down: its log, and each step before it acts. */
export interface Journal {
  write(source: LogSource, message: string, level?: LogLevel): void;
  /** Records the step, runs it, records its end. */
  step<T>(name: StepName, run: () => Promise<T>): Promise<T>;
  flush(): Promise<void>;
  /** A text as the log would show it, of a line's length: for what is kept elsewhere, such as why it failed. */
  mask(text: string): string;
}

/** @param secrets values that must not appear in the log; every occurrence is replaced */
export const openJournal = async (
  deps: Pick<DeployDeps, "store" | "clock" | "log" | "notifier">,
  deployment: DeploymentRecord,
  secrets: readonly string[],
): Promise<Journal> => {
  let seq = await deps.store.lastLogSeq(deployment.id);
  let waiting: DeploymentLogRecord[] = [];
  let timer: Timer | null = null;
  let writing: Promise<void> = Promise.resolve();
  let dropped = 0;
  let chars = 0;
  const masked = maskSecrets(secrets);
  const mask = (text: string): string => masked(text).slice(0, maxLineLength);

  const flush = (): Promise<void> => {
    if (timer) clearTimeout(timer);
    timer = null;
    const lines = waiting;
    waiting = [];
    if (lines.length > 0)
      writing = writing
        .then(() => deps.store.insertLogLines(lines))
        .catch((error) => deps.log.error("deployment log not written", { deployment: deployment.id, error }))
        .then(() => deps.notifier.notify(deployment.id));
    return writing;
  };

  const append = (source: LogSource, message: string, level: LogLevel): void => {
    waiting.push({ deploymentId: deployment.id, seq: ++seq, at: deps.clock.nowMs(), level, source, message });
    if (waiting.length >= 200) void flush();
    else timer ??= setTimeout(flush, flushAfterMs);
  };

  const write = (source: LogSource, message: string, level: LogLevel = "info"): void => {
    for (const line of masked(message).split("\n")) {
      if ((seq >= maxLines || chars >= maxChars) && source !== "orchestrator") {
        if (dropped++ === 0)
          append(
            "orchestrator",
            `further lines are not kept (${maxLines} lines or ${maxChars / 1_000_000} MB are the limit)`,
            "warning",
          );
        continue;
      }
      const kept = line.slice(0, maxLineLength);
      chars += kept.length;
      append(source, kept, level);
    }
  };

  return {
    write,
    flush,
    mask,
    step: async (name, run) => {
      await deps.store.insertStep({
        deploymentId: deployment.id,
        attempt: deployment.attempts,
        name,
        startedAt: deps.clock.nowMs(),
        endedAt: null,
        error: null,
      });
      deps.notifier.notify(deployment.id);
      let error: string | null = null;
      try {
        return await run();
      } catch (cause) {
        error = mask(publicMessageOf(cause));
        throw cause;
      } finally {
        await deps.store.endStep(deployment.id, deployment.attempts, name, deps.clock.nowMs(), error);
        deps.notifier.notify(deployment.id);
      }
    },
  };
};
