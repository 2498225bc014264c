import { z } from "zod";
import type { Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import {
  defaultVolumeBytes,
  leastLayerBytes,
  leastVolumeBytes,
  type VolumeStorageRecord,
  type VolumeView,
} from "../domain/disk.ts";
import { newId } from "../domain/id.ts";
import type { EnvironmentRecord, VolumeRecord } from "../domain/records.ts";
import { formatBytes, GB } from "../domain/size.ts";
import { conflict, invalid, notFound } from "../errors.ts";
import { reachSite } from "./access.ts";
import type { SiteDeps } from "./deps.ts";
import { hardVolumeBytes } from "./disk.ts";

const systemPaths = /^\/(proc|sys|dev|run|etc|bin|sbin|lib|lib64|usr|boot)(\/|$)/;

const sizeMessage = `must be between ${formatBytes(leastVolumeBytes)} and ${formatBytes(10_240 * GB)}`;
const sizeSchema = z
  .number({ error: sizeMessage })
  .int("must be a whole number")
  .min(leastVolumeBytes, sizeMessage)
  .max(10_240 * GB, sizeMessage);

export const resizeVolumeSchema = z.strictObject({ sizeBytes: sizeSchema });

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
  /** Left out: half of what the site's disk limit still has, or for a folder whatever the limit allows. */
  sizeBytes: sizeSchema.optional(),
});
export type AddVolumeInput = z.infer<typeof addVolumeSchema>;

export const volumeView = (volume: VolumeRecord, held: VolumeStorageRecord | undefined): VolumeView => ({
  id: volume.id,
  name: volume.name,
  mountPath: volume.mountPath,
  kind: held?.kind ?? "folder",
  sizeBytes: held?.sizeBytes ?? null,
  usedBytes: held?.usedBytes ?? null,
});

export const listVolumes = async (deps: SiteDeps, actor: Actor, slug: string, environmentName?: string) => {
  const { environment } = await reachSite(deps, actor, slug, "read", environmentName);
  const storage = await deps.store.volumeStorageOf([environment.id]);
  return (await deps.store.volumesOf(environment.id)).map((volume) =>
    volumeView(volume, storage.get(volume.id)),
  );
};

/** @throws AppError `invalid_input` when volumes of these sizes and containers do not fit into the disk limit */
const checkFit = (environment: EnvironmentRecord, otherBytes: number, sizeBytes: number): void => {
  const room = environment.diskBytes - otherBytes - leastLayerBytes;
  if (sizeBytes <= room) return;
  const limit = formatBytes(environment.diskBytes);
  throw invalid(
    "sizeBytes",
    room < leastVolumeBytes
      ? `no room is left for a volume in the site's disk limit of ${limit}; raise it first`
      : `must be at most ${formatBytes(room)}, which the site's disk limit of ${limit} leaves; raise it first`,
  );
};

/**
 * Adds a named volume: data that outlives deployments and rollbacks. It is mounted from the next release on. Where
 * this server can, it is a file system of its own with a size that the kernel holds.
 * @throws AppError `conflict` when name or path is taken, and for a static site; `invalid_input` for a size that does
 * not fit into the disk limit; `unavailable` when the server has no room for it
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
  const storage = await deps.store.volumeStorageOf([environment.id]);
  const present = await deps.store.volumesOf(environment.id);
  refuseClash(present, input);
  const { kind } = await deps.hardVolumes.ability();
  const otherBytes = hardVolumeBytes(present, storage);
  let sizeBytes = input.sizeBytes ?? null;
  if (kind === "loop") {
    sizeBytes ??= defaultVolumeBytes(environment.diskBytes, otherBytes) ?? leastVolumeBytes;
    checkFit(environment, otherBytes, sizeBytes);
  } else if (sizeBytes !== null) checkFit(environment, otherBytes, sizeBytes);
  const held: VolumeStorageRecord = {
    volumeId: volume.id,
    kind,
    fileSystem:
      kind === "loop" && sizeBytes !== null ? await deps.hardVolumes.create(volume.id, sizeBytes) : null,
    sizeBytes,
    usedBytes: null,
    measuredAt: null,
  };
  try {
    await deps.store.transaction(async (queries) => {
      // Somebody else may have added one meanwhile, or taken the room.
      const now = await queries.volumesOf(environment.id);
      refuseClash(now, input);
      if (sizeBytes !== null) {
        const taken = hardVolumeBytes(now, await queries.volumeStorageOf([environment.id]));
        checkFit((await queries.environmentById(environment.id)) ?? environment, taken, sizeBytes);
      }
      await queries.insertVolume(volume);
      await queries.insertVolumeStorage(held);
      await queries.insertAudit(
        auditEntry(
          actor,
          "volume.add",
          { type: "site", id: site.id },
          { after: { ...input, sizeBytes, kind } },
          nowMs,
        ),
      );
    });
  } catch (error) {
    if (kind === "loop") await deps.hardVolumes.remove(volume.id);
    throw error;
  }
  return volumeView(volume, held);
};

/** @throws AppError `conflict` */
const refuseClash = (present: readonly VolumeRecord[], input: AddVolumeInput): void => {
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
};

