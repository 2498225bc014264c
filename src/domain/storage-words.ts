import type { StorageKind } from "./housekeeping.ts";

/** For people: what it is, and what becomes of it. */
export const storageWords: Record<StorageKind, { title: string; fate: string }> = {
  releases: { title: "Images of releases", fate: "Kept to serve and to roll back to." },
  leftovers: { title: "Images of no release", fate: "Left by deployments that failed or were cut short." },
  buildCache: { title: "Layers of builds", fate: "Make the next build quick; old ones go by themselves." },
  otherImages: { title: "Other images", fate: "Base images, and what others made: Croft leaves them alone." },
  volumes: { title: "Volumes", fate: "What sites store. Only a person removes them." },
  repositories: { title: "Repositories", fate: "What was pushed; packed every night." },
  staticReleases: { title: "Static sites", fate: "Files of releases that are kept." },
  siteLogs: { title: "Logs of sites", fate: "What they print, and requests; the oldest go." },
  backups: { title: "Backups", fate: "The newest, and some of each week and month, stay." },
  database: { title: "Database and figures", fate: "Old figures of usage go by their time." },
};
