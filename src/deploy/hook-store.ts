import type {
  AuditEntryRecord,
  EnvironmentRecord,
  HookDeliveryInRecord,
  HookRecord,
  SecurityEventRecord,
  SiteRecord,
} from "../domain/records.ts";

type NewDelivery = Pick<HookDeliveryInRecord, "hookId" | "deliveryId" | "event" | "at">;

/** Where a push moved the deploying branch. */
export type PushedHead = Pick<HookDeliveryInRecord, "headBefore" | "headAfter" | "pushedAt">;

export interface HookTarget {
  hook: HookRecord;
  environment: EnvironmentRecord;
  site: SiteRecord;
}

/** What hooks need of the database. */
export interface HookQueries {
  insertHook(hook: HookRecord): Promise<void>;
  hooksOf(environmentId: string): Promise<HookRecord[]>;
  updateHookSecret(
    environmentId: string,
    hookId: string,
    secretCiphertext: string,
    rotatedAtMs: number,
  ): Promise<HookRecord | undefined>;
  deleteHook(environmentId: string, hookId: string): Promise<HookRecord | undefined>;
  hookTarget(hookId: string): Promise<HookTarget | undefined>;
  claimDelivery(delivery: NewDelivery): Promise<number | null>;
  seenDelivery(hookId: string, deliveryId: string): Promise<HookDeliveryInRecord | undefined>;
  reclaimDelivery(id: number, atMs: number): Promise<boolean>;
  releaseDelivery(id: number): Promise<void>;
  noteHead(id: number, head: PushedHead): Promise<void>;
  finishDelivery(id: number, result: string, deploymentId: string | null): Promise<void>;
  newerPushSeen(hookId: string, id: number, head: PushedHead, sinceMs: number): Promise<boolean>;
  recordRefusedDelivery(
    delivery: NewDelivery & { result: string },
    sinceMs: number,
    max: number,
  ): Promise<boolean>;
  deliveriesOf(hookId: string, limit: number): Promise<HookDeliveryInRecord[]>;
  insertAudit(entry: AuditEntryRecord): Promise<void>;
  insertSecurityEvent(event: SecurityEventRecord): Promise<void>;
}

export interface HookStore extends HookQueries {
  transaction<T>(run: (queries: HookQueries) => Promise<T>): Promise<T>;
}

/** Where a hook's secret is kept, as the secret box is told. */
export const hookSecretPlace = (hookId: string): string => `hook:${hookId}`;
