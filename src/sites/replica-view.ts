import { isoOrNull } from "../domain/deployment-view.ts";
import type { ReplicaRecord } from "../domain/records.ts";
import type { ReplicaView } from "../domain/views.ts";

export const replicaView = (replica: ReplicaRecord): ReplicaView => ({
  id: replica.id,
  process: replica.process,
  state: replica.state,
  restarts: replica.restarts,
  oomKills: replica.oomKills,
  exitCode: replica.exitCode,
  reason: replica.reason,
  startedAt: isoOrNull(replica.startedAt),
  nextRestartAt: isoOrNull(replica.nextRestartAt),
});
