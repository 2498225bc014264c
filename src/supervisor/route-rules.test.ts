import { expect, test } from "bun:test";
import { defaultEdgeRules } from "../domain/edge-rules.ts";
import { silentLog } from "../domain/log.ts";
import { bandwidthOf } from "./bandwidth.ts";
import { routeRulesOf, storedRules } from "./route-rules.ts";

test("a site that asks for nothing has no rules at the edge, and only what is asked for is told", () => {
  expect(routeRulesOf(defaultEdgeRules)).toBeNull();
  expect(routeRulesOf({ ...defaultEdgeRules, clientRequestsPerMinute: 5, hstsSeconds: 60 })).toBeNull();
  expect(routeRulesOf({ ...defaultEdgeRules, deny: ["192.0.2.1"], spaFallback: true })).toEqual({
    deny: ["192.0.2.1"],
    spaFallback: true,
  });
  const users = [{ name: "ada", passwordHash: "hash" }];
  expect(routeRulesOf({ ...defaultEdgeRules, basicAuth: users })).toEqual({ users });
});

test("rules that cannot be read close their site", () => {
  expect(storedRules(silentLog, "env_1", '{"spaFallback":true}').spaFallback).toBe(true);
  for (const stored of ["{", '{"redirects":7}'])
    expect(routeRulesOf(storedRules(silentLog, "env_1", stored))).toEqual({
      maintenance: { retryAfterSeconds: 600 },
    });
});

test("the edge is told of bandwidth as its own meter counts it, and the same all month", () => {
  const environment = { id: "env_1", bandwidthBytesPerMonth: 1_000 };
  const months = { epoch: "first", endsAtMs: 99, beganAt: new Map([["env_1", 250]]), usedBytes: new Map() };
  expect(bandwidthOf(environment, defaultEdgeRules, months)).toEqual({
    epoch: "first",
    usedUpAtBytes: 1_250,
    endsAtMs: 99,
    bytesPerMonth: 1_000,
    policy: "throttle",
    bytesPerSecond: 262_144,
  });
  expect(bandwidthOf(environment, { ...defaultEdgeRules, bandwidthPolicy: "warn" }, months)).toBeNull();
  expect(bandwidthOf(environment, defaultEdgeRules, null)).toBeNull();
  expect(bandwidthOf({ ...environment, id: "env_2" }, defaultEdgeRules, months)).toBeNull();
});
