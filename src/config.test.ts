import { expect, test } from "bun:test";
import { edgeOn, readSettings } from "./config.ts";

const https = (env: Record<string, string>, isRoot: boolean): unknown => readSettings(env, isRoot).https;

test("HTTPS stands beside plain HTTP on its usual port, or where it is put", () => {
  expect(https({}, true)).toEqual({ host: "0.0.0.0", port: 443 });
  expect(https({ CROFT_HTTP: "203.0.113.7:80" }, true)).toEqual({ host: "203.0.113.7", port: 443 });
  expect(https({}, false)).toBeNull();
  expect(https({ CROFT_HTTP: "127.0.0.1:8080" }, true)).toBeNull();
  expect(https({ CROFT_HTTP: "off" }, true)).toBeNull();
  expect(https({ CROFT_HTTPS: "off" }, true)).toBeNull();
  expect(https({ CROFT_HTTPS: "[::]:8443" }, false)).toEqual({ host: "::", port: 8443 });
  expect(() => https({ CROFT_HTTPS: "on" }, true)).toThrow(
    "CROFT_HTTPS must be an address such as 0.0.0.0:443, or off",
  );
});

test("the edge runs when either listener is on", () => {
  const on = (env: Record<string, string>): boolean => edgeOn(readSettings(env, true));
  expect(on({ CROFT_HTTP: "off" })).toBe(false);
  expect(on({ CROFT_HTTP: "off", CROFT_HTTPS: "127.0.0.1:8443" })).toBe(true);
  expect(on({ CROFT_HTTPS: "off" })).toBe(true);
});
