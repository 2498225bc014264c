import type { EventKind, EventRecord, EventSeverity } from "../domain/event.ts";
import { newId } from "../domain/id.ts";
import type { SupervisorDeps } from "./deps.ts";

interface Told {
  kind: EventKind;
  severity: EventSeverity;
  /** Null when it is about the host. */
  environmentId: string | null;
  /** One sentence with its reason. */
  message: string;
  details?: Record<string, unknown>;
  /** Whether it lasts, until `endEvent`. */
  lasts?: boolean;
}

/** Writes down what happened, or what Croft did about it, for the people it concerns. */
export const tell = async (
  { store, clock }: Pick<SupervisorDeps, "clock"> & { store: Pick<SupervisorDeps["store"], "insertEvent"> },
  { kind, severity, environmentId, message, details = {}, lasts = false }: Told,
): Promise<void> => {
  const at = clock.nowMs();
  await store.insertEvent({
    ...{ id: newId("evt", at), at, kind, severity, environmentId, message },
    details: JSON.stringify(details),
    endedAt: lasts ? null : at,
  });
};

/** The replica that an event is about; null when it is about none. */
export const replicaOf = (event: Pick<EventRecord, "details">): string | null =>
  (JSON.parse(event.details) as { replica?: string }).replica ?? null;
