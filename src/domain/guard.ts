import { z } from "zod";
import { GB, MB, formatBytes } from "./size.ts";

/** What of the host can run short. */
export const pressureKinds = ["disk", "memory", "cpu", "io"] as const;
export type PressureKind = (typeof pressureKinds)[number];

/** One look at the machine. Percentages are of the time since the look before; null where the kernel does not tell. */
export interface HostFigures {
  /** Monotonic. */
  atMs: number;
  /** Of the disk with the least free space among those that Croft and its engine write to. */
  disk: { folder: string; freeBytes: number; totalBytes: number } | null;
  memory: { availableBytes: number; totalBytes: number; swapFreeBytes: number } | null;
  /** Of all cores together. */
  cpuBusyPercent: number | null;
  /** Something waited for a processor, for memory, for a disk (Linux, accounting/psi.rst: some). */
  cpuStalledPercent: number | null;
  memoryStalledPercent: number | null;
  ioStalledPercent: number | null;
}

const bytes = (min: number, max: number) => {
  const error = `must be between ${formatBytes(min)} and ${formatBytes(max)}`;
  return z
    .number({ error })
    .int("must be a whole number of bytes")
    .min(min, error)
    .max(max, error)
    .nullable();
};
const whole = (min: number, max: number) => {
  const error = `must be a whole number between ${min} and ${max}`;
  return z.number({ error }).int(error).min(min, error).max(max, error);
};

/** When the guard takes the host to be under pressure, and how fast it acts. */
const fields = z.strictObject({
  /** Less free disk than this; null: a twentieth, 2 GB at least and 10 GB at most. */
  diskFreeBytes: bytes(16 * MB, 100 * 1024 * GB),
  /** Less available memory than this; null: a twentieth, 128 MB at least and 1 GB at most. */
  memoryAvailableBytes: bytes(16 * MB, 1024 * GB),
  /** Of the time in which work waits for it; here and below 100 is never. */
  memoryStalledPercent: whole(1, 100),
  /** Both together: processors are busy, and work waits for them. */
  cpuBusyPercent: whole(1, 100),
  cpuStalledPercent: whole(0, 100),
  ioStalledPercent: whole(1, 100),
  /** How long processors or disks are overloaded before anything is done; memory and free disk do not wait. */
  patienceSeconds: whole(1, 600),
  /** Between two acts. */
  stepSeconds: whole(1, 600),
  /** How long the pressure must be gone before an act is undone; the acts are undone one by one, the last first. */
  calmSeconds: whole(1, 3600),
});
export type GuardSettings = z.output<typeof fields>;

export const defaultGuardSettings: GuardSettings = {
  diskFreeBytes: null,
  memoryAvailableBytes: null,
  memoryStalledPercent: 40,
  cpuBusyPercent: 95,
  cpuStalledPercent: 60,
  ioStalledPercent: 80,
  patienceSeconds: 10,
  stepSeconds: 10,
  calmSeconds: 30,
};

export const guardSettingsPatchSchema = fields.partial();
export type GuardSettingsPatch = z.output<typeof guardSettingsPatchSchema>;

export const guardActKinds = ["builds", "sleep", "throttle", "pause"] as const;
export type GuardActKind = (typeof guardActKinds)[number];

/** A row of `guard_acts`: what the guard did and has not undone yet. */
export interface GuardActRecord {
  /** The event that tells of it. */
  eventId: string;
  kind: GuardActKind;
  /** Null for builds. */
  environmentId: string | null;
  pressure: PressureKind;
  /** One sentence for people. */
  reason: string;
  /** What a throttled site may use; null for the others. */
  cpuMillicores: number | null;
  since: number;
}

/** The heaviest user of something, with its figure in words. */
export interface SuspectView {
  site: string;
  environment: string;
  text: string;
}

/** What the API answers. Times are ISO 8601. */
export interface GuardView {
  /** False where the installation runs without it (CROFT_GUARD=off). */
  isOn: boolean;
  figures: Omit<HostFigures, "atMs"> | null;
  /** Those in force, the automatic ones as figures. */
  settings: GuardSettings;
  /** What runs short now. */
  pressures: { kind: PressureKind; since: string; text: string }[];
  /** Who uses most of each; null where nobody stands out, or nothing was measured. */
  heaviest: Record<PressureKind, SuspectView | null>;
  /** The site that lets all others go first, since it uses more of the processors than they together; null: none. */
  yields: string | null;
  /** Newest first. */
  inForce: {
    id: string;
    kind: GuardActKind;
    /** Null for builds. */
    site: string | null;
    environment: string | null;
    pressure: PressureKind;
    reason: string;
    since: string;
  }[];
  /** Newest first; those in force among them. */
  recent: { id: string; at: string; site: string | null; message: string; endedAt: string | null }[];
  /** Why builds wait; null when they do not. */
  buildsWait: string | null;
}
