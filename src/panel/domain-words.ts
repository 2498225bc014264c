import type { CertificateView, DomainView } from "../domain/views.ts";
import type { Word } from "./words.ts";

export const certificateWord = (certificate: CertificateView | null, nowMs: number): Word => {
  if (certificate?.notAfter) {
    if (Date.parse(certificate.notAfter) <= nowMs) return { text: "Certificate ended", tone: "rust" };
    return certificate.error
      ? { text: "HTTPS, renewal fails", tone: "amber" }
      : { text: "HTTPS", tone: "moss" };
  }
  if (certificate?.error) return { text: "No certificate yet", tone: "rust" };
  return certificate
    ? { text: "Certificate on its way", tone: "amber" }
    : { text: "Plain HTTP", tone: "quiet" };
};

export const domainWord = (domain: DomainView, nowMs: number): Word => {
  if (domain.state === "waiting") return { text: "Waits for DNS", tone: "amber" };
  if (domain.nextStep !== null) return { text: "Leads elsewhere", tone: "rust" };
  return certificateWord(domain.certificate, nowMs);
};

/** Whether something about it may change by itself soon. */
export const isMoving = (domain: Pick<DomainView, "state" | "certificate">): boolean =>
  domain.state === "waiting" || (domain.certificate !== null && domain.certificate.notAfter === null);

/** For ids and addresses within a page; `*.example.org` is a name, too. */
export const domainId = (name: string): string => `domain-${name.replaceAll(/[^a-z0-9.-]/g, "any")}`;
