import { existsSync } from "node:fs";
import type { EngineDisk } from "../domain/engine.ts";
import type { DockerClient } from "./client.ts";
import { dockerInfo } from "./engine-info.ts";
import { mountOptionsOf } from "./mount-options.ts";

/** What is limited when a container is made with a size: its own writes, or with them the image it began as. */
export type QuotaScope = "writes" | "with-image";

interface Facts extends EngineDisk {
  scope: QuotaScope | null;
  driver: string;
}

/** So long it is believed that the engine's configuration is the same. */
const keptMs = 300_000;

/**
 * Whether this engine can hold a container's writable layer to a size (`--storage-opt size`): overlay2 by project
 * quotas of XFS, btrfs by quota groups, zfs by its own.
 */
export const createEngineDisk = (client: DockerClient, clock: { monotonicMs(): number }) => {
  let known: { facts: Facts; atMs: number } | null = null;
  /** Many pages may ask at once for what takes the engine a fifth of a second. */
  let looking: Promise<Facts> | null = null;

  const look = async (): Promise<Facts> => {
    const info = await dockerInfo(client);
    const isLocal = client.dockerHost.startsWith("unix:");
    const folder = isLocal && existsSync(info.DockerRootDir) ? info.DockerRootDir : null;
    const backing = info.DriverStatus?.find(([name]) => name === "Backing Filesystem")?.[1] ?? "unknown";
    const seen = `${info.Driver} on ${backing}`;
    const facts = (scope: QuotaScope | null, detail: string): Facts => ({
      ...{ layerQuota: scope !== null, scope, driver: info.Driver, folder, detail },
    });
    if (info.Driver === "btrfs") return facts("with-image", `${seen}, by quota groups`);
    if (info.Driver === "zfs") return facts("writes", `${seen}, by quotas of datasets`);
    if (info.Driver !== "overlay2" || backing !== "xfs")
      return facts(null, `${seen} cannot limit what a container writes`);
    const options = folder === null ? null : await mountOptionsOf(folder);
    return options?.some((option) => option === "pquota" || option === "prjquota")
      ? facts("writes", `${seen}, by project quotas`)
      : facts(null, `${seen} is mounted without project quotas (pquota)`);
  };

  return {
    facts: async (): Promise<Facts> => {
      if (known !== null && clock.monotonicMs() - known.atMs <= keptMs) return known.facts;
      looking ??= look().finally(() => (looking = null));
      const facts = await looking;
      known = { facts, atMs: clock.monotonicMs() };
      return facts;
    },
    /** The engine refused a size after all. */
    refuted: (reason: string): void => {
      if (known === null) return;
      known.facts = { ...known.facts, layerQuota: false, scope: null, detail: reason };
    },
  };
};
export type EngineDiskFacts = ReturnType<typeof createEngineDisk>;
