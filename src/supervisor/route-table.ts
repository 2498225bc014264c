import { redirectOf, servingDomains } from "../domain/domain-redirects.ts";
import type { Route, RouteTarget } from "../domain/edge.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import { bandwidthOf } from "./bandwidth.ts";
import { routeRulesOf, storedRules } from "./route-rules.ts";
import type { LiveEnvironment, SupervisorDeps } from "./deps.ts";

/** The routes that the rows describe, in a stable order. */
export const buildRoutes = async (deps: SupervisorDeps): Promise<Route[]> => {
  const replicas = Map.groupBy(await deps.store.liveReplicas(), (replica) => replica.environmentId);
  const routes: Route[] = [
    {
      id: "panel",
      hosts: deps.panel.hosts,
      target: deps.panel.target,
      // Pushes of large repositories pass here; the git remote has its own bound.
      limits: { maxBodyBytes: 2 * 1024 ** 3, requestsPerMinute: null, concurrentRequests: null },
      https,
    },
  ];
  const environments = await deps.store.liveEnvironments();
  // The base or panel domain may have been set to one that a site has: the edge refuses a host with two routes.
  const taken = new Set([
    ...deps.panel.hosts,
    ...environments.map(({ slug, name }) => deps.hostOf(slug, name)),
  ]);
  const domains = Map.groupBy(
    (await deps.store.verifiedDomains()).filter(({ name }) => !taken.has(name)),
    (domain) => domain.environmentId,
  );
  const rules = new Map((await deps.store.allEdgeRules()).map((row) => [row.environmentId, row.rules]));
  const months = await deps.monthMeters(environments.map(({ id }) => id));
  for (const environment of environments) {
    const own = domains.get(environment.id) ?? [];
    const asked = storedRules(deps.log, environment.id, rules.get(environment.id));
    const limits = {
      maxBodyBytes: environment.maxBodyBytes,
      requestsPerMinute: environment.requestsPerMinute,
      concurrentRequests: environment.concurrentRequests,
      clientRequestsPerMinute: asked.clientRequestsPerMinute,
    };
    routes.push({
      id: environment.id,
      hosts: [deps.hostOf(environment.slug, environment.name), ...servingDomains(own)],
      target: await targetOf(deps, environment, replicas.get(environment.id) ?? []),
      limits: { ...limits, bandwidth: bandwidthOf(environment, asked, months) },
      https: { ...https, hstsSeconds: asked.hstsSeconds },
      rules: routeRulesOf(asked),
    });
    for (const [host, leading] of Map.groupBy(own, (domain) => redirectOf(domain, own)))
      if (host !== null)
        routes.push({
          id: `${environment.id}:to:${host}`,
          hosts: leading.map((domain) => domain.name),
          target: { kind: "redirect", host, permanent: true },
          limits,
          https,
        });
  }
  return routes;
};

/** For every route: the edge sends nobody to a host without a certificate. */
const https = { redirect: true, hstsSeconds: null };

const page = (title: string, message: string): RouteTarget => ({
  kind: "message",
  status: 503,
  title,
  message,
});

const targetOf = async (
  deps: SupervisorDeps,
  environment: LiveEnvironment,
  replicas: ReplicaRecord[],
): Promise<RouteTarget> => {
  if (environment.stoppedReason !== null)
    return page(
      "This site is stopped",
      environment.stoppedReason === "disk_full"
        ? "It used more disk space than it may. Its owner can start it again."
        : "Its owner has stopped it.",
    );
  const release = environment.currentReleaseId
    ? await deps.store.releaseById(environment.currentReleaseId)
    : undefined;
  if (!release) return page("Nothing here yet", "This site has not been deployed yet.");
  if (release.imageId === null)
    return { kind: "static", folder: deps.edgePath(deps.paths.staticRelease(release.id)) };
  const serving = replicas.filter(
    (replica) => replica.releaseId === release.id && replica.state === "running",
  );
  if (serving.length === 0)
    return page("This site is not running", "It stopped unexpectedly and is being started again.");
  return {
    kind: "replicas",
    replicas: serving.flatMap(({ id, address, port }) =>
      address !== null && port !== null ? [{ replicaId: id, address: { host: address, port } }] : [],
    ),
  };
};
