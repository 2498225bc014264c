import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContext } from "node:tls";
import { z } from "zod";
import type { CertificateSet, EdgeCertificate } from "../../domain/edge.ts";
import { wildcardOf } from "../../domain/host-name.ts";
import { createSelfSigned } from "./self-signed.ts";

const label = "[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?";
const name = z
  .string()
  .max(253)
  .regex(
    new RegExp(`^(?:\\*\\.)?${label}(?:\\.${label})*$`),
    "a lower-case host name, or *. and a host name for one label",
  );
const pem = z.string().max(256 * 1024);

const certificateSet = z.strictObject({
  version: z.int().min(1),
  certificates: z
    .array(z.strictObject({ names: z.array(name).min(1), certificate: pem, key: pem }))
    .max(20_000),
  fallback: z.enum(["refuse", "self-signed"]),
});

/**
 * TLS 1.2 with forward secrecy and authenticated encryption alone; TLS 1.3 has no others. For every context, since
 * a handshake takes the list of the one that it ends up with.
 */
export const contextOptions = {
  minVersion: "TLSv1.2",
  ciphers: [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
  ].join(":"),
} as const;

/** A certificate ready for handshakes. */
export interface ServedCertificate {
  readonly names: ReadonlySet<string>;
  readonly context: SecureContext;
}

/** What handshakes choose from. Replaced as a whole; connections keep what they were made with. */
export interface CertificateBook {
  readonly version: number;
  readonly byName: ReadonlyMap<string, ServedCertificate>;
  /** For names without a certificate; null: such handshakes are refused. */
  readonly fallback: { certificate: string; key: string; context: SecureContext } | null;
}

export const emptyBook: CertificateBook = { version: 0, byName: new Map(), fallback: null };

/** @returns the set, or what is wrong with its form in words (never with any of the key's text) */
export const parseCertificateSet = (value: unknown): { set: CertificateSet } | { problem: string } => {
  const parsed = certificateSet.safeParse(value);
  return parsed.success ? { set: parsed.data } : { problem: z.prettifyError(parsed.error) };
};

/**
 * Makes a set ready; contexts of certificates that `before` has too are taken over.
 * @returns the book, or which certificate cannot be served and why
 */
export const bookOf = (
  set: CertificateSet,
  before: CertificateBook,
): { book: CertificateBook } | { problem: string } => {
  const known = new Map<string, SecureContext>();
  for (const served of new Set(before.byName.values())) known.set(fingerprints.get(served)!, served.context);
  const byName = new Map<string, ServedCertificate>();
  for (const one of set.certificates) {
    const fingerprint = new Bun.CryptoHasher("sha256").update(`${one.certificate}\0${one.key}`).digest("hex");
    let context = known.get(fingerprint);
    if (context === undefined) {
      const problem = problemOf(one);
      if (problem !== null) return { problem: `the certificate for ${one.names.join(", ")}: ${problem}` };
      try {
        context = createSecureContext({ ...contextOptions, cert: one.certificate, key: one.key });
      } catch (error) {
        return {
          problem: `the certificate for ${one.names.join(", ")} cannot be used: ${(error as Error).message}`,
        };
      }
    }
    const served: ServedCertificate = { names: new Set(one.names), context };
    fingerprints.set(served, fingerprint);
    for (const name of one.names) {
      if (byName.has(name)) return { problem: `two certificates are given for ${name}` };
      byName.set(name, served);
    }
  }
  return {
    book: {
      version: set.version,
      byName,
      fallback: set.fallback === "refuse" ? null : (before.fallback ?? selfSigned()),
    },
  };
};

const fingerprints = new WeakMap<ServedCertificate, string>();

const problemOf = ({ certificate, key }: EdgeCertificate): string | null => {
  let leaf: X509Certificate;
  try {
    leaf = new X509Certificate(certificate);
  } catch {
    return "certificate: is not a PEM certificate";
  }
  let privateKey: ReturnType<typeof createPrivateKey>;
  try {
    privateKey = createPrivateKey(key);
  } catch {
    return "key: is not an unencrypted PEM private key";
  }
  return leaf.checkPrivateKey(privateKey) ? null : "key: does not belong to the certificate";
};

const selfSigned = (): NonNullable<CertificateBook["fallback"]> => {
  const made = createSelfSigned("Croft self-signed", Date.now());
  return {
    ...made,
    context: createSecureContext({ ...contextOptions, cert: made.certificate, key: made.key }),
  };
};

/** The certificate for a name (lower case): its own, else the one of its domain's `*`. */
export const certificateFor = (book: CertificateBook, host: string): ServedCertificate | null =>
  book.byName.get(host) ?? book.byName.get(wildcardOf(host)) ?? null;

/** Whether the certificate was given for the name. */
export const covers = ({ names }: ServedCertificate, host: string): boolean =>
  names.has(host) || names.has(wildcardOf(host));
