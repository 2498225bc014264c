import type { LinkRecord } from "../domain/link.ts";
import { defaultRestorePriority, type RestorePriorityRecord } from "../domain/supervision.ts";

/**
 * In which order environments are brought back: the most important first, and what a site is linked to before the
 * site itself, however unimportant it is alone. Otherwise production first, then the oldest.
 */
export const restoreOrder = <T extends { id: string; siteId: string; name: string; createdAt: number }>(
  environments: readonly T[],
  priorities: readonly RestorePriorityRecord[],
  links: readonly Pick<LinkRecord, "environmentId" | "targetEnvironmentId">[],
): T[] => {
  const priorityOf = new Map(priorities.map(({ siteId, priority }) => [siteId, priority]));
  const byId = new Map(environments.map((environment) => [environment.id, environment]));
  const targets = Map.groupBy(links, ({ environmentId }) => environmentId);
  const rank = ({ siteId }: T): number => priorityOf.get(siteId) ?? defaultRestorePriority;
  const sorted = environments.toSorted(
    (a, b) =>
      rank(b) - rank(a) ||
      Number(b.name === "production") - Number(a.name === "production") ||
      a.createdAt - b.createdAt,
  );
  const ordered = new Set<T>();
  // Links may form a circle: who is on the way already is not gone to again.
  const onTheWay = new Set<string>();
  const add = (environment: T): void => {
    if (onTheWay.has(environment.id)) return;
    onTheWay.add(environment.id);
    for (const { targetEnvironmentId } of targets.get(environment.id) ?? []) {
      const target = byId.get(targetEnvironmentId);
      if (target) add(target);
    }
    ordered.add(environment);
  };
  for (const environment of sorted) add(environment);
  return [...ordered];
};
