import { expect, test } from "bun:test";
import { changeClientLimiter, clientKey, takeClientToken } from "./client-limiter.ts";

test("each address has a bucket of its own; IPv6 counts by /64", () => {
  const limiter = changeClientLimiter(null, 2)!;
  const take = (address: string): number => takeClientToken(limiter, address, 0);
  expect([take("192.0.2.1"), take("192.0.2.1"), take("192.0.2.1")]).toEqual([0, 0, 30]);
  expect(take("192.0.2.2")).toBe(0);
  expect([take("2001:db8::1"), take("2001:db8:0:0:ffff::2"), take("2001:db8::3")]).toEqual([0, 0, 30]);
  expect(take("2001:db8:0:1::1")).toBe(0);
  expect(changeClientLimiter(limiter, 2)).toBe(limiter);
  expect(changeClientLimiter(limiter, 3)).not.toBe(limiter);
  expect(changeClientLimiter(limiter, null)).toBeNull();
});

test("networks are told apart however an address is written", () => {
  expect(clientKey("::1")).toBe("0:0:0:0");
  expect(clientKey("2001:0db8::")).toBe("2001:db8:0:0");
  expect(clientKey("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2");
  expect(clientKey("fe80::1%eth0")).toBe("fe80:0:0:0");
});

test("whoever comes from ever new addresses fills no memory", () => {
  const limiter = changeClientLimiter(null, 1)!;
  for (let i = 0; i < 25_000; i++) takeClientToken(limiter, `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 0);
  expect(limiter.buckets.size).toBe(20_000);
});
