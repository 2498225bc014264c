import { expect, test } from "bun:test";
import { systemActor } from "../domain/actor.ts";
import { emptyLatency, latencyBucketOf } from "../domain/latency-histogram.ts";
import type { CertificateRecord } from "../domain/records.ts";
import { AppError } from "../errors.ts";
import { listSites } from "../sites/site-view.ts";
import { type SiteFixture, siteFixture } from "../testing/site-fixture.ts";
import { meterOf } from "../testing/usage-fixture.ts";
import { prometheusText } from "./metrics.ts";

type Deps = Parameters<typeof prometheusText>[0];

const textOf = ({ store, deps }: SiteFixture, change: Partial<Deps>) =>
  prometheusText({
    store,
    edge: {
      meters: () => Promise.reject(new AppError("unavailable", "no edge")),
      health: () => Promise.reject(new AppError("unavailable", "no edge")),
    },
    engineUp: () => true,
    sites: () => listSites(deps, systemActor("metrics")),
    monthMeters: async () => null,
    ...change,
  });

test("response times, bandwidth and processes of the edge are told", async () => {
  await using site = await siteFixture();
  const { slug, environmentId } = site;
  const latency = emptyLatency();
  for (const ms of [2, 20, 20, 300, 60_000]) latency[latencyBucketOf(ms)]!++;
  const meter = meterOf({ requests: 5, status2xx: 5, latencySumMs: 60_342, latency });
  const health = { processes: 2, retired: 1 } as Awaited<ReturnType<Deps["edge"]["health"]>>;
  const text = await textOf(site, {
    edge: {
      meters: async () => ({ epoch: "first", atMs: 0, meters: { [environmentId]: meter } }),
      health: async () => health,
    },
    monthMeters: async () => ({ usedBytes: new Map([[environmentId, 4711]]) }),
  });
  const labels = `site="${slug}",environment="production"`;
  const buckets = [...text.matchAll(/^croft_response_seconds_bucket\{.*le="(.+)"\} (\d+)$/gm)];
  expect(buckets.map(([, le, count]) => `${le}: ${count}`)).toEqual([
    ...["0.005: 1", "0.025: 3", "0.1: 3", "0.25: 3", "1: 4", "2.5: 4", "10: 4", "+Inf: 5"],
  ]);
  for (const line of [
    "# TYPE croft_response_seconds histogram",
    `croft_response_seconds_sum{${labels}} 60.342`,
    `croft_response_seconds_count{${labels}} 5`,
    `croft_bandwidth_used_bytes{${labels}} 4711`,
    `croft_bandwidth_state{${labels},state="ok"} 1`,
    'croft_edge_processes{state="serving"} 2',
    'croft_edge_processes{state="retired"} 1',
  ])
    expect(text.split("\n")).toContain(line);
  // No series twice, or Prometheus refuses all of it.
  const series = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const names = series.map((line) => line.slice(0, line.lastIndexOf(" ")));
  expect(new Set(names).size).toBe(names.length);
  for (const line of series) expect(line).toMatch(/^[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [\d.]+$/);
});

test("the end of each name's certificate is told, also while the edge is away", async () => {
  await using site = await siteFixture();
  const certificate = (id: string, change: Partial<CertificateRecord>): CertificateRecord => ({
    ...{ id, source: "acme", environmentId: null, name: null, names: null, issuer: null, fingerprint: null },
    ...{ notBefore: 0, notAfter: null, chain: null, keyCiphertext: null, keyVersion: null, directory: null },
    ...{ orderUrl: null, orderKeyCiphertext: null, attempts: 0, lastError: null, lastErrorAt: null },
    ...{ nextAttemptAt: null, renewalCheckAt: null, createdAt: 0, updatedAt: 0 },
    ...change,
  });
  const issued = { names: '["a.example.org"]', name: "a.example.org", notAfter: 2_000_000_500 };
  const uploaded = { source: "upload", names: '["a.example.org","*.b.example.org"]' } as const;
  const rows = [
    certificate("crt_1", issued),
    certificate("crt_2", { name: "waits.example.org" }),
    certificate("crt_3", { ...uploaded, notAfter: 3_000_000_000 }),
    certificate("crt_4", { ...uploaded, notAfter: 1_000_000_000 }),
  ];
  const { store } = site;
  const text = await textOf(site, {
    store: {
      liveEnvironments: store.liveEnvironments,
      openDeployments: store.openDeployments,
      certificates: async () => rows,
    },
  });
  const lines = text.split("\n").filter((line) => line.startsWith("croft_certificate_expiry"));
  expect(lines).toEqual([
    'croft_certificate_expiry_timestamp_seconds{name="a.example.org",source="acme"} 2000000',
    'croft_certificate_expiry_timestamp_seconds{name="a.example.org",source="upload"} 3000000',
    'croft_certificate_expiry_timestamp_seconds{name="*.b.example.org",source="upload"} 3000000',
  ]);
  expect(text).toContain("croft_edge_up 0\n");
  expect(text).not.toContain("croft_edge_processes");
});
