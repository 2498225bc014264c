import type { GuardSettings, HostFigures, PressureKind } from "../domain/guard.ts";
import { GB, MB, formatBytes } from "../domain/size.ts";

const within = (least: number, value: number, most: number): number =>
  Math.max(least, Math.min(most, Math.round(value)));

/** The settings with the machine's own figures in place of the automatic ones. */
export const settingsFor = (settings: GuardSettings, { disk, memory }: HostFigures): GuardSettings => ({
  ...settings,
  diskFreeBytes: settings.diskFreeBytes ?? (disk && within(2 * GB, disk.totalBytes / 20, 10 * GB)),
  memoryAvailableBytes:
    settings.memoryAvailableBytes ?? (memory && within(128 * MB, memory.totalBytes / 20, 1 * GB)),
});

export interface Pressure {
  kind: PressureKind;
  /** Monotonic. */
  sinceMs: number;
  /** What runs short, with its figures, as part of a sentence. */
  text: string;
  /** At this pace nothing is left within seconds. */
  urgent: boolean;
}

/** Disk and memory are written full at gigabytes a second: then it does not wait for the bound to be reached. */
const urgentMs = { disk: 12_000, memory: 3_000 };
/** Only that near to the bound: everything that starts takes memory fast. */
const urgentBelow = { disk: 8, memory: 2 };
/** One look may catch a burst. */
const urgentLooks = 2;
/** Once under pressure, it ends a little above the bound, so that it does not come and go. */
const easedBytes = 1.1;
const easedPoints = 5;
/** A share of time that is never exceeded: whoever sets it wants nothing done. */
const never = 100;

interface Look {
  over: boolean;
  urgent: boolean;
  text: string;
}

const percent = (value: number): string => `${Math.round(value)} %`;

const bytesLook = (
  what: "disk" | "memory",
  now: { freeBytes: number; boundBytes: number },
  fall: { bytes: number; ms: number } | null,
  isOn: boolean,
): Look => {
  const { freeBytes, boundBytes } = now;
  const perMs = fall === null || fall.ms <= 0 ? 0 : Math.max(0, fall.bytes / fall.ms);
  const urgent =
    perMs > 0 && freeBytes / perMs < urgentMs[what] && freeBytes < boundBytes * urgentBelow[what];
  const noun = what === "disk" ? "disk space" : "memory";
  const pace = urgent ? `, and it falls by ${formatBytes(perMs * 1000)} a second` : "";
  return {
    over: freeBytes < boundBytes * (isOn ? easedBytes : 1),
    urgent,
    text: `the server has ${formatBytes(freeBytes)} of free ${noun} left${pace} (${formatBytes(boundBytes)} are to stay free)`,
  };
};

const lookAt = (
  kind: PressureKind,
  now: HostFigures,
  before: HostFigures | null,
  settings: GuardSettings,
  isOn: boolean,
): Look | null => {
  const reaches = (value: number, bound: number): boolean => value >= bound - (isOn ? easedPoints : 0);
  const ms = before === null ? 0 : now.atMs - before.atMs;
  switch (kind) {
    case "disk": {
      if (now.disk === null || settings.diskFreeBytes === null) return null;
      const { freeBytes, folder } = now.disk;
      const fall = before?.disk?.folder === folder ? { bytes: before.disk.freeBytes - freeBytes, ms } : null;
      return bytesLook("disk", { freeBytes, boundBytes: settings.diskFreeBytes }, fall, isOn);
    }
    case "memory": {
      if (now.memory === null || settings.memoryAvailableBytes === null) return null;
      const freeBytes = now.memory.availableBytes;
      const fall = before?.memory ? { bytes: before.memory.availableBytes - freeBytes, ms } : null;
      const look = bytesLook("memory", { freeBytes, boundBytes: settings.memoryAvailableBytes }, fall, isOn);
      const stalled = now.memoryStalledPercent;
      const bound = settings.memoryStalledPercent;
      if (look.over || stalled === null || bound === never || !reaches(stalled, bound)) return look;
      const text = `programs of the server wait ${percent(stalled)} of the time for memory`;
      return { over: true, urgent: false, text };
    }
    case "cpu": {
      const { cpuBusyPercent: busy, cpuStalledPercent: stalled } = now;
      if (busy === null || stalled === null) return null;
      return {
        over:
          settings.cpuStalledPercent !== never &&
          reaches(busy, settings.cpuBusyPercent) &&
          reaches(stalled, settings.cpuStalledPercent),
        urgent: false,
        text: `the server's processors are overloaded (${percent(busy)} busy, and work waits for them ${percent(stalled)} of the time)`,
      };
    }
    case "io": {
      const stalled = now.ioStalledPercent;
      if (stalled === null) return null;
      const text = `the server's disks are overloaded (work waits for them ${percent(stalled)} of the time)`;
      const bound = settings.ioStalledPercent;
      return { over: bound !== never && reaches(stalled, bound), urgent: false, text };
    }
  }
};

export interface PressureWatch {
  /** Takes in one look. @returns what is under pressure, and whether anything is on the way there */
  note(figures: HostFigures, settings: GuardSettings): { pressures: Pressure[]; isWarm: boolean };
}

/** A look that is no longer over it ends a pressure only when others follow. */
const endAfterMs = 3000;
const beginAfterMs = { disk: 1500, memory: 1500 };

/** Says when something of the host runs short, with a delay at both ends. Spans are of the monotonic clock. */
export const createPressureWatch = (): PressureWatch => {
  const state = new Map<
    PressureKind,
    { overSinceMs: number | null; overAtMs: number; urgentLooks: number; on: Pressure | null }
  >();
  let before: HostFigures | null = null;

  const noteKind = (kind: PressureKind, now: HostFigures, settings: GuardSettings): boolean => {
    const one = state.get(kind) ?? { overSinceMs: null, overAtMs: 0, urgentLooks: 0, on: null };
    state.set(kind, one);
    const look = lookAt(kind, now, before, settings, one.on !== null);
    one.urgentLooks = look?.urgent ? one.urgentLooks + 1 : 0;
    const urgent = one.urgentLooks >= urgentLooks;
    if (look && (look.over || urgent)) {
      one.overSinceMs ??= now.atMs;
      one.overAtMs = now.atMs;
      const waitMs =
        kind === "disk" || kind === "memory" ? beginAfterMs[kind] : settings.patienceSeconds * 1000;
      if (one.on) one.on = { ...one.on, text: look.text, urgent };
      else if (urgent || now.atMs - one.overSinceMs >= waitMs)
        one.on = { kind, sinceMs: now.atMs, text: look.text, urgent };
      return true;
    }
    // One calm look in an overloaded minute does not begin its patience anew.
    if (one.overSinceMs !== null && now.atMs - one.overAtMs > endAfterMs) {
      one.overSinceMs = null;
      one.on = null;
    } else if (one.on) one.on = { ...one.on, urgent: false };
    return one.overSinceMs !== null || one.urgentLooks > 0;
  };

  return {
    note: (now, settings) => {
      let isWarm = false;
      for (const kind of ["disk", "memory", "cpu", "io"] as const)
        isWarm = noteKind(kind, now, settings) || isWarm;
      before = now;
      return { pressures: [...state.values()].flatMap(({ on }) => on ?? []), isWarm };
    },
  };
};
