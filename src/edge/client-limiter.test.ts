import { expect, test } from "bun:test";
import { changeClientLimiter, clientKey, type ClientLimiter, takeClientToken } from "./client-limiter.ts";
import { privateMemory } from "./shared/memory.ts";

const memory = privateMemory();
const limiterOf = (
  perMinute: number | null,
  before: ClientLimiter | null = null,
  route = "a",
): ClientLimiter | null => changeClientLimiter(memory, route, before, perMinute);

test("each address has a bucket of its own; IPv6 counts by /64", () => {
  const limiter = limiterOf(2)!;
  const take = (address: string): number => takeClientToken(limiter, address, 0);
  expect([take("192.0.2.1"), take("192.0.2.1"), take("192.0.2.1")]).toEqual([0, 0, 30]);
  expect(take("192.0.2.2")).toBe(0);
  expect([take("2001:db8::1"), take("2001:db8:0:0:ffff::2"), take("2001:db8::3")]).toEqual([0, 0, 30]);
  expect(take("2001:db8:0:1::1")).toBe(0);
  expect(takeClientToken(limiterOf(2, null, "another route")!, "192.0.2.1", 0)).toBe(0);
  expect(limiterOf(2, limiter)).toBe(limiter);
  expect(limiterOf(3, limiter)).not.toBe(limiter);
  expect(limiterOf(null, limiter)).toBeNull();
});

test("networks are told apart however an address is written", () => {
  expect(clientKey("::1")).toBe("0:0:0:0");
  expect(clientKey("2001:0db8::")).toBe("2001:db8:0:0");
  expect(clientKey("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2");
  expect(clientKey("fe80::1%eth0")).toBe("fe80:0:0:0");
});

test.each([1, 7, 120, 600, 10_000])(
  "%d a minute: a minute's worth at once, then as time passes",
  (perMinute) => {
    const limiter = limiterOf(perMinute, null, `exact ${perMinute}`)!;
    let taken = 0;
    for (let second = 0; second <= 300; second += 5)
      while (takeClientToken(limiter, "192.0.2.1", 5e9 + second * 1000) === 0) taken++;
    expect(Math.abs(taken - perMinute * 6) / taken).toBeLessThan(0.01 + 1 / taken);
  },
);

test("none at all, and how long to wait", () => {
  expect(takeClientToken(limiterOf(0, null, "none")!, "192.0.2.1", 0)).toBe(60);
  const slow = limiterOf(1, null, "slow")!;
  expect(takeClientToken(slow, "192.0.2.1", 0)).toBe(0);
  expect(takeClientToken(slow, "192.0.2.1", 15_000)).toBe(45);
  // A process whose clock is behind.
  expect(takeClientToken(slow, "192.0.2.1", -3_000)).toBe(63);
  // After any pause.
  for (const later of [60_001, 1e7, 1e9, 1e11]) expect(takeClientToken(slow, "192.0.2.1", later)).toBe(0);
});

test("a flood from ever new addresses frees nobody who has used up what is theirs", () => {
  const limiter = limiterOf(5, null, "flooded")!;
  const heavy = Array.from({ length: 100 }, (_, i) => `192.0.2.${i}`);
  for (const address of heavy) for (let i = 0; i < 5; i++) takeClientToken(limiter, address, 0);
  for (let i = 0; i < 300_000; i++)
    takeClientToken(limiter, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 1_000);
  expect(heavy.filter((address) => takeClientToken(limiter, address, 2_000) === 0)).toEqual([]);
});
