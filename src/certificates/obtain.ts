import { certificateKeyPlace } from "../domain/certificate.ts";
import { coversHost, isWildcard, parentNames } from "../domain/host-name.ts";
import type { CertificateRecord } from "../domain/records.ts";
import { AppError, publicMessageOf } from "../errors.ts";
import { forgetAccount, newKey, openAccount, pauseAccount } from "./account.ts";
import { finishOrder, newOrder } from "./acme/order.ts";
import { AcmeProblem } from "./acme/problem.ts";
import { attemptPauseMs, earliestRenewalMs, renewAtMs } from "./back-off.ts";
import type { AcmeSettings, CertificateDeps } from "./deps.ts";
import { authorityHost, LeadsNowhere, reasonOf } from "./reason-of.ts";
import { sleepUntilAborted } from "./sleep.ts";
import { solversFor } from "./solvers.ts";
import { readChain } from "./x509.ts";

export interface AttemptResult {
  issued: boolean;
  /** Whether the authority was asked for an order. */
  ordered: boolean;
}

/** The edge was away: nothing was asked of the authority that failed. */
const edgePauseMs = 10_000;
/** Looking a name up costs the authority nothing, and who installs Croft often adds the records last. */
const nowherePauseMs = 10 * 60_000;
const rateLimitedPauseMs = 3_600_000;
/** The authority knows its new certificate by then. */
const firstRenewalCheckMs = 60_000;

/**
 * One try to get or renew the certificate of a row. Whatever happens is written into the row: the certificate and
 * when to renew it, or the error and when to try again. An order under way is kept with its key before it goes on,
 * so that a try after a crash takes it up.
 */
export const obtainCertificate = async (
  deps: CertificateDeps,
  acme: AcmeSettings,
  row: CertificateRecord & { name: string },
  signal: AbortSignal,
): Promise<AttemptResult> => {
  let resumed = row.orderUrl !== null && row.directory === acme.directoryUrl;
  const asked = { ordered: false };
  for (let again = false; ; again = true) {
    try {
      await checkName(deps, row.name);
      await order(deps, acme, row, resumed, asked, signal);
      deps.log.info("certificate issued", { name: row.name, renewal: row.chain !== null });
      return { issued: true, ...asked };
    } catch (error) {
      if (signal.aborted) return { issued: false, ...asked };
      if (again || !isForgotten(error, resumed)) {
        await noteFailure(deps, acme, row, error);
        return { issued: false, ...asked };
      }
      // Made anew at once: what the authority forgot is no failure of the name.
      await forgetAccount(deps, acme.directoryUrl);
      resumed = false;
    }
  }
};

/** The authority knows nothing (any more) of the account, or of the order that an earlier try left. */
const isForgotten = (error: unknown, resumed: boolean): boolean =>
  error instanceof AcmeProblem &&
  (error.type === "accountDoesNotExist" ||
    (resumed && error.status >= 400 && error.status < 500 && error.status !== 429));

/** A name that leads nowhere would fail at the authority, which counts failures. */
const checkName = async (deps: CertificateDeps, name: string): Promise<void> => {
  if (isWildcard(name)) return;
  // When no name server answers here, the authority's may.
  const addresses = await deps.resolve(name).catch(() => null);
  if (addresses?.length === 0)
    throw new LeadsNowhere("it leads nowhere yet: it has neither an A nor an AAAA record");
};

const order = async (
  deps: CertificateDeps,
  acme: AcmeSettings,
  row: CertificateRecord & { name: string },
  resumed: boolean,
  asked: { ordered: boolean },
  signal: AbortSignal,
): Promise<void> => {
  const { store, secretBox, clock } = deps;
  const place = certificateKeyPlace(row.id);
  const client = await openAccount(deps, acme, signal);
  let orderUrl = row.orderUrl!;
  let keyCiphertext = row.orderKeyCiphertext!;
  if (!resumed) {
    asked.ordered = true;
    const replaces = row.directory === acme.directoryUrl ? row.chain : null;
    orderUrl = await newOrder(client, row.name, replaces);
    keyCiphertext = await secretBox.seal(newKey(), place);
    await store.updateCertificate(row.id, {
      directory: acme.directoryUrl,
      orderUrl,
      orderKeyCiphertext: keyCiphertext,
      // Taken up again by the next start, whatever it was ordered for.
      nextAttemptAt: clock.nowMs(),
      updatedAt: clock.nowMs(),
    });
  }
  const key = await secretBox.open(keyCiphertext, place);
  const chain = await finishOrder(
    {
      client,
      solvers: await solversFor(deps, row, signal),
      resumed,
      sleep: (ms) => sleepUntilAborted(ms, signal),
      monotonicMs: clock.monotonicMs,
    },
    orderUrl,
    row.name,
    key,
  );
  const facts = read(chain, key);
  if (!facts.names.some((name) => name === row.name || coversHost(name, row.name)))
    throw new AcmeProblem("orderInvalid", `the certificate is for ${facts.names.join(", ")}`, 0, null);
  await store.updateCertificate(row.id, {
    names: JSON.stringify(facts.names),
    issuer: facts.issuer,
    fingerprint: facts.fingerprint,
    notBefore: facts.notBeforeMs,
    notAfter: facts.notAfterMs,
    chain: facts.chain,
    keyCiphertext,
    keyVersion: secretBox.keyVersion,
    directory: acme.directoryUrl,
    orderUrl: null,
    orderKeyCiphertext: null,
    attempts: 0,
    lastError: null,
    lastErrorAt: null,
    nextAttemptAt: Math.max(
      renewAtMs(facts.notBeforeMs, facts.notAfterMs, deps.random()),
      earliestRenewalMs(clock.nowMs(), facts.notBeforeMs, facts.notAfterMs),
    ),
    renewalCheckAt: clock.nowMs() + firstRenewalCheckMs,
    updatedAt: clock.nowMs(),
  });
};

