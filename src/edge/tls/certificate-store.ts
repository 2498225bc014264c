import { join } from "node:path";
import type { CertificateSet } from "../../domain/edge.ts";
import type { Log } from "../../domain/log.ts";
import { readChecked, writeAtomically } from "../atomic-file.ts";
import { parseCertificateSet } from "./certificate-set.ts";

/** The certificates in force on disk (0600, the edge's own), so that a restarted edge serves HTTPS alone. */
export interface CertificateStore {
  /** Null when there are none, or the file is not whole. */
  load(): CertificateSet | null;
  /** Returns once they are on the disk. */
  save(set: CertificateSet): void;
}

export const createCertificateStore = (dir: string, log: Log): CertificateStore => {
  const path = join(dir, "certificates.json");
  return {
    load() {
      const read = readChecked(path);
      if (read.found === "no") return null;
      if (read.found === "torn") {
        log.error("the stored certificates are damaged and are not used; the daemon will send them anew", {
          path,
        });
        return null;
      }
      const parsed = parseCertificateSet(JSON.parse(read.text));
      if ("set" in parsed) return parsed.set;
      log.error("the stored certificates are not understood and are not used", {
        path,
        problem: parsed.problem,
      });
      return null;
    },
    save: (set) => writeAtomically(path, JSON.stringify(set), true),
  };
};
