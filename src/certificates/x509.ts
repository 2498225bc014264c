import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { AppError, invalid } from "../errors.ts";

/** What a leaf certificate says. */
export interface CertificateFacts {
  /** DNS names in the subject alternative name, lower case. */
  names: string[];
  /** For people: the organisation or common name of who signed it. */
  issuer: string;
  /** SHA-256, hex with colons. */
  fingerprint: string;
  notBeforeMs: number;
  notAfterMs: number;
}

/** Public authorities give 100; each is looked at for each host of the site. */
const mostNames = 250;

const block = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

const issuerOf = (certificate: X509Certificate): string => {
  const parts = new Map(
    certificate.issuer.split("\n").map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
  return [parts.get("O"), parts.get("CN")].filter(Boolean).join(" ") || "unknown";
};

/**
 * Reads a PEM chain, the leaf first, and makes sure that the key is the leaf's.
 * @throws AppError `invalid_input` naming `certificate` or `key`
 */
export const readChain = (
  chainPem: string,
  keyPem: string,
): CertificateFacts & { chain: string; key: string } => {
  const blocks = chainPem.match(block) ?? [];
  if (blocks.length === 0) throw invalid("certificate", "must be PEM: -----BEGIN CERTIFICATE----- …");
  if (blocks.length > 10) throw invalid("certificate", "must hold at most 10 certificates");
  const certificates = blocks.map(parseCertificate);
  const leaf = certificates[0]!;
  for (const [i, certificate] of certificates.entries())
    if (i > 0 && !certificates[i - 1]!.checkIssued(certificate))
      throw invalid("certificate", "must hold the site's own certificate first, then the one that signed it");
  const key = parseKey(keyPem);
  if (!leaf.checkPrivateKey(key)) throw invalid("key", "does not belong to the certificate");
  const names = [...(leaf.subjectAltName ?? "").matchAll(/DNS:([^,\s"]+)/g)].map((one) =>
    one[1]!.toLowerCase(),
  );
  if (names.length === 0) throw invalid("certificate", "names no host (subject alternative name)");
  if (names.length > mostNames) throw invalid("certificate", `must name at most ${mostNames} hosts`);
  const chain = blocks.map((one) => one + "\n").join("");
  const privateKey = key.export({ type: "pkcs8", format: "pem" }) as string;
  // The edge refuses a whole set for one that TLS cannot use, so that nobody would get a new certificate.
  try {
    createSecureContext({ cert: chain, key: privateKey });
  } catch {
    throw invalid("certificate", "cannot be used for TLS");
  }
  return {
    names,
    issuer: issuerOf(leaf),
    fingerprint: leaf.fingerprint256,
    notBeforeMs: Date.parse(leaf.validFrom),
    notAfterMs: Date.parse(leaf.validTo),
    chain,
    key: privateKey,
  };
};

const parseCertificate = (pem: string): X509Certificate => {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new AppError("invalid_input", "certificate: is damaged and cannot be read", {
      fields: [{ path: "certificate", message: "is damaged and cannot be read" }],
      cause,
    });
  }
};

/** What every browser takes. The edge cannot use P-224 at all. */
const curves = new Set(["prime256v1", "secp384r1"]);

const parseKey = (pem: string) => {
  if (/ENCRYPTED/.test(pem)) throw invalid("key", "must not be protected by a pass phrase");
  let key;
  try {
    key = createPrivateKey(pem);
  } catch {
    // The cause would carry parts of the key.
    throw invalid("key", "must be a private key in PEM: -----BEGIN PRIVATE KEY----- …");
  }
  const type = key.asymmetricKeyType;
  if (type !== "ec" && type !== "rsa") throw invalid("key", "must be an RSA or EC key");
  const { modulusLength: bits = 0, namedCurve = "" } = key.asymmetricKeyDetails ?? {};
  if (type === "ec" && !curves.has(namedCurve)) throw invalid("key", "must be on the curve P-256 or P-384");
  if (type === "rsa" && bits < 2048) throw invalid("key", "must have at least 2,048 bits");
  // All sites share the edge's processor: one handshake with 8,192 bits costs as much as a thousand requests.
  if (type === "rsa" && bits > 4096) throw invalid("key", "must have at most 4,096 bits");
  return key;
};
