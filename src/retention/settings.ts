import { z } from "zod";
import { type Actor } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import {
  defaultRetention,
  logBytesSchema,
  logDaysSchema,
  logKeepOf,
  type LogSettingsRecord,
  type LogStorageView,
  type Retention,
  type RetentionPatch,
  retentionPatchSchema,
} from "../domain/retention.ts";
import { formatBytes } from "../domain/size.ts";
import { AppError, invalidFields } from "../errors.ts";
import type { RetentionDeps, RetentionQueries } from "./deps.ts";

const settingKey = "retention";

const changed = async (queries: RetentionQueries): Promise<RetentionPatch> => {
  const parsed = retentionPatchSchema.safeParse(JSON.parse((await queries.setting(settingKey)) ?? "{}"));
  return parsed.success ? parsed.data : {};
};

/** What holds for the installation. */
export const retentionOf = async (queries: RetentionQueries): Promise<Retention> => ({
  ...defaultRetention,
  ...(await changed(queries)),
});

/** For operators; the caller asks that. Fields that are not given stay. @throws AppError `invalid_input` */
export const setRetention = async (deps: RetentionDeps, actor: Actor, input: unknown): Promise<Retention> => {
  const patch = retentionPatchSchema.safeParse(input);
  if (!patch.success) throw invalidFields(patch.error.issues);
  const nowMs = deps.clock.nowMs();
  return deps.store.transaction(async (queries) => {
    const before = await retentionOf(queries);
    const after = { ...(await changed(queries)), ...patch.data };
    await queries.putSetting(settingKey, JSON.stringify(after), nowMs);
    await queries.insertAudit(
      auditEntry(actor, "retention.change", { type: "settings", id: settingKey }, { before, after }, nowMs),
    );
    return { ...defaultRetention, ...after };
  });
};

/** Null takes an environment's own setting away. */
export const logSettingsSchema = z.strictObject({
  maxBytes: logBytesSchema.nullable().optional(),
  days: logDaysSchema.nullable().optional(),
});
export type LogSettingsInput = z.input<typeof logSettingsSchema>;

/** What holds for an environment's log. */
export const logKeep = async (
  store: RetentionQueries,
  environmentId: string,
): Promise<{ maxBytes: number; days: number }> =>
  logKeepOf(await retentionOf(store), await store.logSettingsOf(environmentId));

const viewOf = async (
  deps: RetentionDeps,
  environmentId: string,
  own: LogSettingsRecord | undefined,
): Promise<LogStorageView> => {
  const use = await deps.logUse(environmentId);
  return {
    stored: use !== null,
    usedBytes: use?.usedBytes ?? 0,
    ...logKeepOf(await retentionOf(deps.store), own),
    own: { maxBytes: own?.maxBytes ?? null, days: own?.days ?? null },
    oldestAt: use === null || use.oldestMs === null ? null : new Date(use.oldestMs).toISOString(),
  };
};

/** What a site's log takes, and what it may. @throws AppError `not_found` */
export const showLogStorage = async (
  deps: RetentionDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<LogStorageView> => {
  const { environment } = await deps.reachSite(actor, slug, "read", environmentName);
  return viewOf(deps, environment.id, await deps.store.logSettingsOf(environment.id));
};

/**
 * Changes how much is kept of one environment's log. More than the installation keeps is an operator's to give.
 * @throws AppError `not_found`, `forbidden`, `invalid_input`
 */
export const setLogStorage = async (
  deps: RetentionDeps,
  actor: Actor,
  slug: string,
  input: unknown,
  environmentName?: string,
): Promise<LogStorageView> => {
  const parsed = logSettingsSchema.safeParse(input);
  if (!parsed.success) throw invalidFields(parsed.error.issues);
  const { maxBytes, days } = parsed.data;
  const { environment } = await deps.reachSite(actor, slug, "change", environmentName);
  const isOperator = actor.kind === "system" || actor.isAdmin;
  const nowMs = deps.clock.nowMs();
  const record = await deps.store.transaction(async (queries) => {
    const common = await retentionOf(queries);
    if (!isOperator && (maxBytes ?? 0) > common.appLogBytes)
      throw new AppError(
        "forbidden",
        `maxBytes: more than ${formatBytes(common.appLogBytes)} is an operator's to give`,
      );
    if (!isOperator && (days ?? 0) > common.appLogDays)
      throw new AppError("forbidden", `days: more than ${common.appLogDays} is an operator's to give`);
    const before = await queries.logSettingsOf(environment.id);
    const after: LogSettingsRecord = {
      environmentId: environment.id,
      maxBytes: maxBytes === undefined ? (before?.maxBytes ?? null) : maxBytes,
      days: days === undefined ? (before?.days ?? null) : days,
      byOperator: isOperator ? 1 : 0,
      updatedAt: nowMs,
    };
    await queries.putLogSettings(after);
    const shown = (one: LogSettingsRecord | undefined) => one && { maxBytes: one.maxBytes, days: one.days };
    await queries.insertAudit(
      auditEntry(
        actor,
        "logs.settings",
        { type: "site", id: environment.siteId },
        { before: shown(before), after: shown(after) },
        nowMs,
      ),
    );
    return after;
  });
  return viewOf(deps, environment.id, record);
};
