import { expect, test } from "bun:test";
import type { Row } from "../row.ts";
import { edgeIdleBench } from "./idle.ts";
import { edgeProcessesBench } from "./processes.ts";
import { edgeSlowBench } from "./slow.ts";
import { edgeH2Bench, edgeLogBench, edgeSmallBench, edgeTlsBench } from "./small.ts";
import { edgeSwapBench } from "./swap.ts";
import { edgeTransferBench } from "./transfer.ts";

/** Each bench once, as short as can be: it still finds its peers, and says all its figures. What they are is no test's matter. */

const namesOf = (rows: Row[]): string[] => {
  for (const { value, peerValue, note } of rows) {
    expect(Number.isFinite(value) && Number.isFinite(peerValue)).toBe(true);
    expect(note).toMatch(/^(no )?bar|^from /);
  }
  return rows.map(({ name, peer }) => `${name} ${peer}`);
};

const beside = (name: string): string[] => [
  `${name} haproxy`,
  `${name} caddy`,
  `${name}-cpu haproxy`,
  `${name}-cpu caddy`,
];

test("small answers, plain, over TLS and HTTP/2", async () => {
  expect(namesOf(await edgeSmallBench(1, 1))).toEqual([...beside("edge/h1-small"), "edge/h1-p99 haproxy"]);
  expect(namesOf(await edgeLogBench(1, 1))).toEqual([
    "edge/access-log without a log",
    "edge/access-log-cpu without a log",
  ]);
  expect(namesOf(await edgeTlsBench(1, 1))).toEqual([...beside("edge/h1-tls"), ...beside("edge/handshakes")]);
  expect(namesOf(await edgeH2Bench(1, 1))).toEqual(beside("edge/h2-tls"));
}, 120_000);

test("large bodies, which do not pile up", async () => {
  const names = ["download", "upload", "download-tls", "upload-tls"];
  const rows = await edgeTransferBench(1, 2 ** 28);
  expect(namesOf(rows)).toEqual(names.flatMap((name) => [`edge/${name} nginx`, `edge/${name}-memory nginx`]));
  for (const { name, value } of rows) if (name.endsWith("-memory")) expect(value).toBeLessThan(30);
}, 60_000);

test("idle connections", async () => {
  const names = ["edge/idle-memory haproxy", "edge/idle-memory nginx"];
  expect(namesOf(await edgeIdleBench(200, 100))).toEqual([
    ...names,
    ...names.map((name) => name.replace("memory", "memory-tls")),
  ]);
}, 60_000);

test("slow clients, and tables put under load: nobody else fails", async () => {
  expect(namesOf(await edgeSlowBench(60, 2))).toEqual([
    "edge/slow-clients before",
    "edge/slow-clients haproxy",
  ]);
  const rows = await edgeSwapBench(2, 200);
  expect(namesOf(rows)).toEqual([
    "edge/table-swap nginx reload",
    "edge/table-swap-block without swaps",
    "edge/table-swap-time nginx reload",
  ]);
  expect(rows[0]!.value).toBe(0);
}, 90_000);

test("two processes count exactly", async () => {
  const rows = await edgeProcessesBench(1, 1);
  expect(namesOf(rows)).toEqual([
    "edge/two-processes one process",
    "edge/two-processes-cpu one process",
    "edge/two-processes-share half",
    "edge/two-processes-limit the limit",
    "edge/two-processes-meter sent",
  ]);
  expect(rows.at(-1)!.ratio).toBe(1);
}, 60_000);
