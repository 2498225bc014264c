import { afterEach, beforeEach, expect, test } from "bun:test";
import { AppError } from "../errors.ts";
import { MB } from "../domain/size.ts";
import { type SiteFixture, siteFixture } from "../testing/site-fixture.ts";
import type { SiteDeps } from "./deps.ts";
import { setLimits } from "./limits.ts";
import { addVolume, listVolumes, removeVolume, resizeVolume } from "./volumes.ts";

/** A real database; file systems are a list of sizes, since only their sum matters here. */
let fixture: SiteFixture;
let images: Map<string, number>;
let refusal: AppError | null;
beforeEach(async () => {
  images = new Map();
  refusal = null;
  const hardVolumes: Partial<SiteDeps["hardVolumes"]> = {
    ability: async () => ({ kind: "loop", detail: "" }),
    create: async (id, sizeBytes) => {
      await Bun.sleep(1);
      images.set(id, sizeBytes);
      return "ext4";
    },
    grow: async (id, sizeBytes) => {
      if (refusal) throw refusal;
      images.set(id, sizeBytes);
      return true;
    },
    remove: async (id) => {
      if (refusal) throw refusal;
      images.delete(id);
    },
  };
  fixture = await siteFixture({ hardVolumes: hardVolumes as SiteDeps["hardVolumes"] });
  await fixture.store.updateEnvironment(fixture.environmentId, { diskBytes: 200 * MB });
});
afterEach(() => fixture[Symbol.asyncDispose]());

const add = (name: string, sizeBytes?: number) =>
  addVolume(fixture.deps, fixture.owner, fixture.slug, { name, mountPath: `/${name}`, sizeBytes });
const resize = (name: string, sizeBytes: number) =>
  resizeVolume(fixture.deps, fixture.owner, fixture.slug, name, { sizeBytes });
const list = () => listVolumes(fixture.deps, fixture.owner, fixture.slug);
const sum = () => [...images.values()].reduce((all, bytes) => all + bytes, 0);

test("without a size a volume gets half of what is left, and volumes never have more than the disk limit", async () => {
  expect((await add("one")).sizeBytes).toBe(96 * MB);
  expect((await add("two")).sizeBytes).toBe(48 * MB);
  await expect(add("three", 60 * MB)).rejects.toThrow("sizeBytes: must be at most 48 MB");
  await add("three", 48 * MB);
  await expect(add("four")).rejects.toThrow("no room is left for a volume");
  expect(sum()).toBe(192 * MB);
});

test("of twenty that ask for all the room at the same time one gets it, and nothing is left of the others", async () => {
  const asked = await Promise.allSettled(
    Array.from({ length: 20 }, (_, n) =>
      addVolume(fixture.deps, fixture.owner, fixture.slug, {
        name: `v${n}`,
        mountPath: `/v${n}`,
        sizeBytes: 150 * MB,
      }),
    ),
  );
  expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(sum()).toBe(150 * MB);
  expect(await list()).toHaveLength(1);
});

test("of two that grow at the same time both must fit; what the server refuses leaves the size as it was", async () => {
  await add("one", 60 * MB);
  await add("two", 60 * MB);
  const asked = await Promise.allSettled([resize("one", 130 * MB), resize("two", 130 * MB)]);
  expect(asked.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  expect(sum()).toBe(190 * MB);
  await expect(resize("one", 20 * MB)).rejects.toThrow("cannot shrink");
  refusal = new AppError("unavailable", "the server has room for 0 B more");
  const before = (await list()).map(({ sizeBytes }) => sizeBytes);
  await expect(resize("two", 61 * MB)).rejects.toThrow();
  expect((await list()).map(({ sizeBytes }) => sizeBytes)).toEqual(before);
});

test("the disk limit cannot be lowered below what volumes have", async () => {
  await add("one", 100 * MB);
  const lower = (diskBytes: number) => setLimits(fixture.deps, fixture.owner, fixture.slug, { diskBytes });
  await expect(lower(100 * MB)).rejects.toThrow("diskBytes: must be at least 108 MB");
  expect((await lower(108 * MB)).asked.diskBytes).toBe(108 * MB);
});

test("while something still holds it a volume is not removed, in no part", async () => {
  await add("one", 50 * MB);
  const remove = () => removeVolume(fixture.deps, fixture.owner, fixture.slug, "one", "one");
  refusal = new AppError("unavailable", "the volume is still in use");
  await expect(remove()).rejects.toThrow("still in use");
  expect(await list()).toHaveLength(1);
  refusal = null;
  await remove();
  expect([await list(), images.size]).toEqual([[], 0]);
});
