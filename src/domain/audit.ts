import { type Actor, actorLabel } from "./actor.ts";
import { newId } from "./id.ts";
import type { AuditEntryRecord } from "./records.ts";

const shownChars = 1000;
const shownItems = 100;

/** Says what changed, not all of it: the log is kept for a year, and a value can be as large as a request. */
const shortened = (_key: string, value: unknown): unknown => {
  if (typeof value === "string" && value.length > shownChars)
    return `${value.slice(0, shownChars)} … (${value.length} characters)`;
  if (Array.isArray(value) && value.length > shownItems)
    return [...value.slice(0, shownItems), `… (${value.length} in all)`];
  return value;
};

/**
 * A row for the audit log, to be inserted in the transaction of the change it tells of. `before` and `after`
 * must hold no secret; secret values appear as "(secret)". Long texts and lists in them are shortened.
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
  oldValue: change.before === undefined ? null : JSON.stringify(change.before, shortened),
  newValue: change.after === undefined ? null : JSON.stringify(change.after, shortened),
  ip: actor.kind === "user" ? actor.ip : null,
  userAgent: actor.kind === "user" ? actor.userAgent : null,
});
