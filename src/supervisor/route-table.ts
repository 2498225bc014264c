import { redirectOf, servingDomains } from "../domain/domain-redirects.ts";
import type { Route } from "../domain/edge.ts";
import { accessLogOf } from "./access-log-route.ts";
import { bandwidthOf } from "./bandwidth.ts";
import { heldEnvironments } from "./guard-hold.ts";
import { routeRulesOf, storedRules } from "./route-rules.ts";
import { targetOf } from "./route-target.ts";
import type { SupervisorDeps } from "./deps.ts";

/**
 * The routes that the rows describe, in a stable order.
 * @param launchDelayed whether missing replicas of a release are not about to be launched
 */
export const buildRoutes = async (
  deps: SupervisorDeps,
  launchDelayed: (releaseId: string) => boolean = () => false,
): Promise<Route[]> => {
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
  const pauses = new Map((await deps.store.allPauses()).map((row) => [row.environmentId, row]));
  const shares = new Map((await deps.store.allTrafficSplits()).map((row) => [row.environmentId, row.shares]));
  const sleeps = new Map((await deps.store.allSleeps()).map((row) => [row.environmentId, row]));
  const held = await heldEnvironments(deps.store);
  const months = await deps.monthMeters(environments.map(({ id }) => id));
  const unrouted = (await deps.store.internalEnvironments()).union(await deps.store.environmentsWithoutWeb());
  for (const environment of environments) {
    if (unrouted.has(environment.id)) continue;
    const own = domains.get(environment.id) ?? [];
    const asked = storedRules(deps.log, environment.id, rules.get(environment.id));
    const limits = {
      maxBodyBytes: environment.maxBodyBytes,
      requestsPerMinute: environment.requestsPerMinute,
      concurrentRequests: environment.concurrentRequests,
      clientRequestsPerMinute: asked.clientRequestsPerMinute,
      webSocketMessageBytes: asked.webSocketMessageBytes,
    };
    routes.push({
      id: environment.id,
      hosts: [deps.hostOf(environment.slug, environment.name), ...servingDomains(own)],
      target: await targetOf(deps, environment, {
        replicas: replicas.get(environment.id) ?? [],
        pause: pauses.get(environment.id) ?? null,
        shares: shares.get(environment.id) ?? null,
        asleep: sleeps.get(environment.id) ?? null,
        held: held.has(environment.id),
        launchDelayed: launchDelayed(environment.currentReleaseId ?? ""),
      }),
      limits: { ...limits, bandwidth: bandwidthOf(environment, asked, months) },
      https: { ...https, hstsSeconds: asked.hstsSeconds },
      rules: routeRulesOf(asked),
      accessLog: accessLogOf(environment.id, asked),
      countPaths: true,
    });
    for (const [host, leading] of Map.groupBy(own, (domain) => redirectOf(domain, own)))
      if (host !== null)
        routes.push({
          id: `${environment.id}:to:${host}`,
          countAs: environment.id,
          hosts: leading.map((domain) => domain.name),
          target: { kind: "redirect", host, permanent: true },
          limits,
          https: { ...https, hstsSeconds: asked.hstsSeconds },
          accessLog: accessLogOf(environment.id, asked),
        });
  }
  return routes;
};

/** For every route: the edge sends nobody to a host without a certificate. */
const https = { redirect: true, hstsSeconds: null };
