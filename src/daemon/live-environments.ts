import type { Store } from "../db/store.ts";
import { oneOffMeter } from "../domain/command-process.ts";
import { webProcess } from "../domain/process.ts";
import type { LiveEnvironment } from "../usage/deps.ts";

/** What the sampler measures: environments that serve a release, with the replicas that should run. */
export const liveEnvironments = async (store: Store): Promise<LiveEnvironment[]> => {
  const replicas = Map.groupBy(await store.liveReplicas(), (replica) => replica.environmentId);
  const kinds = await store.currentReleaseKinds();
  const withoutWeb = await store.environmentsWithoutWeb();
  const asleep = new Map(
    (await store.allSleeps()).flatMap((one) =>
      one.state === "stopped" ? [[one.environmentId, one.releaseId] as const] : [],
    ),
  );
  return (await store.liveEnvironments())
    .filter((environment) => environment.currentReleaseId !== null || replicas.has(environment.id))
    .map((environment) => ({
      id: environment.id,
      kind: kinds.get(environment.id) ?? "container",
      stopped: environment.stoppedReason !== null,
      asleep:
        environment.currentReleaseId !== null && asleep.get(environment.id) === environment.currentReleaseId,
      replicas: (replicas.get(environment.id) ?? [])
        .filter(
          (replica) =>
            replica.state === "running" || replica.state === "starting" || replica.state === "draining",
        )
        .map((replica) => ({
          ...{ id: replica.id, startedAtMs: replica.startedAt, oomKills: replica.oomKills },
          beside: replica.process !== webProcess && !withoutWeb.has(environment.id),
        })),
      oneOffs: oneOffMeter(environment.id),
      diskUsedBytes: environment.diskUsedBytes,
    }));
};
