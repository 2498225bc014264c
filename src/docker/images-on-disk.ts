import type { ImageOnDisk } from "../domain/housekeeping.ts";
import type { DockerClient } from "./client.ts";
import { cacheLabel } from "./labels.ts";

/** What of `GET /images/json?all=1` is needed. */
interface Listed {
  Id: string;
  ParentId: string;
  RepoTags?: string[] | null;
  RepoDigests?: string[] | null;
  Labels?: Record<string, string> | null;
  Created: number;
  Size: number;
}

const named = (tags: string[] | null | undefined): string[] =>
  (tags ?? []).filter((tag) => !tag.startsWith("<none>"));

/**
 * All images with the steps that they were built in. An image's size counts all below it, so its own is what it
 * adds to its parent; of those from elsewhere, whose parents are not told, shared layers count for each.
 */
export const imagesOnDisk = (images: readonly Listed[], usedIds: ReadonlySet<string>): ImageOnDisk[] => {
  const byId = new Map(images.map((image) => [image.Id, image]));
  return images.map((image) => ({
    imageId: image.Id,
    parentId: byId.has(image.ParentId) ? image.ParentId : null,
    tags: named(image.RepoTags),
    bytes: Math.max(0, image.Size - (byId.get(image.ParentId)?.Size ?? 0)),
    createdAtMs: image.Created * 1000,
    cacheOf: image.Labels?.[cacheLabel] ?? null,
    inUse: named(image.RepoTags).length + named(image.RepoDigests).length > 0 || usedIds.has(image.Id),
  }));
};

export const createImagesOnDisk = (client: DockerClient) => (): Promise<ImageOnDisk[]> =>
  client.call(
    "list images",
    async (docker) => {
      const containers = await docker.listContainers({ all: true });
      const images = (await docker.listImages({ all: true })) as unknown as Listed[];
      return imagesOnDisk(images, new Set(containers.map(({ ImageID }) => ImageID)));
    },
    { deadlineMs: 60_000 },
  );
