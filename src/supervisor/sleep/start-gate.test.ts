import { expect, test } from "bun:test";
import { createStartGate } from "./start-gate.ts";

test("a bounded number starts at once, the others in the order of their coming; a place is given on once", async () => {
  const gate = createStartGate();
  const order: number[] = [];
  const leaves: (() => void)[] = [];
  const entered = Array.from({ length: 9 }, async (_, number) => {
    const leave = await gate.enter();
    order.push(number);
    leaves.push(leave);
  });
  await Bun.sleep(0);
  expect(order).toEqual([0, 1, 2, 3, 4, 5]);
  leaves[0]!();
  leaves[0]!();
  await Bun.sleep(0);
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6]);
  leaves[3]!();
  leaves[5]!();
  await Promise.all(entered);
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  for (const leave of leaves) leave();
});

test("who starts slowly keeps others waiting for some seconds only", async () => {
  const gate = createStartGate();
  for (let place = 0; place < 6; place++) await gate.enter();
  const next = await gate.enter();
  next();
});
