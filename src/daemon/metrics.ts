import type { Store } from "../db/store.ts";
import type { EdgeClient } from "../edge/client.ts";
import { certificateNames } from "../domain/certificate.ts";
import { latencyUpTo } from "../domain/latency-histogram.ts";
import type { CertificateRecord } from "../domain/records.ts";
import type { SiteView } from "../domain/views.ts";

/** Seconds. Few, since each is a line for each site. */
const latencyBounds = [0.005, 0.025, 0.1, 0.25, 1, 2.5, 10];

/** Prometheus text, of counters and rows that are at hand; the engine is not asked. */
export const prometheusText = async (deps: {
  store: Pick<Store, "liveEnvironments" | "openDeployments" | "certificates">;
  edge: Pick<EdgeClient, "meters" | "health">;
  engineUp(): boolean;
  sites(): Promise<SiteView[]>;
  /** Bytes in and out of this month by environment; null while nothing is known. */
  monthMeters(environmentIds: string[]): Promise<{ usedBytes: ReadonlyMap<string, number> } | null>;
}): Promise<string> => {
  const lines: string[] = [];
  const metric = (name: string, type: "gauge" | "counter" | "histogram", help: string) => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    return (labels: Record<string, string>, value: number, suffix = "") => {
      const text = Object.entries(labels).map(([key, label]) => `${key}="${label}"`);
      lines.push(`${name}${suffix}${text.length > 0 ? `{${text.join(",")}}` : ""} ${value}`);
    };
  };
  metric("croft_engine_up", "gauge", "Whether the container engine answers.")({}, deps.engineUp() ? 1 : 0);
  const open = await deps.store.openDeployments();
  const deployments = metric("croft_deployments_open", "gauge", "Deployments that have not ended.");
  for (const status of ["pending", "building", "deploying"])
    deployments({ status }, open.filter((deployment) => deployment.status === status).length);
  const states = metric("croft_sites", "gauge", "Sites by status.");
  const sites = await deps.sites();
  for (const [status, ones] of Map.groupBy(sites, (site) => site.status)) states({ status }, ones.length);

  const bandwidth = metric("croft_bandwidth_state", "gauge", "1 for what the month's bandwidth allows now.");
  for (const { slug, environment, bandwidth: one } of sites)
    bandwidth({ site: slug, environment, state: one.state }, 1);
  const limit = metric("croft_bandwidth_limit_bytes", "gauge", "Bytes a month, in and out together.");
  for (const { slug, environment, limits } of sites)
    limit({ site: slug, environment }, limits.asked.bandwidthBytesPerMonth);
  const month = await deps.monthMeters(sites.map((site) => site.environmentId));
  if (month !== null) {
    const used = metric(
      "croft_bandwidth_used_bytes",
      "gauge",
      "Bytes in and out since the month began (UTC).",
    );
    for (const { slug, environment, environmentId } of sites)
      used({ site: slug, environment }, Math.max(0, month.usedBytes.get(environmentId) ?? 0));
  }
  const ends = metric(
    "croft_certificate_expiry_timestamp_seconds",
    "gauge",
    "When the certificate of a name ends; of several of one source, the last.",
  );
  for (const { name, source, endsAtMs } of certificateEnds(await deps.store.certificates()))
    ends({ name, source }, Math.floor(endsAtMs / 1000));

  const [reading, health] = await Promise.all([
    deps.edge.meters().catch(() => null),
    deps.edge.health().catch(() => null),
  ]);
  metric("croft_edge_up", "gauge", "Whether the edge answers.")({}, reading === null ? 0 : 1);
  if (health !== null) {
    const processes = metric(
      "croft_edge_processes",
      "gauge",
      "Processes; retired ones only finish their work.",
    );
    processes({ state: "serving" }, health.processes);
    processes({ state: "retired" }, health.retired);
  }
  if (reading === null) return lines.join("\n") + "\n";
  const environments = await deps.store.liveEnvironments();
  const measured = environments.flatMap(({ id, slug, name }) => {
    const meter = reading.meters[id];
    return meter ? [{ labels: { site: slug, environment: name }, meter }] : [];
  });
  const requests = metric("croft_requests_total", "counter", "Requests by status class.");
  for (const { labels, meter } of measured)
    for (const code of ["2xx", "3xx", "4xx", "5xx"] as const)
      requests({ ...labels, code }, meter[`status${code}`]);
  const bytesIn = metric("croft_received_bytes_total", "counter", "Bytes received from visitors.");
  for (const { labels, meter } of measured) bytesIn(labels, meter.bytesIn);
  const bytesOut = metric("croft_sent_bytes_total", "counter", "Bytes sent to visitors.");
  for (const { labels, meter } of measured) bytesOut(labels, meter.bytesOut);
  const active = metric("croft_active_requests", "gauge", "Requests in flight.");
  for (const { labels, meter } of measured) active(labels, meter.active);
  const response = metric("croft_response_seconds", "histogram", "Response times; bounds are 2 % exact.");
  for (const { labels, meter } of measured) {
    const counts = latencyUpTo(
      meter.latency,
      latencyBounds.map((seconds) => seconds * 1000),
    );
    const total = meter.latency.reduce((sum, count) => sum + count, 0);
    latencyBounds.forEach((le, at) => response({ ...labels, le: String(le) }, counts[at]!, "_bucket"));
    response({ ...labels, le: "+Inf" }, total, "_bucket");
    response(labels, meter.latencySumMs / 1000, "_sum");
    response(labels, total, "_count");
  }
  return lines.join("\n") + "\n";
};

/** One per name and source, since Prometheus takes no two values under the same labels. */
const certificateEnds = (certificates: readonly CertificateRecord[]) => {
  const ends = new Map<string, { name: string; source: string; endsAtMs: number }>();
  for (const certificate of certificates) {
    const { source, notAfter } = certificate;
    if (notAfter === null) continue;
    for (const name of certificateNames(certificate)) {
      const key = `${source} ${name}`;
      if (notAfter > (ends.get(key)?.endsAtMs ?? 0)) ends.set(key, { name, source, endsAtMs: notAfter });
    }
  }
  return [...ends.values()];
};
