import { formatBytes, GB, MB } from "./size.ts";

/**
 * How a volume's size is held: `loop` is a file system of its own in an image file, where writes beyond it fail at
 * once; `folder` is a folder of the data directory that is measured.
 */
export type VolumeKind = "loop" | "folder";
export type LoopFileSystem = "ext4" | "xfs";

/** A row of `volume_storage`; a volume without one is a folder that nothing but the site's disk limit bounds. */
export interface VolumeStorageRecord {
  volumeId: string;
  kind: VolumeKind;
  /** Null for a folder. */
  fileSystem: LoopFileSystem | null;
  /** Null: only the site's disk limit bounds it. */
  sizeBytes: number | null;
  usedBytes: number | null;
  measuredAt: number | null;
}

/** A row of `disk_keeping`: how an environment's disk is held, and how often that failed. */
export interface DiskKeepingRecord {
  environmentId: string;
  /** 1: containers cannot write outside of volumes and /tmp. */
  readOnlyRoot: number;
  /** How often in a row it was stopped for its disk. */
  stops: number;
  stoppedAt: number | null;
  /** The disk limit that it was over when it was stopped. */
  stoppedLimitBytes: number | null;
}

/** What the API answers about a volume. */
export interface VolumeView {
  id: string;
  name: string;
  mountPath: string;
  kind: VolumeKind;
  /** Null: only the site's disk limit bounds it. */
  sizeBytes: number | null;
  /** Null until it was measured. */
  usedBytes: number | null;
}

/** What holds the figure of an environment to its disk limit. */
export interface DiskView {
  usedBytes: number | null;
  measuredAt: string | null;
  /** `hard`: writes beyond are refused by the kernel. `measured`: the site is stopped. */
  enforcement: "hard" | "measured";
  /** How what containers write outside of volumes is held. */
  layer: "quota" | "read-only" | "measured";
  /** One sentence for people. */
  detail: string;
}

/** Docker keeps that many log files of a container. */
export const logFiles = 3;
const largestLogFile = 10 * MB;
const smallestLogFile = 256 * 1024;

/** Size at which a container's log file is rotated, so that all of its logs take a tenth of the limit at most. */
export const logFileBytes = (diskBytes: number, replicas: number): number =>
  Math.max(smallestLogFile, Math.min(largestLogFile, Math.floor(diskBytes / 10 / logFiles / replicas)));

/** What is left for containers, whatever volumes take: without any, nothing starts. */
export const leastLayerBytes = 8 * MB;
export const leastVolumeBytes = 8 * MB;

/** Part of the limit that one container's writable layer may take, when volumes and logs have theirs. */
export const layerBytes = (diskBytes: number, volumeBytes: number, replicas: number): number => {
  const logs = logFileBytes(diskBytes, replicas) * logFiles * replicas;
  return Math.max(
    Math.floor(leastLayerBytes / replicas),
    Math.floor((diskBytes - volumeBytes - logs) / replicas),
  );
};

/** Size of a new volume when none is asked for: half of what the limit still has. @returns null when that is too little */
export const defaultVolumeBytes = (diskBytes: number, volumeBytes: number): number | null => {
  const half = Math.floor((diskBytes - volumeBytes - leastLayerBytes) / 2 / MB) * MB;
  return half >= leastVolumeBytes ? half : null;
};

/** Free space that sites never get, so that databases, builds and the system itself can write. */
export const reserveBytes = (totalBytes: number): number =>
  Math.min(10 * GB, Math.max(1 * GB, Math.floor(totalBytes / 20)));

/** From here on people are warned, and below `easedAt` no longer. */
export const nearFullAt = 0.8;
export const easedAt = 0.75;

/** Between two looks at the free space, at the longest. */
export const lookEveryMs = 250;
/**
 * From the look that sees it until nothing is written any more: counting what the site has on disk, and ending its
 * containers. The bound that is promised for a host that is not overloaded.
 */
export const reactionMs = 1500;

/** For people: how far a measured site can get past its limit. */
export const overshootSentence = `measured: the site is stopped within ${(lookEveryMs + reactionMs) / 1000} s of passing its limit, so what it writes in that time comes on top`;

export const sizeOutOf = (usedBytes: number | null, sizeBytes: number | null): string =>
  `${usedBytes === null ? "?" : formatBytes(usedBytes)}${sizeBytes === null ? "" : ` of ${formatBytes(sizeBytes)}`}`;

/** Free and whole bytes of a file system. */
export interface DiskSpace {
  freeBytes: number;
  totalBytes: number;
}

export interface HardVolumes {
  /**
   * Whether new volumes can be file systems of their own here; `detail` says by what, or why not. Throws AppError
   * `unavailable` where they have to be and cannot.
   */
  ability(): Promise<{ kind: VolumeKind; detail: string }>;
  /**
   * Makes the image and mounts it. Throws AppError `unavailable` when the host has too little room or refuses;
   * nothing is left then.
   */
  create(volumeId: string, sizeBytes: number): Promise<LoopFileSystem>;
  /**
   * Mounts what is not mounted, after a check of its file system. Data that lies in the folder already, as after a
   * restore, moves into a new image. Idempotent. Throws AppError `unavailable`.
   */
  ensureMounted(volume: VolumeStorageRecord): Promise<void>;
  /** Makes it larger while it is in use. @returns false when the file system grows only when it is mounted next */
  grow(volumeId: string, sizeBytes: number): Promise<boolean>;
  /**
   * Of a mounted one, from its file system, which takes some of its size for itself; null when it is not mounted.
   * Writes are refused when nothing is free.
   */
  space(volumeId: string): Promise<{ usedBytes: number; freeBytes: number } | null>;
  /** Removes what was left half made by a crash. */
  tidy(): Promise<void>;
  /** Unmounts it and removes its image with all data. Nothing when it is not there. */
  remove(volumeId: string): Promise<void>;
}
