import type { CertificateRecord } from "../domain/records.ts";
import { openAccount } from "./account.ts";
import { earliestRenewalMs } from "./back-off.ts";
import { AcmeProblem } from "./acme/problem.ts";
import { renewalInfo, type RenewalInfo } from "./acme/renewal-info.ts";
import type { AcmeSettings, CertificateDeps } from "./deps.ts";

const minute = 60_000;
const day = 24 * 60 * minute;
/** Asked again after so long where the authority does not say, or does not answer. */
const usualPauseMs = 6 * 60 * minute;

/** Within what RFC 9773 section 4.3 calls sensible. */
const checkPauseMs = (retryAfterMs: number | null): number =>
  Math.min(day, Math.max(minute, retryAfterMs ?? usualPauseMs));

/**
 * When to renew, by the authority's window: at random inside it, so that not all come at once. A time that was
 * chosen before and is inside still stays. Never in the last tenth of the life, whatever the window says.
 * @param random from 0 to 1
 */
export const renewalTimeMs = (
  window: Pick<RenewalInfo, "startMs" | "endMs">,
  life: { notBeforeMs: number; notAfterMs: number },
  presentMs: number | null,
  random: number,
): number => {
  const latestMs = life.notAfterMs - (life.notAfterMs - life.notBeforeMs) / 10;
  const isInside = presentMs !== null && presentMs >= window.startMs && presentMs <= window.endMs;
  const chosenMs = isInside ? presentMs : window.startMs + random * (window.endMs - window.startMs);
  return Math.floor(Math.min(chosenMs, latestMs));
};

/** Asks the authority when it wants this certificate to be renewed, and writes that down. */
export const checkRenewalTime = async (
  deps: CertificateDeps,
  acme: AcmeSettings,
  row: CertificateRecord & { chain: string },
  signal: AbortSignal,
): Promise<void> => {
  const nowMs = deps.clock.nowMs();
  let renewalCheckAt = nowMs + checkPauseMs(null);
  let patch: Partial<CertificateRecord> = {};
  try {
    const client = await openAccount(deps, acme, signal);
    const info = await renewalInfo(client, row.chain);
    if (info === null) renewalCheckAt = nowMs + day;
    else {
      renewalCheckAt = nowMs + checkPauseMs(info.retryAfterMs);
      const life = { notBeforeMs: row.notBefore!, notAfterMs: row.notAfter! };
      const nextAttemptAt = Math.max(
        renewalTimeMs(info, life, row.nextAttemptAt, deps.random()),
        earliestRenewalMs(row.updatedAt, row.notBefore!, row.notAfter!),
      );
      if (info.explanationUrl !== null && nextAttemptAt !== row.nextAttemptAt)
        deps.log.info("the certificate authority wants a certificate to be renewed at another time", {
          name: row.name,
          explanation: info.explanationUrl,
        });
      // A renewal that has failed waits its turn.
      if (row.attempts === 0) patch = { nextAttemptAt };
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof AcmeProblem && error.retryAfterMs !== null)
      renewalCheckAt = nowMs + checkPauseMs(error.retryAfterMs);
    deps.log.warn("the certificate authority did not say when to renew", { name: row.name, error });
  }
  await deps.store.updateCertificate(row.id, { ...patch, renewalCheckAt });
};
