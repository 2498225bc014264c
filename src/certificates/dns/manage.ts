import { isIP } from "node:net";
import { z } from "zod";
import type { Actor } from "../../domain/actor.ts";
import { auditEntry } from "../../domain/audit.ts";
import { isoOrNull } from "../../domain/deployment-view.ts";
import { actorLabel } from "../../domain/actor.ts";
import { isWithin, parseHostName } from "../../domain/host-name.ts";
import { newId } from "../../domain/id.ts";
import type { AuditEntryRecord, DnsProviderRecord } from "../../domain/records.ts";
import type { DnsProviderView } from "../../domain/views.ts";
import { conflict, notFound } from "../../errors.ts";
import type { SecretBox } from "../deps.ts";
import { challengeName, type DnsChallengeDeps, DnsChallengeError, presentRecord } from "./challenges.ts";
import { dnsSecretPlace, rfc2136Settings, webhookSettings } from "./providers.ts";
import { tsigAlgorithms } from "./tsig.ts";

const zone = z
  .string({ error: "must be a zone such as example.org" })
  .max(300, "must be at most 253 characters")
  .transform((text, context): string => {
    const parsed = parseHostName(text);
    if ("name" in parsed) return parsed.name;
    context.addIssue({ code: "custom", message: parsed.problem });
    return z.NEVER;
  });

const noServer = "must be the address of a name server, such as 192.0.2.53 or 192.0.2.53:5353";
const server = z.string({ error: noServer }).transform((text, context): { host: string; port: number } => {
  const whole = text.trim();
  if (isIP(whole) !== 0) return { host: whole, port: 53 };
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:[\]]+))(?::(\d{1,5}))?$/i.exec(whole);
  const host = match?.[1] ?? match?.[2] ?? "";
  const port = Number(match?.[3] ?? 53);
  if ((isIP(host) === 0 && !("name" in parseHostName(host))) || port < 1 || port > 65_535) {
    context.addIssue({ code: "custom", message: noServer });
    return z.NEVER;
  }
  return { host, port };
});

const secretText = z.string({ error: "is required" }).min(1, "is required").max(1_000, "is too long");

