import { expect, test } from "bun:test";
import { createStartQueue } from "./start-queue.ts";

/** Work that ends when told, and says that it began. */
const works = () => {
  const begun: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  return {
    begun,
    work: (key: string) => () =>
      new Promise<void>((resolve, reject) => {
        begun.push(key);
        ends.set(key, (error) => (error ? reject(error) : resolve()));
      }),
    end: async (key: string, error?: Error) => {
      ends.get(key)!(error);
      await Bun.sleep(0);
    },
  };
};
const failed: string[] = [];
const queueOf = (atOnce: number) => createStartQueue(atOnce, (key) => failed.push(key));

test("so many at a time, the lowest rank first, whatever the order in which they came", async () => {
  const { begun, work, end } = works();
  const queue = queueOf(2);
  for (const [key, rank] of Object.entries({ a: 3, b: 1, c: 2, d: 0 })) queue.add(key, rank, work(key));
  await Bun.sleep(0);
  expect(begun).toEqual(["d", "b"]);
  await end("b");
  expect(begun).toEqual(["d", "b", "c"]);
  queue.add("e", 1, work("e"));
  await end("d");
  expect(begun).toEqual(["d", "b", "c", "e"]);
});

test("one that waits or is at it is not done twice; one that is through may be asked for anew", async () => {
  const { begun, work, end } = works();
  const queue = queueOf(1);
  for (let i = 0; i < 3; i++) queue.add("a", 0, work("a"));
  await Bun.sleep(0);
  queue.add("a", 0, work("a"));
  await end("a");
  expect(begun).toEqual(["a"]);
  queue.add("a", 0, work("a"));
  await Bun.sleep(0);
  expect(begun).toEqual(["a", "a"]);
});

test("what fails makes room as well, and what waits can be dropped", async () => {
  const { begun, work, end } = works();
  const queue = queueOf(1);
  for (const key of ["a", "b", "c"]) queue.add(key, 0, work(key));
  await Bun.sleep(0);
  await end("a", new Error("no"));
  expect(failed).toEqual(["a"]);
  expect(begun).toEqual(["a", "b"]);
  queue.clear();
  await end("b");
  expect(begun).toEqual(["a", "b"]);
});
