import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import type { EnvironmentRecord, SiteRecord } from "../domain/records.ts";
import { conflict } from "../errors.ts";
import type { SiteDeps } from "./deps.ts";

/**
 * Whether visitors are led to a site at all. An internal one has no address: linked sites alone reach it, by name.
 * @throws AppError `conflict` while it has domains, which nobody would answer
 */
export const setInternal = async (
  deps: SiteDeps,
  actor: Actor,
  site: SiteRecord,
  environment: EnvironmentRecord,
  internal: boolean,
): Promise<void> => {
  const { store, clock } = deps;
  if ((await store.internalEnvironments()).has(environment.id) === internal) return;
  const nowMs = clock.nowMs();
  await store.transaction(async (queries) => {
    const domains = await queries.domainsOfMany([environment.id]);
    if (internal && domains.length > 0)
      throw conflict(
        `${site.slug} has domains that would lead nowhere: ${domains.map(({ name }) => name).join(", ")}; remove them first`,
      );
    await queries.setInternal(environment.id, internal ? nowMs : null);
    await queries.insertAudit(
      auditEntry(
        actor,
        "site.change",
        { type: "site", id: site.id },
        { before: { internal: !internal }, after: { internal } },
        nowMs,
      ),
    );
  });
  await deps.onChange.environment(environment.id);
};
