import { z } from "zod";
import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { newId } from "../domain/id.ts";
import { defaultLimits } from "../domain/limits.ts";
import type { EnvironmentRecord, SiteRecord } from "../domain/records.ts";
import { healthCheckSchema, siteFieldsSchema } from "../domain/site.ts";
import { slugSchema } from "../domain/slug.ts";
import { AppError, conflict, invalid } from "../errors.ts";
import type { SiteDeps } from "./deps.ts";

export const createSiteSchema = siteFieldsSchema.extend({ slug: slugSchema });
export type CreateSiteInput = z.infer<typeof createSiteSchema>;

/**
 * Creates a site with its production environment. Deploying it is the caller's next step.
 * @throws AppError `conflict` when the slug is taken, `unavailable` when the network pool is full
 */
export const createSite = async (
  deps: SiteDeps,
  actor: Actor,
  input: CreateSiteInput,
): Promise<SiteRecord> => {
  if (actor.kind !== "user") throw new AppError("forbidden", "only a person can own a site");
  if (input.type === "image" && !input.image) throw invalid("image", "is needed for a site of type image");
  if (input.image && input.type && input.type !== "image")
    throw invalid("image", "is only for sites of type image");
  const nowMs = deps.clock.nowMs();
  const site: SiteRecord = {
    id: newId("site", nowMs),
    slug: input.slug,
    name: input.name || input.slug,
    description: input.description ?? "",
    ownerUserId: actor.userId,
    ownerOrganizationId: null,
    type: input.type ?? (input.image ? "image" : "auto"),
    repositoryUrl: input.repositoryUrl ?? null,
    rootDirectory: input.rootDirectory ?? "",
    buildCommand: input.buildCommand || null,
    startCommand: input.startCommand || null,
    port: input.port ?? null,
    image: input.image ?? null,
    createdAt: nowMs,
    updatedAt: nowMs,
    deletedAt: null,
    deleteVolumes: 0,
    cleanedAt: null,
  };
  const taken = () => conflict(`slug: ${site.slug} is taken; choose another name`);
  if (await deps.store.siteBySlug(site.slug)) throw taken();
  // Asked before the transaction; what is wrong with the address the first deployment tells.
  const branch =
    input.branch ?? ((input.repositoryUrl && (await deps.defaultBranch(input.repositoryUrl))) || "main");
  const environmentId = newId("env", nowMs);
  await deps.store.transaction(async (queries) => {
    if (await queries.siteBySlug(site.slug)) throw taken();
    const networkSlot = await queries.nextNetworkSlot(deps.networkSlots);
    if (networkSlot === null)
      throw new AppError(
        "unavailable",
        "the network pool is full; the operator can widen CROFT_NETWORK_POOL",
      );
    const environment: EnvironmentRecord = {
      id: environmentId,
      siteId: site.id,
      name: "production",
      branch,
      autoDeploy: input.autoDeploy === false ? 0 : 1,
      strategy: "blue-green",
      replicas: input.replicas ?? 1,
      healthCheck: JSON.stringify(
        // What is internal is most often no web server.
        input.healthCheck ?? healthCheckSchema.parse({ type: input.internal ? "tcp" : "http" }),
      ),
      networkSlot,
      currentReleaseId: null,
      stoppedReason: null,
      ...defaultLimits,
      appliedLimits: null,
      diskUsedBytes: null,
      diskMeasuredAt: null,
      createdAt: nowMs,
    };
    await queries.insertSite(site);
    await queries.insertEnvironment(environment);
    if (input.readOnlyRoot) await queries.changeDiskKeeping(environmentId, { readOnlyRoot: 1 });
    if (input.restorePriority !== undefined)
      await queries.putRestorePriority({ siteId: site.id, priority: input.restorePriority });
    if (input.internal) await queries.setInternal(environmentId, nowMs);
    if (input.egress === false) await queries.setEgress(environmentId, false, nowMs);
    await queries.insertAudit(
      auditEntry(actor, "site.create", { type: "site", id: site.id }, { after: input }, nowMs),
    );
  });
  await deps.onChange.environment(environmentId);
  return site;
};
