import { z } from "zod";
import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import { newId } from "../domain/id.ts";
import type { VolumeRecord } from "../domain/records.ts";
import type { VolumeView } from "../domain/views.ts";
import { conflict, invalid, notFound } from "../errors.ts";
import { reachSite } from "./access.ts";
import type { SiteDeps } from "./deps.ts";

const systemPaths = /^\/(proc|sys|dev|run|etc|bin|sbin|lib|lib64|usr|boot)(\/|$)/;

export const addVolumeSchema = z.strictObject({
  name: z
    .string()
    .max(40, "must be at most 40 characters")
    .regex(
      /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/,
      "may hold a-z, 0-9 and -, and must start and end with one of a-z, 0-9",
    ),
  mountPath: z
    .string()
    .max(200, "must be at most 200 characters")
    .regex(/^(\/[A-Za-z0-9._-]+)+$/, "must be an absolute path of letters, digits, . _ and -")
    .refine((path) => !/\/\.{1,2}(\/|$)/.test(path), "must not hold . or .. as a folder")
    .refine(
      (path) => path !== "/tmp" && !systemPaths.test(path),
      "must not be a system folder; use for example /data",
    ),
});
export type AddVolumeInput = z.infer<typeof addVolumeSchema>;

export const volumeView = (volume: VolumeRecord): VolumeView => ({
  id: volume.id,
  name: volume.name,
  mountPath: volume.mountPath,
});

export const listVolumes = async (deps: SiteDeps, actor: Actor, slug: string, environmentName?: string) => {
  const { environment } = await reachSite(deps, actor, slug, "read", environmentName);
  return (await deps.store.volumesOf(environment.id)).map(volumeView);
};

/**
 * Adds a named volume: data that outlives deployments and rollbacks. It is mounted from the next release on.
 * @throws AppError `conflict` when name or path is taken, and for a static site
 */
export const addVolume = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  input: AddVolumeInput,
  environmentName?: string,
): Promise<VolumeView> => {
  const { site, environment } = await reachSite(deps, actor, slug, "change", environmentName);
  if (site.type === "static")
    throw conflict(
      `${slug} is a static site: nothing runs that could write to a volume; change its type first`,
    );
  const nowMs = deps.clock.nowMs();
  const volume: VolumeRecord = {
    id: newId("vol", nowMs),
    environmentId: environment.id,
    name: input.name,
    mountPath: input.mountPath,
    createdAt: nowMs,
  };
  await deps.store.transaction(async (queries) => {
    const present = await queries.volumesOf(environment.id);
    if (present.length >= 20) throw conflict("a site can have at most 20 volumes");
    if (present.some((one) => one.name === input.name)) throw conflict(`name: ${input.name} is taken`);
    const nested = present.find(
      (one) =>
        `${one.mountPath}/`.startsWith(`${input.mountPath}/`) ||
        `${input.mountPath}/`.startsWith(`${one.mountPath}/`),
    );
    if (nested)
      throw conflict(
        `mountPath: ${input.mountPath} overlaps with volume ${nested.name} at ${nested.mountPath}`,
      );
    await queries.insertVolume(volume);
    await queries.insertAudit(
      auditEntry(actor, "volume.add", { type: "site", id: site.id }, { after: input }, nowMs),
    );
  });
  return volumeView(volume);
};

/**
 * Removes a volume and all data in it. Only a volume that nothing mounts any more can go.
 * @throws AppError `invalid_input` when `confirm` is not its name, `conflict` while the site runs
 */
export const removeVolume = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  name: string,
  confirm: string | undefined,
  environmentName?: string,
): Promise<void> => {
  const { site, environment } = await reachSite(deps, actor, slug, "delete", environmentName);
  const volume = (await deps.store.volumesOf(environment.id)).find((one) => one.name === name);
  if (!volume) throw notFound(`volume ${name}`);
  if (confirm !== name)
    throw invalid("confirm", `must be the volume's name, ${name}: all its data will be gone`);
  if ((await deps.store.liveReplicasOf(environment.id)).length > 0)
    throw conflict(
      `stop the site first (croft site stop ${slug}): its replicas may still write to volume ${name}`,
    );
  const nowMs = deps.clock.nowMs();
  await deps.store.transaction(async (queries) => {
    if (!(await queries.deleteVolume(volume.id))) throw notFound(`volume ${name}`);
    await queries.insertAudit(
      auditEntry(
        actor,
        "volume.remove",
        { type: "site", id: site.id },
        { before: volumeView(volume) },
        nowMs,
      ),
    );
  });
  await deps.onChange.volumeRemoved(volume);
};
