import { z } from "zod";
import type { Actor, SiteAction } from "../domain/actor.ts";
import { auditEntry } from "../domain/audit.ts";
import type { Clock } from "../domain/clock.ts";
import { isoOf } from "../domain/deployment-view.ts";
import { newId } from "../domain/id.ts";
import type { EnvironmentRecord, HookRecord, SiteRecord } from "../domain/records.ts";
import type { HookDeliveryView, HookView } from "../domain/views.ts";
import { conflict, invalidFields, notFound } from "../errors.ts";
import { hookSecretPlace, type HookStore } from "./hook-store.ts";

export const newHookSchema = z.strictObject({
  provider: z.enum(["github"], { error: "must be github" }),
});
export type NewHookInput = z.input<typeof newHookSchema>;

export interface HookDeps {
  store: HookStore;
  secretBox: { seal(plain: string, place: string): Promise<string> };
  clock: Clock;
  /** How people and git hosts reach Croft; no trailing slash. */
  publicUrl: string;
  reachSite(
    actor: Actor,
    slug: string,
    action: SiteAction,
    environmentName?: string,
  ): Promise<{ site: SiteRecord; environment: EnvironmentRecord }>;
}

const maxHooksPerEnvironment = 20;
const deliveriesShown = 100;

const newSecret = (): string => crypto.getRandomValues(new Uint8Array(32)).toHex();

const viewOf = ({ publicUrl }: HookDeps, hook: HookRecord): HookView => ({
  id: hook.id,
  provider: hook.provider,
  url: `${publicUrl}/hooks/${hook.provider}/${hook.id}`,
  createdAt: isoOf(hook.createdAt),
});

/**
 * Makes a hook with a secret of 256 random bits, which only this answer holds.
 * @throws AppError `invalid_input`, `not_found`, `forbidden`, `conflict` at 20 hooks
 */
export const createHook = async (
  deps: HookDeps,
  actor: Actor,
  slug: string,
  input: NewHookInput,
  environmentName?: string,
): Promise<HookView> => {
  const { store, secretBox, clock } = deps;
  const parsed = newHookSchema.safeParse(input);
  if (!parsed.success) throw invalidFields(parsed.error.issues);
  const { environment } = await deps.reachSite(actor, slug, "change", environmentName);
  const nowMs = clock.nowMs();
  const secret = newSecret();
  const id = newId("hook", nowMs);
  const hook: HookRecord = {
    id,
    environmentId: environment.id,
    provider: parsed.data.provider,
    secretCiphertext: await secretBox.seal(secret, hookSecretPlace(id)),
    createdAt: nowMs,
    rotatedAt: null,
  };
  await store.transaction(async (queries) => {
    if ((await queries.hooksOf(environment.id)).length >= maxHooksPerEnvironment)
      throw conflict(`there are ${maxHooksPerEnvironment} hooks already; remove some first`);
    await queries.insertHook(hook);
    const after = { site: slug, provider: hook.provider };
    await queries.insertAudit(auditEntry(actor, "hook.create", { type: "hook", id }, { after }, nowMs));
  });
  return { ...viewOf(deps, hook), secret };
};

/** @throws AppError `not_found` */
export const listHooks = async (
  deps: HookDeps,
  actor: Actor,
  slug: string,
  environmentName?: string,
): Promise<HookView[]> => {
  const { environment } = await deps.reachSite(actor, slug, "read", environmentName);
  return (await deps.store.hooksOf(environment.id)).map((hook) => viewOf(deps, hook));
};

/**
 * Gives a hook a new secret, which only this answer holds; the old one is refused from then on.
 * @throws AppError `not_found`, `forbidden`
 */
export const rotateHook = async (
  deps: HookDeps,
  actor: Actor,
  slug: string,
  hookId: string,
  environmentName?: string,
): Promise<HookView> => {
  const { environment } = await deps.reachSite(actor, slug, "change", environmentName);
  const nowMs = deps.clock.nowMs();
  const secret = newSecret();
  const sealed = await deps.secretBox.seal(secret, hookSecretPlace(hookId));
  const hook = await deps.store.transaction(async (queries) => {
    const changed = await queries.updateHookSecret(environment.id, hookId, sealed, nowMs);
    if (!changed) throw notFound("the hook");
    const object = { type: "hook", id: hookId };
    await queries.insertAudit(auditEntry(actor, "hook.rotate", object, { after: { site: slug } }, nowMs));
    return changed;
  });
  return { ...viewOf(deps, hook), secret };
};

/** @throws AppError `not_found`, `forbidden` */
export const deleteHook = async (
  deps: HookDeps,
  actor: Actor,
  slug: string,
  hookId: string,
  environmentName?: string,
): Promise<void> => {
  const { environment } = await deps.reachSite(actor, slug, "change", environmentName);
  const nowMs = deps.clock.nowMs();
  await deps.store.transaction(async (queries) => {
    const hook = await queries.deleteHook(environment.id, hookId);
    if (!hook) throw notFound("the hook");
    const before = { site: slug, provider: hook.provider };
    const object = { type: "hook", id: hookId };
    await queries.insertAudit(auditEntry(actor, "hook.delete", object, { before }, nowMs));
  });
};

/**
 * The newest hundred deliveries, newest first.
 * @throws AppError `not_found`
 */
export const listDeliveries = async (
  deps: HookDeps,
  actor: Actor,
  slug: string,
  hookId: string,
  environmentName?: string,
): Promise<HookDeliveryView[]> => {
  const { environment } = await deps.reachSite(actor, slug, "read", environmentName);
  const hooks = await deps.store.hooksOf(environment.id);
  if (!hooks.some((hook) => hook.id === hookId)) throw notFound("the hook");
  return (await deps.store.deliveriesOf(hookId, deliveriesShown)).map((row) => ({
    deliveryId: row.deliveryId,
    event: row.event,
    signatureOk: row.signatureOk === 1,
    result: row.result,
    deployment: row.deploymentId,
    at: isoOf(row.at),
  }));
};
