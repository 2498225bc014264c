import { generateKeyPairSync } from "node:crypto";
import { type AcmeClient, createAcmeClient } from "./acme/client.ts";
import type { AcmeSettings, CertificateDeps } from "./deps.ts";

/** P-256, PKCS #8 in PEM. */
export const newKey = (): string =>
  generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({
    type: "pkcs8",
    format: "pem",
  }) as string;

const accountKeyPlace = (directory: string): string => `acme-account:${directory}`;

/**
 * A client with this installation's account at the authority, which is made at the first use. The key is kept
 * before the authority hears of it: after a crash in between, the same key finds the same account.
 */
export const openAccount = async (
  deps: Pick<CertificateDeps, "store" | "secretBox" | "clock" | "userAgent">,
  acme: AcmeSettings,
  signal: AbortSignal,
): Promise<AcmeClient> => {
  const { store, secretBox, clock } = deps;
  const place = accountKeyPlace(acme.directoryUrl);
  let account = await store.acmeAccount(acme.directoryUrl);
  if (!account) {
    account = {
      directory: acme.directoryUrl,
      url: null,
      keyCiphertext: await secretBox.seal(newKey(), place),
      keyVersion: secretBox.keyVersion,
      email: acme.email,
      createdAt: clock.nowMs(),
      pausedUntil: null,
      pauseReason: null,
    };
    await store.putAcmeAccount(account);
  }
  const client = await createAcmeClient({
    directoryUrl: acme.directoryUrl,
    accountKey: await secretBox.open(account.keyCiphertext, place),
    accountUrl: account.url,
    ca: acme.ca,
    userAgent: deps.userAgent,
    nowMs: clock.nowMs,
    signal,
  });
  if (account.url === null)
    await store.putAcmeAccount({
      ...account,
      url: await client.openAccount(acme.email, acme.externalAccount),
      email: acme.email,
    });
  return client;
};

/** The authority does not know the account any more; the next use makes it anew with the same key. */
export const forgetAccount = async (
  deps: Pick<CertificateDeps, "store">,
  directory: string,
): Promise<void> => {
  const account = await deps.store.acmeAccount(directory);
  if (account) await deps.store.putAcmeAccount({ ...account, url: null });
};

/** The authority wants to be left alone for a while; kept, so that a restart does not ask again. */
export const pauseAccount = async (
  deps: Pick<CertificateDeps, "store">,
  directory: string,
  untilMs: number,
  reason: string,
): Promise<void> => {
  const account = await deps.store.acmeAccount(directory);
  if (account)
    await deps.store.putAcmeAccount({ ...account, pausedUntil: Math.floor(untilMs), pauseReason: reason });
};