/** What cannot be served will not be better when the same order is looked at again. */
const read = (chain: string, key: string): ReturnType<typeof readChain> => {
  try {
    return readChain(chain, key);
  } catch (error) {
    throw new AcmeProblem(
      "orderInvalid",
      `what it issued cannot be used (${publicMessageOf(error)})`,
      0,
      null,
    );
  }
};

const noteFailure = async (
  deps: CertificateDeps,
  acme: AcmeSettings,
  row: CertificateRecord & { name: string },
  error: unknown,
): Promise<void> => {
  const nowMs = deps.clock.nowMs();
  const problem = error instanceof AcmeProblem ? error : null;
  const message = reasonOf(error, acme);
  deps.log.warn("a certificate could not be had yet", { name: row.name, problem: message, error });
  const failed = { lastError: message, lastErrorAt: nowMs, updatedAt: nowMs };
  if (error instanceof AppError && error.code === "unavailable") {
    await deps.store.updateCertificate(row.id, { ...failed, nextAttemptAt: nowMs + edgePauseMs });
    return;
  }
  const limited = problem?.type === "rateLimited" || problem?.status === 429;
  const isOfTheName = limited && names(problem, row.name);
  const askedMs = problem?.retryAfterMs ?? (limited ? rateLimitedPauseMs : 0);
  const attempts = row.attempts + 1;
  const backOffMs = attemptPauseMs(attempts, deps.random());
  const pauseMs = error instanceof LeadsNowhere ? Math.min(nowherePauseMs, backOffMs) : backOffMs;
  await deps.store.updateCertificate(row.id, {
    ...failed,
    ...(problem?.type === "orderInvalid" ? { orderUrl: null, orderKeyCiphertext: null } : {}),
    attempts,
    nextAttemptAt: Math.floor(nowMs + Math.max(pauseMs, askedMs)),
  });
  // Other limits are the account's, or the machine's.
  if (askedMs > 0 && !isOfTheName)
    await pauseAll(deps, acme, row, Math.floor(nowMs + Math.min(askedMs, rateLimitedPauseMs)), message);
};

/**
 * Whether the authority speaks of the name, or of the domain that it lies under: failures of one name, or too many
 * certificates of one domain. Those are its owner's alone; else whoever tries too often would stop everybody.
 */
const names = ({ detail }: AcmeProblem, name: string): boolean =>
  /\bexact set\b/.test(detail) ||
  [name, ...parentNames(name)].some((one) => detail.toLowerCase().includes(one));

/** Names that have no certificate yet say what they wait for, and until when. */
const pauseAll = async (
  deps: CertificateDeps,
  acme: AcmeSettings,
  refused: CertificateRecord,
  untilMs: number,
  reason: string,
): Promise<void> => {
  const nowMs = deps.clock.nowMs();
  await pauseAccount(deps, acme.directoryUrl, untilMs, reason);
  for (const row of await deps.store.certificates())
    if (
      row.source === "acme" &&
      row.chain === null &&
      row.id !== refused.id &&
      (row.nextAttemptAt ?? 0) < untilMs
    )
      await deps.store.updateCertificate(row.id, {
        // So that another authority does not wait for this one.
        directory: acme.directoryUrl,
        // Without its reason, which may tell of somebody else's name.
        lastError: `it waits its turn: the certificate authority ${authorityHost(acme)} asked for patience`,
        lastErrorAt: nowMs,
        nextAttemptAt: untilMs,
        updatedAt: nowMs,
      });
};
