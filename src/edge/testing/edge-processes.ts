import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "../../domain/log.ts";
import { createEdgeClient, type EdgeClient, meterReading } from "../client.ts";
import { edgeView } from "../edge-view.ts";
import { portOf } from "../listening.ts";
import { processState } from "../processes/commands.ts";
import { createPeers, type Peers } from "../processes/peers.ts";
import { pidOf } from "../processes/identity.ts";
import type { EdgeProcess } from "../spawn.ts";
import { killEdge } from "./edge-process.ts";

/** An edge's folder, and its processes as they see each other. */
export interface EdgeProcesses {
  dir: string;
  client: EdgeClient;
  peers: Peers;
  wanted(more?: Partial<EdgeProcess>): EdgeProcess;
  /** Ports of the present edge in the order of its addresses. */
  ports(): Promise<number[]>;
  /** Process numbers by what they do. */
  roles(): Promise<Record<"lead" | "worker" | "retired" | "starting", number[]>>;
  /** Requests that each living process has counted of a route, by process number. */
  requestsOf(routeId: string): Promise<Map<number, number>>;
  close(): Promise<void>;
}

const local = { host: "127.0.0.1", port: 0 };

export const edgeProcesses = (): EdgeProcesses => {
  const dir = mkdtempSync(join(tmpdir(), "croft-processes-"));
  const client = createEdgeClient(dir);
  const peers = createPeers(dir, "test", silentLog);
  return {
    dir,
    client,
    peers,
    wanted: (more = {}) => ({
      dir,
      view: edgeView(dir, null),
      listen: [local],
      command: [process.execPath, join(import.meta.dir, "../entry.ts")],
      uid: null,
      logFile: join(dir, "edge.log"),
      log: silentLog,
      version: "staged",
      ...more,
    }),
    ports: async () => (await client.health()).listening.map(portOf),
    async roles() {
      const states = await peers.askAll(processState, { method: "GET", path: "/state" });
      const roles = { lead: [], worker: [], retired: [], starting: [] } as Record<string, number[]>;
      for (const [id, { role }] of states) roles[role]!.push(pidOf(id));
      return roles as Awaited<ReturnType<EdgeProcesses["roles"]>>;
    },
    async requestsOf(routeId) {
      const readings = await peers.askAll(meterReading, { method: "GET", path: "/meters" });
      return new Map(
        [...readings].map(([id, { meters }]) => [pidOf(id), meters[routeId]?.requests ?? 0] as const),
      );
    },
    async close() {
      await killEdge(dir);
      rmSync(dir, { recursive: true, force: true });
    },
  };
};
