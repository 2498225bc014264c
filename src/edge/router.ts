import type { Route, RouteTable } from "../domain/edge.ts";
import { wildcardOf } from "../domain/host-name.ts";
import { changeBandwidth, createBandwidth } from "./bandwidth.ts";
import { changeClientLimiter } from "./client-limiter.ts";
import { createMeter, type Meter } from "./meter.ts";
import { closeRested, createReplica, replicaKey, retire } from "./replica-pool.ts";
import { networksOf } from "./rules/networks.ts";
import { siteRulesOf } from "./rules/site-rules.ts";
import { privateMemory, type SharedMemory } from "./shared/memory.ts";
import { rateBucket } from "./shared/rate-bucket.ts";
import { exchangeBytes, routeShare } from "./shared/share.ts";
import { inSlices } from "./slices.ts";
import { activeSplit } from "./split.ts";
import type { ActiveRoute, Replica, Router } from "./state.ts";

export const createRouter = (
  meters: Map<string, Meter>,
  epoch = "",
  shared: SharedMemory = privateMemory(),
): Router => ({
  version: 0,
  epoch,
  byHost: new Map(),
  hasWildcards: false,
  byId: new Map(),
  shared,
  meters,
  trusted: null,
  replicas: new Map(),
});

/**
 * Puts a table in force: every request whose head is read from now on follows it. What is in flight stays where
 * it is; meters, limiter fillings and the pools of replicas that remain go on. The table is trusted (validated).
 */
export const swapTable = (router: Router, table: RouteTable, nowMs: number, wallMs: number): void => {
  const byHost = new Map<string, ActiveRoute>();
  const byId = new Map<string, ActiveRoute>();
  const present = new Set<Replica>();
  for (const route of table.routes) {
    const replicas: Replica[] = [];
    if (route.target.kind === "replicas")
      for (const upstream of route.target.replicas) {
        const key = replicaKey(upstream);
        let replica = router.replicas.get(key);
        if (replica === undefined) router.replicas.set(key, (replica = createReplica(upstream)));
        replica.retired = false;
        present.add(replica);
        replicas.push(replica);
      }
    const meterId = route.countAs ?? route.id;
    let meter = router.meters.get(meterId);
    if (meter === undefined) router.meters.set(meterId, (meter = createMeter(wallMs)));
    const before = router.byId.get(route.id);
    const bandwidth = before?.bandwidth ?? createBandwidth(nowMs);
    const { requestsPerMinute, concurrentRequests } = route.limits;
    const isShared = concurrentRequests !== null || route.limits.bandwidth != null;
    const share = isShared ? (before?.share ?? routeShare(router.shared, route.id)) : null;
    if (share !== null) {
      bandwidth.othersBytes = exchangeBytes(share, meter);
    }
    changeBandwidth(bandwidth, route.limits.bandwidth ?? null, meter, router.epoch, nowMs, wallMs);
    const active: ActiveRoute = {
      route,
      meter,
      bucket: rateBucket(router.shared, route.id, requestsPerMinute, before?.bucket ?? null, nowMs),
      share,
      clients: changeClientLimiter(
        router.shared,
        route.id,
        before?.clients ?? null,
        route.limits.clientRequestsPerMinute,
      ),
      bandwidth,
      rules: siteRulesOf(route.rules, before?.rules ?? null),
      replicas,
      split: activeSplit(route.target, replicas),
      folder: route.target.kind === "static" ? { path: route.target.folder, real: null } : null,
      transportSecurity: transportSecurityOf(route),
      traffic: null,
    };
    byId.set(route.id, active);
    for (const host of route.hosts) byHost.set(host, active);
  }
  for (const [id, { bandwidth, meter }] of router.byId)
    if (!byId.has(id)) changeBandwidth(bandwidth, null, meter, router.epoch, nowMs, wallMs);
  const rested = [...router.replicas.values()].flatMap((one) => (present.has(one) ? [] : retire(one)));
  router.byHost = byHost;
  router.hasWildcards = table.routes.some((route) => route.hosts.some((host) => host.startsWith("*.")));
  router.byId = byId;
  const { trustedProxies = [] } = table;
  router.trusted = trustedProxies.length === 0 ? null : networksOf(trustedProxies);
  router.version = table.version;
  forgetOld(router, wallMs);
  // A connection that cannot be closed ends by itself when the upstream closes it.
  if (rested.length > 0) inSlices(closeRested(rested)).catch(() => {});
};

/** The route of a host (lower case): its own, else that of the wildcard one label above. */
export const routeOf = ({ byHost, hasWildcards }: Router, host: string): ActiveRoute | undefined =>
  byHost.get(host) ?? (hasWildcards ? byHost.get(wildcardOf(host)) : undefined);

const transportSecurityOf = ({ https }: Route): string =>
  https?.hstsSeconds == null ? "" : `Strict-Transport-Security: max-age=${https.hstsSeconds}\r\n`;

const meterKeptMs = 7 * 24 * 3_600_000;

/** Drops meters of routes gone for a week (a daemon that was away has read them) and replicas without use. */
const forgetOld = (router: Router, wallMs: number): void => {
  for (const { meter } of router.byId.values()) meter.seenAtMs = wallMs;
  for (const [id, meter] of router.meters)
    if (meter.active === 0 && wallMs - meter.seenAtMs > meterKeptMs) router.meters.delete(id);
  for (const [key, replica] of router.replicas)
    if (replica.retired && replica.active === 0) router.replicas.delete(key);
};

/** Requests and upgraded connections in flight by replica id, gone replicas included while there are any. */
export const activeByReplica = (router: Router): Record<string, number> => {
  const active: Record<string, number> = {};
  for (const replica of router.replicas.values()) {
    if (replica.retired && replica.active === 0) continue;
    const { replicaId } = replica.upstream;
    active[replicaId] = (active[replicaId] ?? 0) + replica.active;
  }
  return active;
};
