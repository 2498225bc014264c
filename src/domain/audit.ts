import { type Actor, actorLabel } from "./actor.ts";
import { newId } from "./id.ts";
import type { AuditEntryRecord } from "./records.ts";

/**
 * A row for the audit log, to be inserted in the transaction of the change it tells of. `before` and `after`
 * must hold no secret; secret values appear as "(secret)".
 */
export const auditEntry = (
  actor: Actor,
  action: string,
  object: { type: string; id: string },
  change: { before?: unknown; after?: unknown },
  nowMs: number,
): AuditEntryRecord => ({
  id: newId("aud", nowMs),
  at: nowMs,
  actorKind: actor.kind,
  actorId: actor.kind === "user" ? actor.userId : null,
  actorLabel: actorLabel(actor),
  action,
  objectType: object.type,
  objectId: object.id,
  oldValue: change.before === undefined ? null : JSON.stringify(change.before),
  newValue: change.after === undefined ? null : JSON.stringify(change.after),
  ip: actor.kind === "user" ? actor.ip : null,
  userAgent: actor.kind === "user" ? actor.userAgent : null,
});
