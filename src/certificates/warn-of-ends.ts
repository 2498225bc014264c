import { certificateView } from "../domain/certificate.ts";
import type { CertificateDeps } from "./deps.ts";

/** For a job: says in the log which certificates end soon, since only a person replaces them or their renewal fails. */
export const warnOfEnds = async ({
  store,
  clock,
  log,
}: Pick<CertificateDeps, "store" | "clock" | "log">): Promise<void> => {
  for (const row of await store.certificates()) {
    const view = certificateView(row, clock.nowMs());
    if (view.state !== "ending" && view.state !== "ended") continue;
    const { names, notAfter, source, error, nextStep } = view;
    log.warn(view.state === "ended" ? "a certificate has ended" : "a certificate ends soon", {
      names,
      notAfter,
      source,
      error,
      nextStep,
    });
  }
};
