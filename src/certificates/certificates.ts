import type { HostToServe } from "../domain/certificate.ts";
import type { CertificateRecord } from "../domain/records.ts";
import { type AutomaticRow, automaticRows } from "./automatic-rows.ts";
import type { CertificateDeps } from "./deps.ts";
import { chooseCertificates, handOver, type HandedOver } from "./hand-over.ts";
import { obtainCertificate } from "./obtain.ts";
import { checkRenewalTime } from "./renewal-time.ts";
import { createTurns } from "./turns.ts";

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
/** Doubled with each failure in a row; an edge that is back asks for another pass itself. */
const edgeRetryMs = 1_000;
const mostEdgeRetryMs = 60_000;
/**
 * A person's own tries are that far apart: Let's Encrypt takes five failures of a name at once, then one in twelve
 * minutes, and the tries made by themselves count too.
 */
const retryPauseMs = (attempts: number): number => (attempts < 3 ? 60_000 : 12 * 60_000);
/** What is further ahead than any pause was written while the clock was wrong. */
const farMs = 2 * 24 * 3_600_000;

export const createCertificates = (deps: CertificateDeps): Certificates => {
  const { store, clock, log } = deps;
  let secured: ReadonlySet<string> = new Set();
  let handedOver: HandedOver | null = null;
  const turns = createTurns();
  let wake: () => void = () => {};
  let kicked = false;
  let refusals = 0;

  const pausedUntilMs = async (directory: string): Promise<number> => {
    const untilMs = (await store.acmeAccount(directory))?.pausedUntil ?? 0;
    return untilMs > clock.nowMs() + farMs ? 0 : untilMs;
  };

  const securedNow = async (): Promise<Set<string>> =>
    new Set(chooseCertificates(await deps.wantedNames(), await store.certificates(), clock.nowMs()).keys());

  /** @returns false when the edge did not take them */
  const deliver = async (wanted: HostToServe[], rows: CertificateRecord[]): Promise<boolean> => {
    if (deps.edge === null) return true;
    const chosen = chooseCertificates(wanted, rows, clock.nowMs());
    try {
      handedOver = await handOver({ ...deps, edge: deps.edge }, chosen, handedOver);
    } catch (error) {
      refusals++;
      log.warn("the edge has not taken the certificates yet", { error });
      return false;
    }
    refusals = 0;
    secured = new Set(chosen.keys());
    return true;
  };

  /** @returns how long to wait until the next pass */
  const pass = async (signal: AbortSignal): Promise<number> => {
    const wanted = await deps.wantedNames();
    const rows = await store.certificates();
    if (!(await deliver(wanted, rows))) return Math.min(mostEdgeRetryMs, edgeRetryMs * 2 ** (refusals - 1));
    if (deps.acme === null || deps.edge === null) return idleMs;
    const { acme } = deps;
    const candidates = await automaticRows(deps, wanted, rows, acme.directoryUrl);
    const nowMs = clock.nowMs();
    const waitsUntilMs = Math.max(await pausedUntilMs(acme.directoryUrl), turns.fullUntilMs(nowMs));
    if (waitsUntilMs <= nowMs) {
      const owners = new Map(wanted.map((host) => [host.name, host.environmentId]));
      const ownerOf = (name: string) => owners.get(name) ?? null;
      const due = turns.next(candidates, ownerOf, nowMs);
      if (due) {
        const { ordered } = await obtainCertificate(deps, acme, due, signal);
        turns.taken(ownerOf(due.name), ordered, nowMs);
        return 0;
      }
      const unasked = candidates.find(
        (row): row is AutomaticRow & { chain: string } =>
          row.chain !== null &&
          row.directory === acme.directoryUrl &&
          ((row.renewalCheckAt ?? 0) <= nowMs || row.renewalCheckAt! > nowMs + farMs),
      );
      if (unasked) {
        await checkRenewalTime(deps, acme, unasked, signal);
        return 0;
      }
    }
    const nextMs = Math.min(
      Infinity,
      ...candidates.map((row) =>
        Math.min(row.nextAttemptAt ?? nowMs, row.chain === null ? Infinity : (row.renewalCheckAt ?? nowMs)),
      ),
    );
    return Math.max(0, Math.min(idleMs, Math.max(nextMs, waitsUntilMs) - nowMs));
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
      for (let failures = 0; !signal.aborted;) {
        kicked = false;
        let pauseMs: number;
        try {
          pauseMs = await pass(signal);
          failures = 0;
        } catch (error) {
          if (signal.aborted) return;
          log.error("certificates could not be looked after; the next pass tries again", { error });
          // Each may have cost an order that could not be written down.
          pauseMs = Math.min(idleMs, 10_000 * 2 ** failures++);
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
      const paused = deps.acme !== null && (await pausedUntilMs(deps.acme.directoryUrl)) > nowMs;
      if (paused || nowMs - (row.lastErrorAt ?? 0) < retryPauseMs(row.attempts)) return false;
      await store.updateCertificate(row.id, { nextAttemptAt: nowMs });
      kicked = true;
      wake();
      return true;
    },
  };
};
