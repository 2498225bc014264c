import type { Route, RouteLimits, RouteTarget } from "../../domain/edge.ts";
import { silentLog } from "../../domain/log.ts";
import type { Deadlines } from "../deadlines.ts";
import { createEdge, listen, startSweep } from "../edge.ts";
import { swapTable } from "../router.ts";
import type { Edge } from "../state.ts";
import { keepTraffic } from "../traffic-keeper.ts";
import { stopVisitors } from "../stop.ts";

/** An edge inside the test's process, on a port of its own. */
export interface EdgeFixture {
  edge: Edge;
  port: number;
  /** Puts the next table in force. */
  route(routes: Route[]): void;
  close(): Promise<void>;
}

export const noLimits: RouteLimits = {
  maxBodyBytes: 1e9,
  requestsPerMinute: null,
  concurrentRequests: null,
};

export const routeTo = (
  hosts: string[],
  target: RouteTarget,
  limits: Partial<RouteLimits> = {},
  id = hosts[0]!,
): Route => ({ id, hosts, target, limits: { ...noLimits, ...limits } });

export const replicaAt = (port: number, replicaId = `replica-${port}`) => ({
  replicaId,
  address: { host: "127.0.0.1", port },
});

export const toPort = (port: number): RouteTarget => ({ kind: "replicas", replicas: [replicaAt(port)] });

export const startEdge = (
  routes: Route[],
  deadlines: Partial<Deadlines> = {},
  random?: () => number,
  {
    trustedProxies = [],
    proxyProtocol,
    dir,
  }: { trustedProxies?: string[]; proxyProtocol?: boolean; dir?: string } = {},
): EdgeFixture => {
  const edge = createEdge({
    log: silentLog,
    random,
    deadlines: { sweepMs: 25, ...deadlines },
    proxyProtocol,
    dir,
  });
  let version = 0;
  const route = (next: Route[]): void =>
    swapTable(edge.router, { version: ++version, routes: next, trustedProxies }, edge.now(), Date.now());
  route(routes);
  const listener = listen(edge, { host: "127.0.0.1", port: 0 });
  const stopSweep = startSweep(edge);
  const stopTraffic = keepTraffic(edge, "test");
  return {
    edge,
    port: listener.port,
    route,
    async close() {
      edge.stopping = true;
      listener.stop(true);
      await stopVisitors(edge);
      stopSweep();
      await stopTraffic();
      route([]);
    },
  };
};