/**
 * Makes a volume larger while the site runs. One that is a folder can also get smaller: what it holds is measured.
 * @returns the volume, and whether its file system has grown yet, or will when the site next starts
 * @throws AppError `conflict` for a file system that would have to shrink; `invalid_input`, `unavailable` as `addVolume`
 */
export const resizeVolume = async (
  deps: SiteDeps,
  actor: Actor,
  slug: string,
  name: string,
  { sizeBytes }: { sizeBytes: number },
  environmentName?: string,
): Promise<VolumeView & { live: boolean }> => {
  const { site, environment } = await reachSite(deps, actor, slug, "change", environmentName);
  const nowMs = deps.clock.nowMs();
  // The size is taken before the disk is: of two who ask at the same time, both must fit.
  const note = (from: number | null, to: number | null) =>
    deps.store.transaction(async (queries) => {
      const volumes = await queries.volumesOf(environment.id);
      const volume = volumes.find((one) => one.name === name);
      if (!volume) throw notFound(`volume ${name}`);
      const storage = await queries.volumeStorageOf([environment.id]);
      const held = storage.get(volume.id);
      const present = held?.sizeBytes ?? null;
      const isLoop = held?.kind === "loop";
      if (isLoop && from === null && present !== null && sizeBytes < present)
        throw conflict(
          `volume ${name} has ${formatBytes(present)} and cannot shrink; add a smaller one, copy what is to stay, and remove this one`,
        );
      const others = hardVolumeBytes(volumes, storage) - (isLoop ? (present ?? 0) : 0);
      if (from === null)
        checkFit((await queries.environmentById(environment.id)) ?? environment, others, sizeBytes);
      if (held === undefined) await queries.insertVolumeStorage({ ...folderOf(volume.id), sizeBytes: to });
      else await queries.updateVolumeStorage(volume.id, { sizeBytes: to });
      const change = { before: { name, sizeBytes: present }, after: { name, sizeBytes: to } };
      await queries.insertAudit(
        auditEntry(actor, "volume.resize", { type: "site", id: site.id }, change, nowMs),
      );
      return { volume, held: held ?? folderOf(volume.id) };
    });
  const { volume, held } = await note(null, sizeBytes);
  let live = true;
  try {
    // Also when it has that size already: a file system that could not grow before may do so now.
    if (held.kind === "loop") live = await deps.hardVolumes.grow(volume.id, sizeBytes);
  } catch (error) {
    await note(sizeBytes, held.sizeBytes);
    throw error;
  }
  return { ...volumeView(volume, { ...held, sizeBytes }), live };
};

const folderOf = (volumeId: string): VolumeStorageRecord => ({
  ...{ volumeId, kind: "folder", fileSystem: null, sizeBytes: null, usedBytes: null, measuredAt: null },
});

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
  const held = (await deps.store.volumeStorageOf([environment.id])).get(volume.id);
  if (confirm !== name)
    throw invalid("confirm", `must be the volume's name, ${name}: ${lossOf(held)} will be gone for good`);
  if ((await deps.store.liveReplicasOf(environment.id)).length > 0)
    throw conflict(
      environment.stoppedReason === null
        ? `stop the site first (croft site stop ${slug}): its replicas may still write to volume ${name}`
        : `the site is being stopped, and its last replicas may still write to volume ${name}; try again in some seconds`,
    );
  // Before its row: while something still holds it, nothing has changed.
  if (held?.kind === "loop") await deps.hardVolumes.remove(volume.id);
  const nowMs = deps.clock.nowMs();
  await deps.store.transaction(async (queries) => {
    if (!(await queries.deleteVolume(volume.id))) throw notFound(`volume ${name}`);
    await queries.insertAudit(
      auditEntry(
        actor,
        "volume.remove",
        { type: "site", id: site.id },
        { before: volumeView(volume, held) },
        nowMs,
      ),
    );
  });
  await deps.onChange.volumeRemoved(volume);
};

const lossOf = (held: VolumeStorageRecord | undefined): string =>
  held?.usedBytes ? `the ${formatBytes(held.usedBytes)} in it` : "all its data";
