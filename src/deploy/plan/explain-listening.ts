/** A TCP port that processes of a replica listen on. */
export interface SeenPort {
  port: number;
  /** Bound to 127.0.0.1 or ::1: nobody outside the container reaches it. */
  loopbackOnly: boolean;
}

/**
 * Why a replica that never answered could not be reached, as a sentence for the person who deploys. Empty when
 * something does listen on the expected port: then the reason is another.
 */
export const explainListening = ({
  expectedPort,
  seen,
}: {
  expectedPort: number;
  seen: readonly SeenPort[];
}): string => {
  const expected = seen.filter(({ port }) => port === expectedPort);
  if (expected.some(({ loopbackOnly }) => !loopbackOnly)) return "";
  if (expected.length > 0)
    return `the app listens on 127.0.0.1:${expectedPort} only, which nobody outside its container reaches: listen on 0.0.0.0`;
  const nothing = `nothing listened on port ${expectedPort}`;
  const reachable = unique(seen.filter(({ loopbackOnly }) => !loopbackOnly));
  if (reachable.length > 0)
    return `${nothing}; the app listens on ${joined(reachable)}: set the site's port to ${reachable[0]}, or make the app listen on $PORT`;
  const hidden = unique(seen);
  if (hidden.length > 0)
    return `${nothing}; the app listens on ${joined(hidden.map((port) => `127.0.0.1:${port}`))} only: listen on 0.0.0.0 and $PORT`;
  return `${nothing}, and the app listens on no port at all: make it listen on 0.0.0.0 and $PORT`;
};

const unique = (ports: readonly SeenPort[]): number[] =>
  [...new Set(ports.map(({ port }) => port))].sort((a, b) => a - b);

const joined = (items: readonly (string | number)[]): string =>
  items.length < 2 ? String(items[0]) : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
