import type { SupervisorDeps } from "../supervisor/deps.ts";

/** Where the edge sends visitors of the panel: to the daemon's own socket. */
export const panelRoute = (host: string, unixPath: string): SupervisorDeps["panel"] => ({
  hosts: [host],
  target: { kind: "replicas", replicas: [{ replicaId: "panel", address: { unixPath } }] },
});
