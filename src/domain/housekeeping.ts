/** What takes disk space, in the order it is shown in. */
export const storageKinds = [
  "releases",
  "leftovers",
  "buildCache",
  "otherImages",
  "volumes",
  "repositories",
  "staticReleases",
  "siteLogs",
  "backups",
  "database",
] as const;
export type StorageKind = (typeof storageKinds)[number];

export interface StoragePart {
  kind: StorageKind;
  /** Null when it could not be counted. */
  bytes: number | null;
  /** Of it, what tidying up now would give back. */
  freeableBytes: number;
}

/** What takes the disk, as it was counted last. */
export interface StorageView {
  /** ISO 8601; null while nothing was counted yet. */
  countedAt: string | null;
  /** It is being counted right now. */
  counting: boolean;
  parts: StoragePart[];
  /** Images, volumes and logs of each site that takes most, largest first. */
  sites: { site: string; bytes: number }[];
  /** The disk of the data directory. */
  disk: { freeBytes: number; totalBytes: number };
  /** What was tidied up last. */
  lastClean: { at: string; freedBytes: number } | null;
}

/** One image of the engine, by the space that it alone takes: what it shares with the one it was built upon not counted. */
export interface ImageOnDisk {
  imageId: string;
  /** What it was built upon; null where that is not known. */
  parentId: string | null;
  /** `name:tag`; none for layers and stages that builds left. */
  tags: string[];
  bytes: number;
  createdAtMs: number;
  /** The build network of the installation that it is a step of; null when no Croft made it. */
  cacheOf: string | null;
  /** It has a name, or a container was made of it. */
  inUse: boolean;
}
