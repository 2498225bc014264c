import { expect, test } from "bun:test";
import { fakeClock } from "../testing/fake-clock.ts";
import { addressKey, createThrottle } from "./throttle.ts";

test("a burst passes, then one per refill, and the refusal says how long to wait", () => {
  const clock = fakeClock();
  const throttle = createThrottle(clock, { burst: 3, refillMs: 10_000 });
  for (let i = 0; i < 3; i++) throttle.take("a");
  clock.advance(4_000);
  expect(() => throttle.take("a")).toThrow("try again in 6 s");
  throttle.take("b");
  clock.advance(6_000);
  throttle.take("a");
  expect(throttle.tryTake("a")).toBe(false);
});

test("an attempt given back can be made again, but never grows the burst", () => {
  const throttle = createThrottle(fakeClock(), { burst: 1, refillMs: 10_000 });
  for (let i = 0; i < 5; i++) {
    throttle.take("a");
    throttle.giveBack("a");
    throttle.giveBack("a");
  }
  throttle.take("a");
  expect(throttle.tryTake("a")).toBe(false);
});

test("memory is bounded: the key longest unused is forgotten first", () => {
  const throttle = createThrottle(fakeClock(), { burst: 1, refillMs: 10_000, maxKeys: 2 });
  throttle.take("a");
  throttle.take("b");
  expect(throttle.tryTake("a")).toBe(false);
  throttle.take("c");
  expect(throttle.tryTake("a")).toBe(false);
  expect(throttle.tryTake("b")).toBe(true);
});

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:DB8:1:2::9", "2001:db8:1:2::/64"],
  ["2001:0db8:0001:0002::9", "2001:db8:1:2::/64"],
  ["2001:db8::9", "2001:db8:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
])("%s counts as %s", (ip, key) => {
  expect(addressKey(ip)).toBe(key);
});
