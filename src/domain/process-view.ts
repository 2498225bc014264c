import type { ContainerLimits } from "./engine.ts";
import type { ReplicaView } from "./views.ts";

/** What the engine's kernel was last read to use. */
export interface ReplicaFigures {
  memoryBytes: number;
  /** Of one core; null until it was read twice. */
  cpuPercent: number | null;
}

export interface ProcessReplicaView extends ReplicaView {
  release: number | null;
  /** At the last sample; null when it did not run then. */
  memoryBytes: number | null;
  cpuPercent: number | null;
}

export interface ProcessView {
  name: string;
  /** Null: what the image itself runs. */
  command: string | null;
  port: number | null;
  /** Nothing leads visitors to it: only the site's own processes and linked sites reach it, by name. */
  internal: boolean;
  /** `waiting`: it comes with the next deployment; `leaving`: it goes with it. */
  state: "current" | "waiting" | "leaving";
  /** People set something of it, beyond how the source has it. */
  isSet: boolean;
  replicas: { wanted: number; running: number };
  /** Of each replica. */
  limits: ContainerLimits;
  items: ProcessReplicaView[];
}
