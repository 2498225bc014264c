import { type BackupKind, type BackupManifest, storedBytes } from "./manifest.ts";

/** A backup as lists show it. Times are ISO 8601. */
export interface BackupView {
  id: string;
  kind: BackupKind;
  /** Folder that holds it. */
  path: string;
  bytes: number;
  createdAt: string;
  /** When it was last read back whole. */
  verifiedAt: string | null;
  /** `damaged`: its manifest cannot be read. `missing`: made once, but not where it was. */
  state: "whole" | "damaged" | "missing";
  croftVersion: string | null;
  migrations: string[];
  keyFingerprint: string | null;
  volumes: { id: string; name: string; site: string; environment: string }[];
  warnings: string[];
  notes: string[];
}

export const viewOf = (path: string, manifest: BackupManifest, verifiedAtMs: number | null): BackupView => ({
  id: manifest.id,
  kind: manifest.kind,
  path,
  bytes: storedBytes(manifest),
  createdAt: manifest.createdAt,
  verifiedAt: verifiedAtMs === null ? null : new Date(verifiedAtMs).toISOString(),
  state: "whole",
  croftVersion: manifest.croftVersion,
  migrations: manifest.migrations,
  keyFingerprint: manifest.keyFingerprint,
  volumes: manifest.parts.map((part) => part.volume).filter((volume) => volume != null),
  warnings: manifest.warnings,
  notes: manifest.notes,
});
