import { expect, test } from "bun:test";
import { createSemaphore } from "./semaphore.ts";

const never = new AbortController().signal;

/** Takes the only slot for each owner in turn. @returns in which order they got it */
const orderOf = async (owners: string[]): Promise<string[]> => {
  const semaphore = createSemaphore(1);
  const served: string[] = [];
  await Promise.all(
    owners.map(async (owner) => {
      const release = await semaphore.acquire(never, owner);
      served.push(owner);
      await Promise.resolve();
      release();
    }),
  );
  return served;
};

test("first come, first served; of many of one owner only one at a time stands before others", async () => {
  expect(await orderOf(["a", "b", "c"])).toEqual(["a", "b", "c"]);
  expect(await orderOf(["eve", "eve", "eve", "eve", "bob"])).toEqual(["eve", "bob", "eve", "eve", "eve"]);
  expect(await orderOf(["eve", "eve", "eve", "bob", "bob"])).toEqual(["eve", "bob", "eve", "bob", "eve"]);
});

test("who gives up waiting leaves the line; a slot is given back once", async () => {
  const semaphore = createSemaphore(1);
  const release = await semaphore.acquire(never, "a");
  const leaving = new AbortController();
  const left = semaphore.acquire(leaving.signal, "b");
  const stays = semaphore.acquire(never, "c");
  leaving.abort(new Error("left"));
  await expect(left).rejects.toThrow("left");
  release();
  release();
  const releaseStays = await stays;
  let served = false;
  const next = semaphore.acquire(never, "d").then(() => (served = true));
  await Promise.resolve();
  expect(served).toBe(false);
  releaseStays();
  await next;
});
