import type { EngineFacts } from "../domain/engine-facts.ts";
import { AppError } from "../errors.ts";
import { type CertificateFacts, certificateFindings } from "./certificate-findings.ts";
import { type DiskFacts, diskFindings } from "./disk-findings.ts";
import { type EdgeFacts, edgeFinding, type NameFacts, nameFindings } from "./edge-findings.ts";
import { engineFindings } from "./engine-findings.ts";
import { fail, type Finding } from "./finding.ts";
import { type MachineFacts, machineFindings } from "./machine-findings.ts";

export interface DoctorDeps {
  /** @throws AppError when the engine does not answer */
  engine(): Promise<EngineFacts>;
  machine(): Promise<MachineFacts>;
  disk(): Promise<DiskFacts>;
  edge(): Promise<EdgeFacts>;
  /** `local` where there is nothing to look up. */
  names(): Promise<NameFacts | "local">;
  certificates(): Promise<CertificateFacts>;
  /** For each of them; 20 s by default. */
  deadlineMs?: number;
}

/** Looks at everything at once. What cannot be looked at is a finding of its own. */
export const examine = async (deps: DoctorDeps): Promise<Finding[]> => {
  const { deadlineMs = 20_000 } = deps;
  const look = async (check: string, mend: string, see: () => Promise<Finding[]>): Promise<Finding[]> => {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new AppError("unavailable", `no answer within ${deadlineMs / 1000} s`)),
      deadlineMs,
    );
    try {
      return await Promise.race([see(), late.promise]);
    } catch (error) {
      return [
        fail(check, error instanceof AppError ? error.publicMessage : "it could not be looked at", mend),
      ];
    } finally {
      clearTimeout(timer);
    }
  };
  const log = "journalctl -u croft tells more";
  const found = await Promise.all([
    look("docker", "systemctl start docker; journalctl -u docker tells more", async () =>
      engineFindings(await deps.engine()),
    ),
    look("machine", log, async () => machineFindings(await deps.machine())),
    look("volumes", log, async () => diskFindings(await deps.disk())),
    look("edge", log, async () => [edgeFinding(await deps.edge())]),
    look("names", log, async () => nameFindings(await deps.names())),
    look("certificates", log, async () => certificateFindings(await deps.certificates())),
  ]);
  return found.flat();
};
