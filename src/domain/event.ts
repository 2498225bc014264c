/** What happened to a site or the host without anybody asking for it, or what Croft did about it. */
export const eventKinds = [
  "replica.exited",
  "replica.crash_loop",
  "replica.oom",
  "replica.recovered",
  "container.removed",
  "container.unpaused",
  "container.replaced",
  "container.foreign",
  "network.repaired",
  "firewall.repaired",
  "limits.drift",
  "disk.near_full",
  "disk.full",
  "disk.eased",
  "volume.failed",
  "site.frozen",
  "site.asleep",
  "site.woken",
  "site.wake_failed",
  "guard.builds_paused",
  "guard.site_slept",
  "guard.site_throttled",
  "guard.site_paused",
  "job.failed",
  "engine.lost",
  "engine.back",
] as const;
export type EventKind = (typeof eventKinds)[number];

export const eventSeverities = ["info", "warning", "critical"] as const;
export type EventSeverity = (typeof eventSeverities)[number];

/** A row of `events`; times in UTC milliseconds. */
export interface EventRecord {
  id: string;
  at: number;
  kind: EventKind;
  severity: EventSeverity;
  /** Null when it is about the host. */
  environmentId: string | null;
  /** One sentence for the people it concerns, with its reason. */
  message: string;
  /** JSON object of figures. */
  details: string;
  /** When what was done was undone, or what was wrong ended; null while it lasts, or where nothing lasts. */
  endedAt: number | null;
}

/** What the API answers and the panel shows. */
export interface EventView {
  id: string;
  at: string;
  kind: EventKind;
  severity: EventSeverity;
  /** Null when it is about the host. */
  site: string | null;
  environment: string | null;
  message: string;
  details: Record<string, unknown>;
  endedAt: string | null;
}
