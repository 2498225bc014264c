import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import type { EnvironmentRecord, SiteRecord } from "../domain/records.ts";
import { webProcess } from "../domain/process.ts";
import type { SiteFields } from "../domain/site.ts";
import { invalid } from "../errors.ts";
import { reachSite } from "./access.ts";
import { checkScale, scaledTo, sizedProcesses } from "./check-scale.ts";
import type { SiteDeps } from "./deps.ts";
import { setInternal } from "./internal.ts";
import { setReadOnlyRoot } from "./disk.ts";
import { setRestorePriority } from "./supervision-views.ts";

/** What `input` would change, less what stays the same. */
const changed = <T extends object>(present: T, wanted: Partial<T>): Partial<T> =>
  Object.fromEntries(
    Object.entries(wanted).filter(([key, value]) => value !== undefined && present[key as keyof T] !== value),
  ) as Partial<T>;

/**
 * Changes a site's own fields. How it is built and started takes effect with the next deployment, how many
 * replicas it has at once.
 * @throws AppError `not_found`, `forbidden`, `invalid_input`
 */
export const updateSite = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  input: SiteFields,
): Promise<void> => {
  const { site, environment } = await reachSite(deps, actor, slug, "change");
  const siteWanted: Partial<SiteRecord> = {
    name: input.name === "" ? site.slug : input.name,
    description: input.description,
    type: input.type,
    repositoryUrl: input.repositoryUrl,
    rootDirectory: input.rootDirectory,
    buildCommand: input.buildCommand === "" ? null : input.buildCommand,
    startCommand: input.startCommand === "" ? null : input.startCommand,
    port: input.port,
    image: input.image,
  };
  const environmentWanted: Partial<EnvironmentRecord> = {
    branch: input.branch,
    replicas: input.replicas,
    autoDeploy: input.autoDeploy === undefined ? undefined : input.autoDeploy ? 1 : 0,
    healthCheck: input.healthCheck && JSON.stringify(input.healthCheck),
  };
  const sitePatch = changed(site, siteWanted);
  const environmentPatch = changed(environment, environmentWanted);
  const result = { ...site, ...sitePatch };
  if (result.type === "image" && !result.image) throw invalid("image", "is needed for a site of type image");
  if (input.replicas !== undefined) {
    const present = await sizedProcesses(deps.store, environment);
    await checkScale(deps, environment, present, scaledTo(present, { [webProcess]: input.replicas }));
  }
  if (input.internal !== undefined) await setInternal(deps, actor, site, environment, input.internal);
  if (input.readOnlyRoot !== undefined)
    await setReadOnlyRoot(deps, actor, site, environment, input.readOnlyRoot);
  if (input.restorePriority !== undefined) await setRestorePriority(deps, actor, site, input.restorePriority);
  const egress = await egressChange(deps, environment.id, input.egress);
  if (Object.keys({ ...sitePatch, ...environmentPatch, ...egress }).length === 0) return;
  const nowMs = deps.clock.nowMs();
  const before = {
    ...pick(site, sitePatch),
    ...pick(environment, environmentPatch),
    ...(egress.egress !== undefined && { egress: !egress.egress }),
  };
  await deps.store.transaction(async (queries) => {
    await queries.updateSite(site.id, { ...sitePatch, updatedAt: nowMs });
    await queries.updateEnvironment(environment.id, environmentPatch);
    if (egress.egress !== undefined) await queries.setEgress(environment.id, egress.egress, nowMs);
    await queries.insertAudit(
      auditEntry(
        actor,
        "site.change",
        { type: "site", id: site.id },
        { before, after: { ...sitePatch, ...environmentPatch, ...egress } },
        nowMs,
      ),
    );
  });
  if (egress.egress !== undefined || environmentPatch.replicas !== undefined)
    await deps.onChange.environment(environment.id);
  // Rules of the firewall are in place before it is said that they hold.
  if (egress.egress !== undefined) await deps.onChange.links?.();
};

/** `{ egress }` when it is to be another than it is. */
const egressChange = async (
  deps: SiteDeps,
  environmentId: string,
  wanted: boolean | undefined,
): Promise<{ egress?: boolean }> => {
  if (wanted === undefined) return {};
  const isOpen = !(await deps.store.closedEgress()).has(environmentId);
  return isOpen === wanted ? {} : { egress: wanted };
};

const pick = <T extends object>(from: T, keysOf: Partial<T>): Partial<T> =>
  Object.fromEntries(Object.keys(keysOf).map((key) => [key, from[key as keyof T]])) as Partial<T>;
