import { desiredProcesses, type ProcessRecord } from "../domain/process.ts";
import type { EnvironmentRecord, ReleaseRecord } from "../domain/records.ts";
import type { ReleaseConfig } from "../domain/release.ts";
import type { TogetherView } from "../domain/views.ts";

/** What all replicas of an environment may use together; null where none are to run. */
export const togetherView = (
  environment: EnvironmentRecord,
  release: ReleaseRecord | undefined,
  settings: readonly ProcessRecord[],
): TogetherView | null => {
  if (!release || release.imageId === null) return null;
  const together: TogetherView = { replicas: 0, memoryBytes: 0, cpuMillicores: 0 };
  const config = JSON.parse(release.config) as ReleaseConfig;
  for (const { replicas, limits } of desiredProcesses(config, environment, settings)) {
    together.replicas += replicas;
    together.memoryBytes += replicas * limits.memoryBytes;
    together.cpuMillicores += replicas * limits.cpuMillicores;
  }
  return together.replicas === 0 ? null : together;
};
