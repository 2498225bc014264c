import type { Store } from "../db/store.ts";
import type { EdgeClient } from "../edge/client.ts";
import type { SiteView } from "../domain/views.ts";

/** Prometheus text, of counters and rows that are at hand; the engine is not asked. */
export const prometheusText = async (deps: {
  store: Pick<Store, "liveEnvironments" | "openDeployments">;
  edge: Pick<EdgeClient, "meters">;
  engineUp(): boolean;
  sites(): Promise<SiteView[]>;
}): Promise<string> => {
  const lines: string[] = [];
  const metric = (name: string, type: "gauge" | "counter", help: string) => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    return (labels: Record<string, string>, value: number) => {
      const text = Object.entries(labels).map(([key, label]) => `${key}="${label}"`);
      lines.push(`${name}${text.length > 0 ? `{${text.join(",")}}` : ""} ${value}`);
    };
  };
  metric("croft_engine_up", "gauge", "Whether the container engine answers.")({}, deps.engineUp() ? 1 : 0);
  const open = await deps.store.openDeployments();
  const deployments = metric("croft_deployments_open", "gauge", "Deployments that have not ended.");
  for (const status of ["pending", "building", "deploying"])
    deployments({ status }, open.filter((deployment) => deployment.status === status).length);
  const states = metric("croft_sites", "gauge", "Sites by status.");
  const byStatus = Map.groupBy(await deps.sites(), (site) => site.status);
  for (const [status, sites] of byStatus) states({ status }, sites.length);

  const reading = await deps.edge.meters().catch(() => null);
  metric("croft_edge_up", "gauge", "Whether the edge answers.")({}, reading === null ? 0 : 1);
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
  return lines.join("\n") + "\n";
};
