import { expect, test } from "bun:test";
import { baseImageOf, baseImages } from "./base-images.ts";
import { imageRefSchema } from "./site.ts";

test("every base image has a name that Docker accepts, with a tag that pins its version", () => {
  for (const image of baseImages) {
    expect(imageRefSchema.safeParse(image.name).success).toBe(true);
    expect(image.name.split(":")[1]).toMatch(image.runtime === "debian" ? /^bookworm/ : image.version);
  }
});

test("each runtime has one image to start from", () => {
  expect(new Set(baseImages.map((image) => image.runtime)).size).toBe(baseImages.length);
  for (const image of baseImages) expect(baseImageOf(image.runtime)).toBe(image);
});
