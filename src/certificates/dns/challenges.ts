import { createHash } from "node:crypto";
import type { Clock } from "../../domain/clock.ts";
import { isWithin } from "../../domain/host-name.ts";
import type { Log } from "../../domain/log.ts";
import type { DnsProviderRecord } from "../../domain/records.ts";
import type { SecretBox } from "../deps.ts";
import { sleepUntilAborted } from "../sleep.ts";
import { type DnsLookup, waitUntilShown } from "./authoritative.ts";
import type { DnsProvider } from "./provider.ts";
import { dnsSecretPlace, openProvider } from "./providers.ts";

/** Why a record could not be put where the authority looks for it, in words for people. */
export class DnsChallengeError extends Error {}

export interface DnsChallenges {
  /** Whether records can be put for a domain: `example.org` for `*.example.org`. */
  covers(domain: string): Promise<boolean>;
  /**
   * Returns once every name server shows the answer (RFC 8555 section 8.4). @returns takes it away again
   * @throws DnsChallengeError
   */
  present(domain: string, keyAuthorization: string, signal: AbortSignal): Promise<() => Promise<void>>;
  /** Takes away an answer that an earlier process may have left; what fails is logged. */
  tidy(domain: string, keyAuthorization: string): Promise<void>;
}

export interface DnsChallengeDeps {
  store: {
    dnsProviders(): Promise<DnsProviderRecord[]>;
    updateDnsProvider(id: string, patch: Pick<DnsProviderRecord, "usedAt" | "lastError">): Promise<void>;
  };
  secretBox: Pick<SecretBox, "open">;
  clock: Clock;
  log: Log;
  userAgent: string;
  lookup: DnsLookup;
}

const mostAliases = 8;
const cleanUpMs = 20_000;

export const challengeName = (domain: string): string => `_acme-challenge.${domain}`;

export const createDnsChallenges = (deps: DnsChallengeDeps): DnsChallenges => {
  /** The name that records go to, over CNAMEs, and the provider whose zone is the closest around it. */
  const placeFor = async (domain: string): Promise<{ name: string; row: DnsProviderRecord } | null> => {
    const rows = await deps.store.dnsProviders();
    if (rows.length === 0) return null;
    let name = challengeName(domain);
    for (let hops = 0; hops < mostAliases; hops++) {
      const next = await deps.lookup.alias(name).catch(() => null);
      if (next === null || next === name) break;
      name = next;
    }
    const [row] = rows
      .filter(({ zone }) => isWithin(name, zone))
      .toSorted((a, b) => b.zone.length - a.zone.length);
    return row ? { name, row } : null;
  };

  return {
    covers: async (domain) => (await placeFor(domain)) !== null,
    present: async (domain, keyAuthorization, signal) => {
      const place = await placeFor(domain);
      if (!place)
        throw new DnsChallengeError(
          `no DNS provider covers ${challengeName(domain)}: let it lead into a zone of one by a CNAME record`,
        );
      return presentRecord(deps, place.row, place.name, recordValue(keyAuthorization), signal);
    },
    tidy: async (domain, keyAuthorization) => {
      const place = await placeFor(domain);
      if (place) await takeAway(deps, await open(deps, place.row), place.name, recordValue(keyAuthorization));
    },
  };
};

const recordValue = (keyAuthorization: string): string =>
  createHash("sha256").update(keyAuthorization).digest("base64url");

const open = async (deps: DnsChallengeDeps, row: DnsProviderRecord): Promise<DnsProvider> => {
  const secret = await deps.secretBox.open(row.secretCiphertext, dnsSecretPlace(row.id));
  return openProvider(row, secret, { nowMs: deps.clock.nowMs, userAgent: deps.userAgent });
};

const takeAway = async (
  { log }: DnsChallengeDeps,
  provider: DnsProvider,
  name: string,
  value: string,
): Promise<void> => {
  try {
    // Also when everything is stopping: a record that stays would be there for ever.
    await provider.cleanUp(name, value, AbortSignal.timeout(cleanUpMs));
  } catch (error) {
    log.warn("a DNS record could not be taken away again", { name, error });
  }
};

/** Puts a record in place and waits until it is seen; what came of it is kept with the provider. */
export const presentRecord = async (
  deps: DnsChallengeDeps,
  row: DnsProviderRecord,
  name: string,
  value: string,
  signal: AbortSignal,
  patienceMs = 120_000,
): Promise<() => Promise<void>> => {
  const { store, clock } = deps;
  const provider = await open(deps, row);
  const withdraw = () => takeAway(deps, provider, name, value);
  try {
    await provider.present(name, value, signal);
    try {
      await waitUntilShown(
        {
          lookup: deps.lookup,
          sleep: (ms) => sleepUntilAborted(ms, signal),
          monotonicMs: clock.monotonicMs,
          patienceMs,
          signal,
        },
        row.zone,
        name,
        value,
        provider.server,
      );
    } catch (error) {
      await withdraw();
      throw error;
    }
  } catch (error) {
    signal.throwIfAborted();
    const message = (error as Error).message;
    await store.updateDnsProvider(row.id, { usedAt: clock.nowMs(), lastError: message });
    throw new DnsChallengeError(message, { cause: error });
  }
  await store.updateDnsProvider(row.id, { usedAt: clock.nowMs(), lastError: null });
  return withdraw;
};
