/** What a container engine offers, as far as it says so itself. Versions as it prints them. */
export interface EngineFacts {
  version: string;
  /** Of its parts, by name (`containerd`, `runc`); empty where the engine does not say. */
  parts: Record<string, string>;
  cgroupVersion: 1 | 2;
  storageDriver: string;
  backingFilesystem: string;
  /** Options of the mount that images lie on, where this machine can see it; null otherwise. */
  mountOptions: string[] | null;
  liveRestore: boolean;
  /** Limits of memory count swap, too. */
  countsSwap: boolean;
  /** `seccomp`, `apparmor`, `userns`, `rootless` … */
  security: string[];
  /** What builds, and what of a build is bounded; for people. */
  builder: string;
  firewall: { holds: boolean; detail: string };
}
