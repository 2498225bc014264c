import type { ContainerOutputs, LogSource } from "../domain/app-log.ts";
import type { Clock } from "../domain/clock.ts";
import type { Log } from "../domain/log.ts";
import type { LogStore } from "./log-store.ts";

export interface CollectorDeps {
  store: LogStore;
  outputs: ContainerOutputs;
  /** All containers whose output is kept, running or not. */
  sources(): Promise<LogSource[]>;
  /** One that is not among them any more, as long as it is known. */
  sourceOf(replicaId: string): Promise<LogSource | null>;
  /** What must not be written down of what a source prints; the same for all of one `secretsOf`. */
  secrets(source: LogSource): Promise<string[]>;
  clock: Clock;
  log: Log;
  flood?: FloodLimits;
}

/** How much of one environment's output is taken in, in bytes of the engine's files. */
export interface FloodLimits {
  /** After some quiet: as much as the engine keeps of a container, so that nothing is lost over a restart. */
  burstBytes: number;
  bytesPerSecond: number;
}

export const defaultFloodLimits: FloodLimits = { burstBytes: 32 * 1024 * 1024, bytesPerSecond: 256 * 1024 };
