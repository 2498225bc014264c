import { systemActor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import type { SupervisorDeps } from "./deps.ts";

/**
 * Notes which environments have used up their month's bandwidth, and which have not any more, since a month began or
 * a limit was raised. Said once in log and audit, whatever the policy does about it.
 */
export const noteBandwidth = async (
  deps: Pick<SupervisorDeps, "store" | "clock" | "log" | "monthMeters">,
): Promise<void> => {
  const environments = await deps.store.liveEnvironments();
  const months = await deps.monthMeters(environments.map(({ id }) => id));
  if (months === null) return;
  const noted = new Set((await deps.store.allBandwidthUsedUp()).map(({ environmentId }) => environmentId));
  for (const { id, siteId, slug, bandwidthBytesPerMonth: limitBytes } of environments) {
    const usedBytes = months.usedBytes.get(id) ?? 0;
    if (usedBytes >= limitBytes === noted.has(id)) continue;
    if (usedBytes < limitBytes) {
      await deps.store.forgetBandwidthUsedUp(id);
      continue;
    }
    const nowMs = deps.clock.nowMs();
    if (!(await deps.store.noteBandwidthUsedUp({ environmentId: id, since: nowMs }))) continue;
    deps.log.warn("a site has used up its bandwidth of the month", { site: slug, usedBytes, limitBytes });
    await deps.store.insertAudit(
      auditEntry(
        systemActor("bandwidth"),
        "site.bandwidth_used_up",
        { type: "site", id: siteId },
        { after: { usedBytes, limitBytes } },
        nowMs,
      ),
    );
  }
};
