// Rows about names and certificates, as `records.ts` says.

export interface DomainRecord {
  id: string;
  environmentId: string;
  name: string;
  isPrimary: number;
  redirectTo: string | null;
  tlsOn: number;
  verifiedAt: number | null;
  checkedAt: number | null;
  checks: number;
  lastError: string | null;
  nextCheckAt: number | null;
  expiresAt: number | null;
  createdAt: number;
  createdBy: string;
}

export interface AcmeAccountRecord {
  directory: string;
  url: string | null;
  keyCiphertext: string;
  keyVersion: number;
  email: string | null;
  createdAt: number;
  pausedUntil: number | null;
  pauseReason: string | null;
}

export interface DnsProviderRecord {
  id: string;
  zone: string;
  kind: "rfc2136" | "webhook";
  /** JSON. */
  settings: string;
  secretCiphertext: string;
  keyVersion: number;
  usedAt: number | null;
  lastError: string | null;
  createdAt: number;
  createdBy: string;
}

export interface CertificateRecord {
  id: string;
  source: "acme" | "upload";
  environmentId: string | null;
  name: string | null;
  /** JSON array of strings. */
  names: string | null;
  issuer: string | null;
  fingerprint: string | null;
  notBefore: number | null;
  notAfter: number | null;
  chain: string | null;
  keyCiphertext: string | null;
  keyVersion: number | null;
  directory: string | null;
  orderUrl: string | null;
  orderKeyCiphertext: string | null;
  attempts: number;
  lastError: string | null;
  lastErrorAt: number | null;
  nextAttemptAt: number | null;
  renewalCheckAt: number | null;
  createdAt: number;
  updatedAt: number;
}
