import { expect, test } from "bun:test";
import { imagesOnDisk } from "./images-on-disk.ts";

const image = (Id: string, ParentId: string, Size: number, more: object = {}) => ({
  Id,
  ParentId,
  Size,
  Created: 100,
  RepoTags: ["<none>:<none>"],
  RepoDigests: null,
  Labels: null,
  ...more,
});

test("each image counts what it adds to its parent; what has a name or a container is told", () => {
  const found = imagesOnDisk(
    [
      image("base", "", 100, { RepoTags: ["debian:12"] }),
      image("step", "base", 130, { Labels: { "croft.cache": "net" } }),
      image("app", "step", 150, { RepoTags: ["croft/blog:dep_1"], Labels: { "croft.cache": "net" } }),
      image("stage", "base", 400, { Labels: { "croft.cache": "net" } }),
      image("late stage", "stage", 410, { Labels: { "croft.cache": "net" } }),
      image("in use", "base", 101),
      image("by digest", "", 7, { RepoDigests: ["app@sha256:1"] }),
      image("orphan", "gone", 9),
    ],
    new Set(["in use"]),
  );
  expect(found.map(({ imageId, parentId, bytes, inUse }) => [imageId, parentId, bytes, inUse])).toEqual([
    ["base", null, 100, true],
    ["step", "base", 30, false],
    ["app", "step", 20, true],
    ["stage", "base", 300, false],
    ["late stage", "stage", 10, false],
    ["in use", "base", 1, true],
    ["by digest", null, 7, true],
    ["orphan", null, 9, false],
  ]);
  expect(found[2]).toMatchObject({ tags: ["croft/blog:dep_1"], cacheOf: "net", createdAtMs: 100_000 });
  expect(found[1]).toMatchObject({ tags: [] });
});
