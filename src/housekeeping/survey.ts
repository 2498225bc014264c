import type { ImageOnDisk, StorageKind, StoragePart } from "../domain/housekeeping.ts";
import type { HousekeepingDeps } from "./deps.ts";

/** What builds made so shortly ago may be in the middle of being made. */
export const freshMs = 30 * 60_000;
const mostSites = 10;

export interface Survey {
  countedAtMs: number;
  parts: StoragePart[];
  sites: { site: string; bytes: number }[];
}

/**
 * Counts what takes disk space, one folder after the other at idle priority. Parts that the engine would have to
 * tell of are null while it is away.
 */
export const takeSurvey = async (deps: HousekeepingDeps): Promise<Survey> => {
  const { paths, bytesOf } = deps;
  const nowMs = deps.clock.nowMs();
  const bySite = new Map<string, number>();
  const add = (site: string, bytes: number) => bySite.set(site, (bySite.get(site) ?? 0) + bytes);
  const images = await deps.imagesOnDisk().catch(() => null);
  const parts: StoragePart[] = images === null ? imagesUnknown : await imageParts(deps, images, nowMs, add);
  await siteFolders(deps, add);
  const folder = async (kind: StorageKind, ...where: string[]): Promise<void> => {
    let bytes: number | null = 0;
    for (const path of where) {
      const more = await bytesOf(path);
      bytes = bytes === null || more === null ? null : bytes + more;
    }
    parts.push({ kind, bytes, freeableBytes: 0 });
  };
  await folder("volumes", paths.volumes);
  await folder("repositories", paths.repositories);
  await folder("staticReleases", paths.staticRoot);
  await folder("siteLogs", paths.siteLogs, paths.accessLogs);
  await folder("backups", paths.backups);
  await folder("database", ...paths.database);
  const sites = [...bySite].map(([site, bytes]) => ({ site, bytes }));
  return {
    countedAtMs: nowMs,
    parts,
    sites: sites.toSorted((a, b) => b.bytes - a.bytes).slice(0, mostSites),
  };
};

const imageKinds = ["releases", "leftovers", "buildCache", "otherImages"] as const;
const imagesUnknown = imageKinds.map((kind): StoragePart => ({ kind, bytes: null, freeableBytes: 0 }));

const imageParts = async (
  deps: HousekeepingDeps,
  images: ImageOnDisk[],
  nowMs: number,
  add: (site: string, bytes: number) => void,
): Promise<StoragePart[]> => {
  const kinds = await kindsOf(deps, images);
  const sums = { releases: 0, leftovers: 0, buildCache: 0, otherImages: 0 };
  let oldCache = 0;
  for (const image of images) {
    const { kind, site } = kinds.get(image.imageId)!;
    sums[kind] += image.bytes;
    if (site !== null) add(site, image.bytes);
    if (kind === "buildCache" && nowMs - image.createdAtMs > freshMs) oldCache += image.bytes;
  }
  const freeable = { releases: 0, leftovers: sums.leftovers, buildCache: oldCache, otherImages: 0 };
  return imageKinds.map((kind) => ({ kind, bytes: sums[kind], freeableBytes: freeable[kind] }));
};

type ImageKind = (typeof imageKinds)[number];

/** An image is what the most important of those built upon it is; of releases also whose. */
const kindsOf = async (
  { tagState, buildNetwork }: HousekeepingDeps,
  images: ImageOnDisk[],
): Promise<Map<string, { kind: ImageKind; site: string | null }>> => {
  const byId = new Map(images.map((image) => [image.imageId, image]));
  const kinds = new Map<string, { kind: ImageKind; site: string | null }>();
  const mark = (image: ImageOnDisk, kind: ImageKind, site: string | null): void => {
    for (let one: ImageOnDisk | undefined = image; one && !kinds.has(one.imageId);) {
      // What a build began from is no part of it.
      const isOurs = one === image || one.cacheOf === buildNetwork;
      kinds.set(one.imageId, isOurs ? { kind, site } : { kind: "otherImages", site: null });
      one = byId.get(one.parentId ?? "");
    }
  };
  const leftovers: ImageOnDisk[] = [];
  for (const image of images.filter(({ inUse }) => inUse)) {
    const tag = image.tags.find((each) => each.startsWith("croft/"));
    const state = tag === undefined ? "foreign" : await tagState(tag);
    if (state === "leftover") leftovers.push(image);
    else if (state === "kept") mark(image, "releases", tag!.slice("croft/".length).split(":")[0]!);
    else mark(image, image.cacheOf === buildNetwork ? "releases" : "otherImages", null);
  }
  for (const image of leftovers) mark(image, "leftovers", null);
  for (const image of images)
    if (!kinds.has(image.imageId))
      mark(image, image.cacheOf === buildNetwork ? "buildCache" : "otherImages", null);
  return kinds;
};

const siteFolders = async (
  { store, bytesOf, paths }: HousekeepingDeps,
  add: (site: string, bytes: number) => void,
): Promise<void> => {
  const slugs = new Map((await store.listSites(null)).map(({ id, slug }) => [id, slug]));
  const environments = await store.environmentsOfSites([...slugs.keys()]);
  const siteOf = new Map(environments.map(({ id, siteId }) => [id, slugs.get(siteId) ?? ""]));
  for (const { id, environmentId } of await store.volumesOfMany([...siteOf.keys()]))
    add(siteOf.get(environmentId) ?? "", (await bytesOf(paths.volume(id))) ?? 0);
  for (const [environmentId, site] of siteOf) add(site, (await bytesOf(paths.logOf(environmentId))) ?? 0);
};
