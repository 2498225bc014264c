import type { Ownership } from "../domain/engine.ts";

/** Says which replica a container is. Set by Croft at create, so it wins over an image's own LABEL. */
export const replicaLabel = "croft.replica";
/** Which process of its release it runs. */
export const processLabel = "croft.process";
/** The labels on everything that Croft makes. Every key is set each time: a label from an image never remains. */
export const ownershipLabels = (owner: Ownership): Record<string, string> => ({
  "croft.managed": "true",
  "croft.site": owner.site,
  "croft.environment": owner.environment,
  "croft.release": owner.release,
  "croft.role": owner.role,
});

export const containerName = (replicaId: string): string => `croft-${replicaId}`;

/**
 * Which replica a container is, or null when it is not one of ours. Labels alone don't tell, since a container
 * gets those of its image: its name, which only its creator chooses, must agree.
 * @param names with or without Docker's leading slash
 */
export const replicaIdOf = (
  names: readonly string[],
  labels: Record<string, string> | null | undefined,
): string | null => {
  const replicaId = labels?.[replicaLabel];
  if (!replicaId || labels?.["croft.managed"] !== "true") return null;
  return names.some((name) => name.replace(/^\//, "") === containerName(replicaId)) ? replicaId : null;
};

/** Images of a site are tagged `croft/<site>:<anything>`; only Croft gives such names. */
export const imageRepository = (site: string): string => `croft/${site}`;

export const isManaged = (labels: Record<string, string> | null | undefined): boolean =>
  labels?.["croft.managed"] === "true";

/** A `filters` value of Docker's API that picks by labels. */
export const labelFilter = (...labels: string[]): { label: string[] } => ({
  label: ["croft.managed=true", ...labels],
});

/** On all that a build leaves behind, from its first step on: the build network, which tells installations apart. */
export const cacheLabel = "croft.cache";