export const addDnsProviderSchema = z.discriminatedUnion(
  "kind",
  [
    z.strictObject({
      kind: z.literal("rfc2136"),
      zone,
      server,
      keyName: z
        .string()
        .min(1, "is required")
        .max(253)
        .regex(/^[A-Za-z0-9_.-]+$/, "must be the name of a key, such as croft"),
      algorithm: z
        .enum(tsigAlgorithms, { error: `must be one of ${tsigAlgorithms.join(", ")}` })
        .default("hmac-sha256"),
      secret: secretText.regex(
        /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/,
        "must be base64, as tsig-keygen prints it",
      ),
    }),
    z.strictObject({
      kind: z.literal("webhook"),
      zone,
      // What stands there besides would be shown, and kept in the audit log.
      url: z
        .url({ protocol: /^https?$/, error: "must be an http:// or https:// address" })
        .max(1_000)
        .refine((text) => !/[@?#]/.test(text), "must be an address alone: user name and password are apart"),
      username: z.string().max(200).default(""),
      secret: secretText,
    }),
  ],
  { error: "must be rfc2136 or webhook" },
);
export type AddDnsProviderInput = z.infer<typeof addDnsProviderSchema>;

interface ProviderQueries {
  dnsProviders(): Promise<DnsProviderRecord[]>;
  insertDnsProvider(provider: DnsProviderRecord): Promise<boolean>;
  deleteDnsProvider(zone: string): Promise<boolean>;
  insertAudit(entry: AuditEntryRecord): Promise<void>;
}

/** Who calls these has made sure that the actor is an operator. */
export interface DnsProviderDeps extends DnsChallengeDeps {
  store: DnsChallengeDeps["store"] &
    ProviderQueries & { transaction<T>(run: (queries: ProviderQueries) => Promise<T>): Promise<T> };
  secretBox: SecretBox;
  baseDomain: string;
  /** Names that can be had now may not have been so before. */
  onChange(): void;
}

const mostProviders = 100;
/** A person waits for a test, and what stands between waits a minute. */
const testMs = 45_000;

const viewOf = (row: DnsProviderRecord): DnsProviderView => {
  const settings: unknown = JSON.parse(row.settings);
  const facts =
    row.kind === "webhook"
      ? { ...webhookSettings.parse(settings), server: null, keyName: null, algorithm: null }
      : (({ host, port, keyName, algorithm }) => ({
          server: port === 53 ? host : `${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
          keyName,
          algorithm,
          url: null,
          username: null,
        }))(rfc2136Settings.parse(settings));
  return {
    zone: row.zone,
    kind: row.kind,
    ...facts,
    usedAt: isoOrNull(row.usedAt),
    error: row.lastError,
    createdAt: new Date(row.createdAt).toISOString(),
    createdBy: row.createdBy,
  };
};

export const listDnsProviders = async (deps: DnsProviderDeps): Promise<DnsProviderView[]> =>
  (await deps.store.dnsProviders()).map(viewOf);

/** Its secret is sealed and never shown again. @throws AppError `conflict` when the zone has one */
export const addDnsProvider = async (
  deps: DnsProviderDeps,
  actor: Actor,
  input: AddDnsProviderInput,
): Promise<DnsProviderView> => {
  const nowMs = deps.clock.nowMs();
  const id = newId("dns", nowMs);
  const settings =
    input.kind === "webhook"
      ? { url: input.url, username: input.username }
      : {
          ...input.server,
          keyName: input.keyName.replace(/\.$/, "").toLowerCase(),
          algorithm: input.algorithm,
        };
  const row: DnsProviderRecord = {
    id,
    zone: input.zone,
    kind: input.kind,
    settings: JSON.stringify(settings),
    secretCiphertext: await deps.secretBox.seal(input.secret, dnsSecretPlace(id)),
    keyVersion: deps.secretBox.keyVersion,
    usedAt: null,
    lastError: null,
    createdAt: nowMs,
    createdBy: actorLabel(actor),
  };
  await deps.store.transaction(async (queries) => {
    if ((await queries.dnsProviders()).length >= mostProviders)
      throw conflict(`there can be at most ${mostProviders} DNS providers`);
    if (!(await queries.insertDnsProvider(row)))
      throw conflict(`zone: ${row.zone} has a DNS provider already; remove it first`);
    const after = { zone: row.zone, kind: row.kind, ...settings, secret: "(secret)" };
    await queries.insertAudit(
      auditEntry(actor, "dns-provider.add", { type: "dns-provider", id }, { after }, nowMs),
    );
  });
  deps.onChange();
  return viewOf(row);
};

const rowOf = async (deps: DnsProviderDeps, zoneName: string): Promise<DnsProviderRecord> => {
  const row = (await deps.store.dnsProviders()).find((one) => one.zone === zoneName.toLowerCase());
  if (!row) throw notFound(`the DNS provider of ${zoneName}`);
  return row;
};

/** @throws AppError `not_found` */
export const removeDnsProvider = async (
  deps: DnsProviderDeps,
  actor: Actor,
  zoneName: string,
): Promise<void> => {
  const row = await rowOf(deps, zoneName);
  await deps.store.transaction(async (queries) => {
    if (!(await queries.deleteDnsProvider(row.zone))) throw notFound(`the DNS provider of ${zoneName}`);
    await queries.insertAudit(
      auditEntry(
        actor,
        "dns-provider.remove",
        { type: "dns-provider", id: row.id },
        { before: { zone: row.zone } },
        deps.clock.nowMs(),
      ),
    );
  });
  deps.onChange();
};

/**
 * Puts a record where one would stand for a certificate, waits until it is seen, takes it away again.
 * @throws AppError `not_found`; what went wrong is in the answer
 */
export const testDnsProvider = async (
  deps: DnsProviderDeps,
  zoneName: string,
  signal: AbortSignal,
): Promise<{ ok: boolean; record: string; error: string | null }> => {
  const row = await rowOf(deps, zoneName);
  const record = challengeName(isWithin(deps.baseDomain, row.zone) ? deps.baseDomain : row.zone);
  const value = `croft-test-${newId("dns", deps.clock.nowMs())}`;
  try {
    const withdraw = await presentRecord(deps, row, record, value, signal, testMs);
    await withdraw();
    deps.onChange();
    return { ok: true, record, error: null };
  } catch (error) {
    if (!(error instanceof DnsChallengeError)) throw error;
    return { ok: false, record, error: error.message };
  }
};
