import type { AppLogLine, LogSource } from "../domain/app-log.ts";
import type { Engine } from "../domain/engine.ts";
import { guessLevel } from "../domain/guess-level.ts";
import { maskSecrets } from "../domain/mask-secrets.ts";

/** What the engine itself still holds: for one on another machine, or whose files this process may not read. */
export interface UnstoredLogs {
  /** Oldest first. */
  tail(environmentId: string, lines: number): Promise<AppLogLine[]>;
  follow(
    environmentId: string,
    onLine: (line: AppLogLine) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
}

export interface UnstoredDeps {
  engine: Pick<Engine, "logTail" | "followLogs">;
  sourcesOf(environmentId: string): Promise<LogSource[]>;
  secrets(source: LogSource): Promise<string[]>;
  nowMs(): number;
}

/** Asked of the engine each time, and nothing is kept. It tells neither times nor streams apart this way. */
export const unstoredLogs = (deps: UnstoredDeps): UnstoredLogs => {
  const viewer = async (source: LogSource) => {
    const mask = maskSecrets(await deps.secrets(source));
    return (text: string): AppLogLine => {
      const masked = mask(text);
      return {
        atMs: deps.nowMs(),
        stream: "stdout",
        level: guessLevel(masked),
        replica: source.replicaId,
        release: source.release,
        process: source.process,
        text: masked,
        cut: false,
      };
    };
  };
  return {
    async tail(environmentId, lines) {
      const tails = await Promise.all(
        (await deps.sourcesOf(environmentId)).map(async (source) => {
          const view = await viewer(source);
          return (await deps.engine.logTail(source.replicaId, lines).catch(() => [])).map(view);
        }),
      );
      return tails.flat().slice(-lines);
    },
    async follow(environmentId, onLine, signal) {
      const sinceMs = deps.nowMs();
      await Promise.all(
        (await deps.sourcesOf(environmentId)).map(async (source) => {
          const view = await viewer(source);
          await deps.engine
            .followLogs(source.replicaId, sinceMs, (text) => onLine(view(text)), signal)
            .catch(() => {});
        }),
      );
    },
  };
};
