/**
 * Tells followers of a deployment that its rows changed. It carries no data: a follower reads the rows after the
 * last sequence number it has seen, so nothing is missed between back-fill and following, and a slow follower
 * holds nobody up.
 */
export interface Notifier {
  notify(deploymentId: string): void;
  /** @returns the end of the subscription */
  subscribe(deploymentId: string, onChange: () => void): () => void;
}

export const createNotifier = (): Notifier => {
  const subscribers = new Map<string, Set<() => void>>();
  return {
    notify: (deploymentId) => {
      for (const onChange of subscribers.get(deploymentId) ?? []) onChange();
    },
    subscribe: (deploymentId, onChange) => {
      const set = subscribers.get(deploymentId) ?? new Set();
      subscribers.set(deploymentId, set.add(onChange));
      return () => {
        set.delete(onChange);
        if (set.size === 0 && subscribers.get(deploymentId) === set) subscribers.delete(deploymentId);
      };
    },
  };
};
