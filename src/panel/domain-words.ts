import type { CertificateView, DomainView } from "../domain/views.ts";
import type { Word } from "./words.ts";

export const certificateWord = (certificate: CertificateView | null): Word => {
  switch (certificate?.state) {
    case undefined:
      return { text: "Plain HTTP", tone: "quiet" };
    case "waiting":
      return certificate.error
        ? { text: "No certificate yet", tone: "rust" }
        : { text: "Certificate on its way", tone: "amber" };
    case "ended":
      return { text: "Certificate ended", tone: "rust" };
    case "ending":
      return { text: "Certificate ends soon", tone: "amber" };
    case "valid":
      return certificate.error
        ? { text: "HTTPS, renewal fails", tone: "amber" }
        : { text: "HTTPS", tone: "moss" };
  }
};

export const domainWord = (domain: DomainView): Word => {
  if (domain.state === "waiting") return { text: "Waits for DNS", tone: "amber" };
  if (domain.nextStep !== null) return { text: "Leads elsewhere", tone: "rust" };
  return certificateWord(domain.certificate);
};

/** Whether something about it may change by itself soon. */
export const isMoving = (domain: Pick<DomainView, "state" | "certificate">): boolean =>
  domain.state === "waiting" || domain.certificate?.state === "waiting";

/** For ids and addresses within a page; `*.example.org` is a name, too. */
export const domainId = (name: string): string => `domain-${name.replaceAll(/[^a-z0-9.-]/g, "any")}`;
