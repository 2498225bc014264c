import { expect, test } from "bun:test";
import { silentLog } from "../domain/log.ts";
import type { EnvironmentRecord } from "../domain/records.ts";
import type { SupervisorDeps } from "./deps.ts";
import { keepDisk } from "./keep-disk.ts";

/** Two sites with a volume each; what their folders hold is a variable, null as after a count that took too long. */
const installation = (used: Record<string, number | null>) => {
  const site = (id: string) => ({
    ...{ id, slug: id, siteId: id, diskBytes: 1000, diskUsedBytes: 900, diskMeasuredAt: 0 },
    ...{ stoppedReason: null, currentReleaseId: null },
  });
  const stopped: string[] = [];
  const written: Record<string, number> = {};
  const deps = {
    log: silentLog,
    clock: { nowMs: () => 1, monotonicMs: () => 1 },
    store: {
      liveEnvironments: async () => [site("env_1"), site("env_2")],
      environmentById: async (id: string) => site(id),
      volumesOf: async (id: string) => [{ id }],
      liveReplicasOf: async () => [],
      insertAudit: async () => {},
      updateEnvironment: async (id: string, patch: Partial<EnvironmentRecord>) => {
        if (patch.stoppedReason === "disk_full") stopped.push(id);
        if (patch.diskUsedBytes != null) written[id] = patch.diskUsedBytes;
      },
    },
    paths: { volume: (id: string) => id },
    folderBytes: async (id: string) => used[id]!,
  } as unknown as SupervisorDeps;
  return { deps, stopped, written };
};

test("a folder that cannot be counted in time is not taken for an empty one, and holds nobody else up", async () => {
  const { deps, stopped, written } = installation({ env_1: null, env_2: 2000 });
  expect(await keepDisk(deps)).toBe(true);
  expect(written).toEqual({ env_2: 2000 });
  expect(stopped).toEqual(["env_2"]);
});
