import { archiveDeployments } from "./archive.ts";
import type { RetentionDeps } from "./deps.ts";
import { inSteps } from "./in-steps.ts";
import { retentionOf } from "./settings.ts";

const dayMs = 24 * 3_600_000;

/** Lets go of what is older than it is kept: of each kind in small steps, so that nobody who writes waits. */
export const prune = async (deps: RetentionDeps, signal: AbortSignal): Promise<Record<string, number>> => {
  const { store, clock, log } = deps;
  const kept = await retentionOf(store);
  const before = (days: number): number => clock.nowMs() - days * dayMs;
  const kinds = {
    audit: [kept.auditDays, store.deleteAuditBefore],
    "security events": [kept.securityEventDays, store.deleteSecurityEventsBefore],
    events: [kept.eventDays, store.deleteEventsBefore],
    "webhook deliveries": [kept.deliveryDays, store.pruneDeliveries],
    "removed replicas": [kept.replicaDays, store.deleteRemovedReplicasBefore],
  } as const;
  const gone: Record<string, number> = {};
  for (const [kind, [days, deleteBefore]] of Object.entries(kinds)) {
    const atMs = before(days);
    const rows = await inSteps((limit) => deleteBefore(atMs, limit), { clock, signal });
    if (rows > 0) gone[kind] = rows;
  }
  const archived = await archiveDeployments(deps, before(kept.deploymentLogDays), signal);
  if (archived > 0) gone["logs of deployments, packed"] = archived;
  if (Object.keys(gone).length > 0) log.info("old rows are gone", gone);
  return gone;
};
