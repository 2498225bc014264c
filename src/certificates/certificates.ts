import { type HostToServe, servingCertificate } from "../domain/certificate.ts";
import { mayHaveCertificate } from "../domain/host-name.ts";
import { namesToOrder } from "./names-to-order.ts";
import { newId } from "../domain/id.ts";
import type { CertificateRecord } from "../domain/records.ts";
import type { CertificateDeps } from "./deps.ts";
import { chooseCertificates, handOver, type HandedOver } from "./hand-over.ts";
import { obtainCertificate } from "./obtain.ts";

export interface Certificates {
  /** Reads which names have a certificate, so that routes and addresses are right from the first on. */
  load(): Promise<void>;
  /** Runs until the signal: hands over, orders and renews, one order at a time. Resolves when it came to rest. */
  start(signal: AbortSignal): Promise<void>;
  /** Names, certificates or domains changed, or the edge was started anew: looks again soon. */
  kick(): void;
  /** Whether a host name is served over HTTPS. */
  isSecured(host: string): boolean;
  /**
   * A person asks for another try now. It is made unless the last one was a moment ago or the authority asked for
   * patience. @returns whether there will be one
   */
  retry(name: string): Promise<boolean>;
}

const idleMs = 10 * 60_000;
const edgeRetryMs = 1_000;
/** An uploaded certificate that ends so soon is about to be replaced by an automatic one. */
const uploadLeadMs = 7 * 24 * 3_600_000;
/** A person's own tries are that far apart. */
const retryPauseMs = 60_000;

export const createCertificates = (deps: CertificateDeps): Certificates => {
  const { store, clock, log } = deps;
  let secured: ReadonlySet<string> = new Set();
  let handedOver: HandedOver | null = null;
  let pausedUntilMs = 0;
  let wake: () => void = () => {};
  let kicked = false;

  const securedNow = async (): Promise<Set<string>> =>
    new Set(chooseCertificates(await deps.wantedNames(), await store.certificates(), clock.nowMs()).keys());

  /** @returns false when the edge did not take them */
  const deliver = async (wanted: HostToServe[], rows: CertificateRecord[]): Promise<boolean> => {
    if (deps.edge === null) return true;
    const chosen = chooseCertificates(wanted, rows, clock.nowMs());
    try {
      handedOver = await handOver({ ...deps, edge: deps.edge }, chosen, handedOver);
    } catch (error) {
      log.warn("the edge has not taken the certificates yet", { error });
      return false;
    }
    secured = new Set(chosen.keys());
    return true;
  };

  /** Rows of names that are to have an automatic certificate; makes those that are missing. */
  const automaticRows = async (
    wanted: HostToServe[],
    rows: CertificateRecord[],
    directory: string,
  ): Promise<(CertificateRecord & { name: string })[]> => {
    const nowMs = clock.nowMs();
    const uploaded = rows.filter((row) => row.source === "upload");
    const hosts = wanted.filter(
      (host) =>
        host.automatic &&
        mayHaveCertificate(host.name) &&
        (servingCertificate(host, uploaded, nowMs)?.notAfter ?? 0) < nowMs + uploadLeadMs,
    );
    const automatic = rows.filter((row) => row.source === "acme");
    const byName = new Map(automatic.map((row) => [row.name, row]));
    const base = `*.${deps.baseDomain}`;
    const names = namesToOrder(hosts, byName, (await deps.dns.covers(deps.baseDomain)) ? base : null, nowMs);
    for (const name of names) if (!byName.has(name)) byName.set(name, await addRow(name, nowMs));
    // Another authority was configured: what it gives replaces what there is, in its turn.
    for (const row of byName.values())
      if (row.directory !== null && row.directory !== directory && row.attempts === 0)
        row.nextAttemptAt = nowMs;
    const gone = automatic.filter((row) => !names.includes(row.name!) && (row.notAfter ?? 0) <= nowMs);
    await store.deleteCertificatesById(gone.map((row) => row.id));
    return names.map((name) => byName.get(name) as CertificateRecord & { name: string });
  };

  const addRow = async (name: string, nowMs: number): Promise<CertificateRecord> => {
    const row: CertificateRecord = {
      id: newId("crt", nowMs),
      source: "acme",
      environmentId: null,
      name,
      names: null,
      issuer: null,
      fingerprint: null,
      notBefore: null,
      notAfter: null,
      chain: null,
      keyCiphertext: null,
      keyVersion: null,
      directory: null,
      orderUrl: null,
      orderKeyCiphertext: null,
      attempts: 0,
      lastError: null,
      lastErrorAt: null,
      nextAttemptAt: nowMs,
      renewalCheckAt: null,
      createdAt: nowMs,
      updatedAt: nowMs,
    };
    await store.insertCertificate(row);
    return row;
  };

  /** @returns how long to wait until the next pass */
  const pass = async (signal: AbortSignal): Promise<number> => {
    const wanted = await deps.wantedNames();
    const rows = await store.certificates();
    if (!(await deliver(wanted, rows))) return edgeRetryMs;
    if (deps.acme === null || deps.edge === null) return idleMs;
    const candidates = (await automaticRows(wanted, rows, deps.acme.directoryUrl)).toSorted(
      // Names without a certificate go before renewals.
      (a, b) =>
        Number(a.chain !== null) - Number(b.chain !== null) ||
        (a.nextAttemptAt ?? 0) - (b.nextAttemptAt ?? 0),
    );
    const nowMs = clock.nowMs();
    const due = candidates.find((row) => (row.nextAttemptAt ?? 0) <= nowMs);
    if (due && pausedUntilMs <= nowMs) {
      const { pauseAllUntilMs } = await obtainCertificate(deps, deps.acme, due, signal);
      pausedUntilMs = pauseAllUntilMs ?? pausedUntilMs;
      return 0;
    }
    const nextMs = Math.min(Infinity, ...candidates.map((row) => row.nextAttemptAt ?? nowMs));
    return Math.max(0, Math.min(idleMs, Math.max(nextMs, pausedUntilMs) - nowMs));
  };

  const pause = (ms: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end, { once: true });
      wake = end;
      if (kicked || signal.aborted) end();
    });

  return {
    load: async () => {
      if (deps.edge !== null) secured = await securedNow();
    },
    start: async (signal) => {
      while (!signal.aborted) {
        kicked = false;
        let pauseMs: number;
        try {
          pauseMs = await pass(signal);
        } catch (error) {
          if (signal.aborted) return;
          log.error("certificates could not be looked after; the next pass tries again", { error });
          pauseMs = 10_000;
        }
        if (pauseMs > 0) await pause(pauseMs, signal);
      }
    },
    kick: () => {
      kicked = true;
      wake();
    },
    isSecured: (host) => secured.has(host),
    retry: async (name) => {
      const row = (await store.certificates()).find((one) => one.source === "acme" && one.name === name);
      const nowMs = clock.nowMs();
      if (!row || row.lastError === null || row.nextAttemptAt === null || row.nextAttemptAt <= nowMs)
        return row !== undefined && row.lastError !== null;
      if (pausedUntilMs > nowMs || nowMs - (row.lastErrorAt ?? 0) < retryPauseMs) return false;
      await store.updateCertificate(row.id, { nextAttemptAt: nowMs });
      kicked = true;
      wake();
      return true;
    },
  };
};
